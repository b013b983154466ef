"""A detector bundle: a folder with `model.onnx`, its `card.yaml` and `SHA256SUMS`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import yaml
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from falld.detect.features import FEATURE_SET
from falld.detect.window import GRID_HZ
from falld.errors import FalldError

MODEL, CARD, SUMS = "model.onnx", "card.yaml", "SHA256SUMS"
_REINSTALL = "install the bundle again"
_QUIET = 3
"""onnxruntime's log level for errors alone: its warnings are about devices that a Pi does not have."""
_REFUSALS = (
    ort.Fail,
    ort.InvalidArgument,
    ort.InvalidGraph,
    ort.InvalidProtobuf,
    ort.NotImplemented,
    ort.RuntimeException,
)


class BundleError(FalldError):
    """A bundle that is damaged, or made for another falld."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A classifier and what must be known to use it."""

    name: str
    lowest_hz: float
    """A sensor below this rate cannot show an impact well enough."""
    thresholds: dict[str, float]
    """Probability from which a candidate is a fall, by placement; `unknown` is always there."""
    doubts: dict[str, float]
    """Probability from which a candidate is doubtful: a fall, unless the wearer walks again within 30 s."""
    features: int
    session: onnxruntime.InferenceSession
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle and check that it fits.

        Raises:
            BundleError: a file is missing or changed, or the model was made for other features.
        """
        _check_sums(folder)
        card = _read_card(folder / CARD)
        session = _open_model(folder / MODEL)
        bundle = cls(
            str(card["name"]),
            float(card["lowest_hz"]),
            {str(placement): float(value) for placement, value in card["thresholds"].items()},
            {str(placement): float(value) for placement, value in card["doubts"].items()},
            int(card["features"]),
            session,
            card,
        )
        shape = session.get_inputs()[0].shape
        if len(shape) != 2 or shape[1] != bundle.features:
            what = f"takes an input of shape {shape}, the card says {bundle.features} features"
            raise BundleError(str(folder / MODEL), what, _REINSTALL)
        return bundle

    def threshold(self, placement: str) -> float:
        """The probability from which a candidate at a placement is a fall."""
        return self.thresholds.get(placement, self.thresholds["unknown"])

    def doubt(self, placement: str) -> float:
        """The probability from which a candidate at a placement is followed up; at most the threshold."""
        return min(self.doubts.get(placement, self.doubts["unknown"]), self.threshold(placement))

    def probability(self, features: npt.NDArray[np.float32]) -> float:
        """Probability that one candidate is a fall.

        One at a time: a runtime may add up a batch in another order.

        Args:
            features: (d,).
        """
        (output,) = self.session.run(["probabilities"], {"features": features[None, :]})
        return float(output[0, 1])


def _check_sums(folder: Path) -> None:
    sums = folder / SUMS
    try:
        lines = sums.read_text("ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(str(sums), f"cannot be read ({error})", "name a bundle's folder, or " + _REINSTALL) from None
    named = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in (MODEL, CARD):
        path = folder / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise BundleError(str(path), f"cannot be read ({error.strerror})", _REINSTALL) from None
        if named.get(name) != found:
            raise BundleError(str(path), f"is not the file that {SUMS} names: damaged or changed", _REINSTALL)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleError(str(path), f"is not YAML ({error})", _REINSTALL) from None
    needed = {"name", "feature_set", "grid_hz", "lowest_hz", "features", "thresholds", "doubts"}
    said = isinstance(card, dict) and needed <= card.keys()
    if not said or "unknown" not in card["thresholds"] or "unknown" not in card["doubts"]:
        raise BundleError(str(path), f"does not say all of {', '.join(sorted(needed))}", _REINSTALL)
    if (card["feature_set"], card["grid_hz"]) != (FEATURE_SET, GRID_HZ):
        what = (
            f"is for features {card['feature_set']} at {card['grid_hz']} Hz, this falld has {FEATURE_SET} at {GRID_HZ}"
        )
        raise BundleError(str(path), what, "take a bundle made for this version of falld")
    read: dict[str, Any] = card
    return read


def _open_model(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _REFUSALS as error:
        raise BundleError(str(path), f"onnxruntime refuses it ({error})", _REINSTALL) from None
