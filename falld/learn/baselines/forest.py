"""Sliding windows with a random forest: what most papers on wearable fall detection do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import RandomForestClassifier

from falld.detect.window import GRID_HZ
from falld.learn.baselines.method import Features, Found
from falld.learn.baselines.trace import Floats, Segment, Trace

SEED = 1
_WINDOW = round(2.0 * GRID_HZ)
_STEP = _WINDOW // 2
_MOVING_G = 1.2
"""A window in which |a| stays below this has no impact and is not judged: nine in ten of an ordinary day."""
_MOST_NEGATIVES = 20_000
"""Windows without a fall that are learnt from, drawn at random: some five to a fall, and a fit takes seconds."""

_STATISTICS = ("mean", "std", "min", "max")
FEATURES = (
    *(f"{axis} {what}" for axis in "xyz" for what in _STATISTICS),
    *(f"|a| {what}" for what in (*_STATISTICS, "range", "skewness", "kurtosis", "mean crossings")),
    *(f"correlation {pair}" for pair in ("xy", "xz", "yz")),
    "signal magnitude area",
    *(f"jerk {what}" for what in ("mean", "std", "max")),
    "turn",
)


@dataclass(frozen=True, slots=True)
class Forest:
    """Two-second windows with half overlap, 28 features, 100 trees."""

    name: ClassVar[str] = "forest"
    source: ClassVar[str] = (
        "The usual sliding window of 2 s with half overlap, 28 statistics of axes, |a| and jerk, and a random forest "
        "(100 trees, Breiman 2001); a scheme, of no single paper. An alarm from a probability of 0.5."
    )

    def threshold(self, placement: str) -> float:
        return 0.5

    def found(self, trace: Trace) -> Found:
        parts = list(self._parts(trace))
        if not parts:
            return Found(np.empty(0), np.empty(0), np.empty(0), np.empty((0, len(FEATURES)), np.float32))
        impact_t, t, features = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Found(impact_t, t, np.zeros(len(t)), features)

    def _parts(self, trace: Trace) -> Iterator[tuple[Floats, Floats, Features]]:
        for segment in trace.segments:
            if len(segment) < _WINDOW:
                continue
            start = _starts(segment)
            peak = start + np.argmax(sliding_window_view(segment.magnitude, _WINDOW)[start], axis=1)
            rows = window_features(sliding_window_view(segment.acc, _WINDOW, axis=0)[start].transpose(0, 2, 1))
            yield segment.time(peak), segment.when(start + _WINDOW - 1), rows

    def fit(self, features: Features, label: npt.NDArray[np.int64]) -> ForestModel:
        negative = np.flatnonzero(label == 0)
        if len(negative) > _MOST_NEGATIVES:
            negative = np.sort(np.random.default_rng(SEED).choice(negative, _MOST_NEGATIVES, replace=False))
        rows = np.concatenate((np.flatnonzero(label == 1), negative))
        trees = RandomForestClassifier(100, min_samples_leaf=2, random_state=SEED)
        return ForestModel(trees.fit(features[rows], label[rows]))


@dataclass(frozen=True, slots=True)
class ForestModel:
    """A fitted forest."""

    trees: RandomForestClassifier

    def score(self, features: Features) -> Floats:
        """(c,) probabilities of a fall."""
        probability: Floats = self.trees.predict_proba(features)[:, 1]
        return probability


def _starts(segment: Segment) -> npt.NDArray[np.int64]:
    """First points of the windows in which something moves; the last one ends with the segment."""
    last = len(segment) - _WINDOW
    start = np.unique(np.append(np.arange(0, last + 1, _STEP), last))
    moving: npt.NDArray[np.int64] = start[
        sliding_window_view(segment.magnitude, _WINDOW)[start].max(axis=1) >= _MOVING_G
    ]
    return moving


def window_features(windows: npt.NDArray[np.float32]) -> Features:
    """(c, 28) of (c, w, 3) in g, named by `FEATURES`."""
    magnitude = np.sqrt((windows * windows).sum(axis=2))
    columns: list[npt.NDArray[np.floating]] = []
    for axis in range(3):
        columns += _statistics(windows[:, :, axis])
    columns += _statistics(magnitude)
    mean, std = columns[12], np.maximum(columns[13], 1e-6)
    centred = (magnitude - mean[:, None]) / std[:, None]
    columns += [np.ptp(magnitude, axis=1), (centred**3).mean(axis=1), (centred**4).mean(axis=1)]
    columns.append((np.diff(centred > 0, axis=1) != 0).sum(axis=1).astype(np.float32))
    columns += _correlations(windows)
    columns.append(np.abs(windows).sum(axis=2).mean(axis=1))
    jerk = np.sqrt((np.diff(windows, axis=1) ** 2).sum(axis=2)) * GRID_HZ
    columns += [jerk.mean(axis=1), jerk.std(axis=1), jerk.max(axis=1)]
    columns.append(_turn(windows))
    return np.stack(columns, axis=1).astype(np.float32)


def _statistics(x: npt.NDArray[np.float32]) -> list[npt.NDArray[np.floating]]:
    return [x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(axis=1)]


def _correlations(windows: npt.NDArray[np.float32]) -> list[npt.NDArray[np.floating]]:
    centred = windows - windows.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1), 1e-6)
    return [
        (centred[:, :, i] * centred[:, :, j]).mean(axis=1) / (spread[:, i] * spread[:, j])
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]


def _turn(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """Angle in radians between the mean directions of the first and the last half second."""
    half = round(0.5 * GRID_HZ)
    first, last = windows[:, :half].mean(axis=1), windows[:, -half:].mean(axis=1)
    scale = np.maximum(np.linalg.norm(first, axis=1) * np.linalg.norm(last, axis=1), 1e-6)
    angle: npt.NDArray[np.floating] = np.arccos(np.clip((first * last).sum(axis=1) / scale, -1.0, 1.0))
    return angle
