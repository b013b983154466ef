"""Candidates to a classifier: gradient boosted trees, and how they are fed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.features import features
from falld.detect.window import GRID_HZ, POST, PRE, Windows
from falld.learn.extract import Table

SEED = 1
_TREES: dict[str, Any] = {
    "max_iter": 150,
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": SEED,
}
GROUPS = ("wrist", "trunk", "other")
_TRUNK = ("waist", "hip", "chest", "thigh", "neck")
_PAD = 25
"""Points that stand for what is missing, as `falld.detect.window.cut` does it."""


def group(placement: str) -> str:
    """Placements that share a threshold."""
    return "trunk" if placement in _TRUNK else "wrist" if placement == "wrist" else "other"


class Examples:
    """All candidates as features, once for each placement that they are taught under.

    Ordinary life on the wrist is also taught as if it were on the trunk and the other way round: what is no fall at
    one place is none at the other. All is taught as of an unknown placement too, and with windows cut short, so that
    an impact at which the wearable broke is judged by what it saw.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.placement = table.of_trials(trial.meta.placement for trial in table.trials)
        windows = Windows(table.acc)
        self._as = {name: features(windows, place)[0] for name, place in _AS.items()}
        self._short = {name: features(Windows(_shortened(table.acc)), place)[0] for name, place in _AS.items()}

    def own(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Features as the product computes them."""
        out = np.empty((len(rows), self._as["other"].shape[1]), np.float32)
        groups = np.array([group(str(place)) for place in self.placement[rows]])
        for name in GROUPS:
            out[groups == name] = self._as[name][rows[groups == name]]
        return out

    def taught(
        self, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Features, labels and weights of what these candidates teach."""
        rows = rows[self.table.label[rows] >= 0]
        label = self.table.label[rows]
        groups = np.array([group(str(place)) for place in self.placement[rows]])
        parts: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], float]] = [(self.own(rows), label, 1.0)]
        for name in ("wrist", "trunk"):
            other = rows[(label == 0) & (groups != name)]
            parts.append((self._as[name][other], np.zeros(len(other), np.int64), 0.5))
        some = rows[(label == 1) | (np.arange(len(rows)) % 3 == 0)]
        parts.append((self._as["other"][some], self.table.label[some], 0.5))
        place = np.array([group(str(p)) for p in self.placement[some]])
        for name in GROUPS:
            of_group = some[place == name]
            parts.append((self._short[name][of_group], self.table.label[of_group], 0.5))
        weights = np.concatenate([np.full(len(y), w) for _, y, w in parts])
        return np.concatenate([x for x, _, _ in parts]), np.concatenate([y for _, y, _ in parts]), weights


_AS = {"wrist": "wrist", "trunk": "waist", "other": "unknown"}


def _shortened(acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Windows that end 0.1 to 2 s after the impact, padded as the product pads them; seeded."""
    out = acc.copy()
    ends = np.random.default_rng(SEED).integers(round(0.1 * GRID_HZ), round(2.0 * GRID_HZ), len(acc))
    for i, end in enumerate(ends.tolist()):
        stop = PRE + 1 + end
        if end < POST:
            out[i, stop:] = acc[i, stop - _PAD : stop].mean(axis=0)
    return out


def fit(examples: Examples, rows: npt.NDArray[np.int64]) -> HistGradientBoostingClassifier:
    """A classifier that has seen these candidates."""
    x, y, weights = examples.taught(rows)
    return HistGradientBoostingClassifier(**_TREES).fit(x, y, sample_weight=weights)


def probability(
    model: HistGradientBoostingClassifier, examples: Examples, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Probability of a fall for each of these candidates."""
    found: npt.NDArray[np.float64] = model.predict_proba(examples.own(rows))[:, 1]
    return found
