"""A detector bundle: a folder with `model.onnx`, its `card.yaml`, its `reference.npz` and `SHA256SUMS`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import yaml
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from falld.detect.features import FEATURE_SET
from falld.detect.reference import AT_ONCE, Probabilities, Reference
from falld.detect.smooth import shown
from falld.detect.window import GRID_HZ, Windows
from falld.errors import FalldError

MODEL, CARD, REFERENCE, SUMS = "model.onnx", "card.yaml", "reference.npz", "SHA256SUMS"
SUMMED = (MODEL, CARD, REFERENCE)
_INPUT, _OUTPUT = "features", "probabilities"
_REINSTALL = "install the bundle again"
_QUIET = 3
"""onnxruntime's log level for errors alone: its warnings are about devices that a Pi does not have."""
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where it is there: a card is read seven times as fast."""
_REFUSALS = (
    ort.Fail,
    ort.InvalidArgument,
    ort.InvalidGraph,
    ort.InvalidProtobuf,
    ort.NotImplemented,
    ort.RuntimeException,
)


class BundleError(FalldError):
    """A bundle that is damaged, made for another falld, or not understood by this machine."""


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
    session: onnxruntime.InferenceSession
    card: dict[str, Any]
    batches: bool = False
    """Whether candidates that are run together get the same probabilities, to the bit, as alone."""

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle, check that it fits, and try it on its reference cases.

        Raises:
            BundleError: a file is missing or changed, the model was made for other features, or it gives other
                probabilities on this machine than where it was made.
        """
        check_sums(folder)
        return cls.untried(folder)._tried(folder / REFERENCE)

    @classmethod
    def untried(cls, folder: Path) -> Bundle:
        """Read a bundle without its checksums and reference cases, which are made by means of it.

        Raises:
            BundleError: model or card is missing or not for this falld.
        """
        card = _read_card(folder / CARD)
        session = _open_model(folder / MODEL, card["features"])
        try:
            return cls(
                str(card["name"]),
                float(card["lowest_hz"]),
                {str(placement): float(value) for placement, value in card["thresholds"].items()},
                {str(placement): float(value) for placement, value in card["doubts"].items()},
                session,
                card,
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise BundleError(str(folder / CARD), f"has a value of the wrong kind ({error})", _REINSTALL) from None

    def threshold(self, placement: str) -> float:
        """The probability from which a candidate at a placement is a fall."""
        return self.thresholds.get(placement, self.thresholds["unknown"])

    def doubt(self, placement: str) -> float:
        """The probability from which a candidate at a placement is followed up; at most the threshold."""
        return min(self.doubts.get(placement, self.doubts["unknown"]), self.threshold(placement))

    def probabilities(self, windows: Windows, placement: str) -> Probabilities:
        """Probability of each of c candidates that it is a fall; the same, to the bit, in any company.

        Args:
            windows: around their impacts.
            placement: where the wearable sits.

        Returns:
            (c,).

        Raises:
            BundleError: the runtime fails.
        """
        return self._judge(windows, placement, AT_ONCE if self.batches else 1)

    def _judge(self, windows: Windows, placement: str, at_once: int) -> Probabilities:
        rows = shown(windows, placement)
        found = np.empty(len(rows), np.float32)
        try:
            for start in range(0, len(rows), at_once):
                some = slice(start, start + at_once)
                (output,) = self.session.run([_OUTPUT], {_INPUT: rows[some]})
                found[some] = output[:, 1]
        except _REFUSALS as error:
            raise BundleError(f"bundle {self.name}", f"cannot judge a candidate ({error})", _REINSTALL) from None
        return found

    def _tried(self, path: Path) -> Bundle:
        try:
            reference = Reference.from_bytes(path.read_bytes())
        except ValueError as error:
            raise BundleError(str(path), f"holds no reference cases ({error})", _REINSTALL) from None
        deviation = reference.deviation(self._judge)
        if deviation is not None:
            raise BundleError(str(path), deviation, f"install {reference.made_with}, or take another bundle")
        return replace(self, batches=reference.same_at_once(self._judge))


def check_sums(folder: Path) -> None:
    """That the files of a bundle are those that it was made with.

    Raises:
        BundleError: one is missing or changed.
    """
    sums = folder / SUMS
    try:
        lines = sums.read_text("ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(str(sums), f"cannot be read ({error})", "name a bundle's folder, or " + _REINSTALL) from None
    named = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in SUMMED:
        path = folder / name
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise BundleError(str(path), f"cannot be read ({error.strerror})", _REINSTALL) from None
        if named.get(name) != found:
            raise BundleError(str(path), f"is not the file that {SUMS} names: damaged or changed", _REINSTALL)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = yaml.load(path.read_text("utf-8"), Loader=_YAML)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleError(str(path), f"is not YAML ({error})", _REINSTALL) from None
    needed = {"name", "feature_set", "grid_hz", "lowest_hz", "features", "thresholds", "doubts"}
    limits = [card.get(name) for name in ("thresholds", "doubts")] if isinstance(card, dict) else [None]
    if not all(isinstance(each, dict) and "unknown" in each for each in limits) or not needed <= card.keys():
        raise BundleError(str(path), f"does not say all of {', '.join(sorted(needed))}", _REINSTALL)
    if (card["feature_set"], card["grid_hz"]) != (FEATURE_SET, GRID_HZ):
        what = (
            f"is for features {card['feature_set']} at {card['grid_hz']} Hz, this falld has {FEATURE_SET} at {GRID_HZ}"
        )
        raise BundleError(str(path), what, "take a bundle made for this version of falld")
    read: dict[str, Any] = card
    return read


def _open_model(path: Path, width: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _REFUSALS as error:
        raise BundleError(str(path), f"onnxruntime refuses it ({error})", _REINSTALL) from None
    takes = {each.name: each.shape[1:] for each in session.get_inputs()}
    gives = {each.name: each.shape[1:] for each in session.get_outputs()}
    if takes != {_INPUT: [2, width]} or gives.get(_OUTPUT) != [2]:
        what = f"takes {takes} and gives {gives}, not 2 times {width} {_INPUT} and 2 {_OUTPUT} as the card says"
        raise BundleError(str(path), what, _REINSTALL)
    return session
