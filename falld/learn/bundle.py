"""Writes a detector bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import onnx
import yaml
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.bundle import CARD, MODEL, SUMS

_OPSET = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime that still has wheels for a Pi."""


def write_bundle(folder: Path, model: HistGradientBoostingClassifier, card: dict[str, Any]) -> None:
    """Export a model and put its card and checksums beside it.

    Args:
        folder: made if need be; files in it are replaced.
        model: a fitted classifier.
        card: what `falld.detect.bundle` needs to know, and what a reader should.
    """
    width = int(model.n_features_in_)
    exported = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=_OPSET,
    )
    exported.producer_name, exported.producer_version, exported.domain, exported.doc_string = "falld", "", "", ""
    onnx.checker.check_model(exported)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(exported.SerializeToString(deterministic=True))
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD).write_text(text, "utf-8")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in (MODEL, CARD)]
    (folder / SUMS).write_text("".join(sums), "ascii")
