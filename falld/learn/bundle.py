"""Writes a detector bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import onnx
import yaml
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.bundle import CARD, MODEL, SUMS
from falld.learn.train import Model

_OPSET = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime that still has wheels for a Pi."""
_IR = 8
"""The file format of that time."""


def write_bundle(folder: Path, model: Model, card: dict[str, Any]) -> None:
    """Export a model and put its card and checksums beside it.

    Args:
        folder: made if need be; files in it are replaced.
        model: a fitted classifier.
        card: what `falld.detect.bundle` needs to know, and what a reader should.
    """
    exported = export(model)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(exported.SerializeToString(deterministic=True))
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD).write_text(text, "utf-8")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in (MODEL, CARD)]
    (folder / SUMS).write_text("".join(sums), "ascii")


def export(model: Model) -> onnx.ModelProto:
    """One graph from `features` (n, d) to `probabilities` (n, 2), the mean over the members."""
    nodes, initializers, said = [], [], []
    for number, member in enumerate(model.members):
        graph = onnx.compose.add_prefix_graph(_one(member, model.width).graph, f"m{number}/", rename_inputs=False)
        nodes += list(graph.node)
        initializers += list(graph.initializer)
        said.append(graph.output[1].name)
    nodes.append(helper.make_node("Mean", said, ["probabilities"], name="mean"))
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, model.width])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    merged = helper.make_graph(nodes, "falld", [features], [probabilities], initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    exported = helper.make_model(merged, opset_imports=opsets, ir_version=_IR, producer_name="falld")
    onnx.checker.check_model(exported)
    return exported


def _one(member: HistGradientBoostingClassifier, width: int) -> Any:
    return to_onnx(
        member,
        initial_types=[("features", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=_OPSET,
    )
