"""Candidates to a classifier: a few gradient boosted forests that have seen other sensors as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.features import features
from falld.detect.window import GATE_G, GRID_HZ, PAD, POST, PRE, Windows
from falld.learn.augment import KINDS
from falld.learn.extract import Table
from falld.learn.groups import GROUPS, group

SEED = 1
MEMBERS = 3
SEEN = ("clip", "slip", "slow")
"""What the members have seen besides the recordings as they are."""
_AS = {"wrist": "wrist", "trunk": "waist", "other": "unknown"}
_TREES: dict[str, Any] = {
    "max_iter": 120,
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_bins": 127,
    "early_stopping": False,
}

Rows = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """Says the mean of what its members say."""

    members: tuple[HistGradientBoostingClassifier, ...]

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.members[0].n_features_in_)

    def probability(self, x: Features) -> npt.NDArray[np.float64]:
        """(n,) of (n, d) features."""
        mean: npt.NDArray[np.float64] = np.mean([member.predict_proba(x)[:, 1] for member in self.members], axis=0)
        return mean


class Examples:
    """All candidates as features: as they are, under other placements, cut short, and as other sensors show them."""

    def __init__(self, table: Table) -> None:
        self.table = table
        placements = [group(trial.meta.placement) for trial in table.trials]
        self.group = np.array(placements)[table.trial]
        self.under = {name: features(Windows(table.acc), place)[0] for name, place in _AS.items()}
        short = Windows(_shortened(table.acc))
        self.short = self._own({name: features(short, place)[0] for name, place in _AS.items()})
        self.own = self._own(self.under)
        self.seen: dict[str, Features] = {}
        self.passes: dict[str, npt.NDArray[np.bool_]] = {}
        for number, kind in enumerate(SEEN):
            acc = KINDS[kind](table.acc, np.random.default_rng((SEED, number)))
            self.seen[kind] = self._own({name: features(Windows(acc), place)[0] for name, place in _AS.items()})
            self.passes[kind] = (acc[:, PRE] ** 2).sum(axis=1) >= GATE_G**2
            del acc

    def _own(self, under: dict[str, Features]) -> Features:
        """Each candidate under the placement that it has."""
        out = np.empty_like(under["other"])
        for name in GROUPS:
            out[self.group == name] = under[name][self.group == name]
        return out


def fit(examples: Examples, rows: Rows) -> Model:
    """A classifier that has seen these candidates and no others."""
    rows = rows[examples.table.label[rows] >= 0]
    return Model(tuple(_member(examples, rows, number) for number in range(MEMBERS)))


def _member(examples: Examples, rows: Rows, number: int) -> HistGradientBoostingClassifier:
    """One forest. What counts less is taught in part, as scikit-learn's binning by weights takes minutes."""
    rng = np.random.default_rng((SEED, number))
    label = examples.table.label
    falls, others = rows[label[rows] == 1], rows[label[rows] == 0]

    def part(of: Rows, share: float) -> Rows:
        return of[rng.random(len(of)) < share]

    def seen(kind: str, of: Rows) -> tuple[Features, Rows]:
        return examples.seen[kind], of[examples.passes[kind][of]]

    # What is no fall at one place is none at another.
    foreign = [(name, part(others[examples.group[others] != name], 0.4)) for name in ("wrist", "trunk")]
    taught = [
        (examples.own, falls),
        (examples.own, others),
        *((examples.under[name], some) for name, some in foreign),
        (examples.under["other"], falls),
        (examples.under["other"], part(others, 0.3)),
        (examples.short, falls),
        (examples.short, part(others, 0.3)),
        *(seen(kind, falls) for kind in SEEN),
        *(seen(kind, part(others, 0.3)) for kind in SEEN),
    ]
    x = np.concatenate([features[some] for features, some in taught])
    y = np.concatenate([label[some] for _, some in taught])
    return HistGradientBoostingClassifier(**_TREES, random_state=SEED + number).fit(x, y)


def _shortened(acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Windows that end 0.1 to 2 s after the impact, padded as the product pads them."""
    out = acc.copy()
    ends = np.random.default_rng(SEED).integers(round(0.1 * GRID_HZ), round(2.0 * GRID_HZ), len(acc))
    for i, end in enumerate(ends.tolist()):
        stop = PRE + 1 + end
        if end < POST:
            out[i, stop:] = acc[i, stop - PAD : stop].mean(axis=0)
    return out
