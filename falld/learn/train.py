"""Candidates to a classifier: gradient boosted forests and small networks, which have seen other sensors as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.features import NAMES, NUMBERS, PLACES, features
from falld.detect.smooth import smoothed
from falld.detect.window import Windows
from falld.learn.augment import another
from falld.learn.extract import Table
from falld.learn.groups import group
from falld.learn.network import Network, train_network

SEED = 1
FORESTS, NETWORKS, COPIES = 3, 3, 6
"""Each forest also learns from copies of its own, each network from all."""
NETWORK_SHARE = 0.5
"""Of the networks in the sum of logits, beside the forests that learnt from copies."""
PLAIN_SHARE = 1 / 3
"""Of the forest that learnt from no copies, at the trunk, where so each kind of member counts the same; elsewhere it
counts nothing."""
SMOOTH_SHARE = 1 / 3
"""Of what the model says of an impact smoothed, beside what it says of it as it is, everywhere but at the trunk. It
learns from impacts as they are; taught smoothed ones instead it finds fewer falls at the wrist."""
_PLACED = slice(len(NAMES) - len(PLACES), len(NAMES))
AT_TRUNK = np.r_[len(NAMES) - len(PLACES) + PLACES.index("trunk")]
"""Column of the features: 1 at the trunk, else 0."""
OF_FOREST = np.r_[0:NUMBERS, _PLACED]
OF_NETWORK = np.r_[NUMBERS : len(NAMES)]
"""Columns of the features: forests see the numbers, networks the course, both the placement."""
_FLAGS = {"wrist": (1.0, 0.0), "trunk": (0.0, 1.0), "other": (0.0, 0.0)}
_TREES: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_bins": 127,
    "early_stopping": False,
}
_PLAIN: dict[str, Any] = {"max_features": 0.1, "early_stopping": False}
"""Each cut looks at a tenth of the numbers, chosen by chance: with all of them, and without copies, a forest fits the
known data sets better and those that are not worse."""

Rows = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """Adds up what its members say, in logits."""

    forests: tuple[HistGradientBoostingClassifier, ...]
    networks: tuple[Network, ...]
    plain: HistGradientBoostingClassifier

    def probability(self, x: Features, smooth: Features) -> npt.NDArray[np.float64]:
        """(n,) of (n, d) features of impacts as they are, and of the same smoothed."""
        logit = self.logit(x)
        logit += SMOOTH_SHARE * (1 - x[:, AT_TRUNK[0]].astype(np.float64)) * (self.logit(smooth) - logit)
        probability: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logit))
        return probability

    def logit(self, x: Features) -> npt.NDArray[np.float64]:
        """(n,) of (n, d) features."""
        forest = np.mean([each.decision_function(x[:, OF_FOREST]) for each in self.forests], axis=0)
        network = np.mean([each.logit(x[:, OF_NETWORK]) for each in self.networks], axis=0)
        logit: npt.NDArray[np.float64] = (1 - NETWORK_SHARE) * forest + NETWORK_SHARE * network
        share = PLAIN_SHARE * x[:, AT_TRUNK[0]].astype(np.float64)
        logit += share * (self.plain.decision_function(x[:, OF_FOREST]) - logit)
        return logit


class Examples:
    """All candidates as features: as they are, smoothed, and in other ways."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.group = np.array([group(trial.meta.placement) for trial in table.trials])[table.trial]
        self.own, self.smooth = as_features(table), as_features(as_smoothed(table))
        self.copies: list[Features] = []
        self.passes: list[npt.NDArray[np.bool_]] = []
        for number in range(COPIES):
            rng = np.random.default_rng((SEED, number))
            acc, passes = another(table.acc, _donors(table, self.group, rng), rng)
            self.copies.append(as_features(replace(table, acc=acc)))
            self.passes.append(passes)


def as_features(table: Table) -> Features:
    """(c, d) of all candidates, each under the placement that it has."""
    x, _ = features(Windows(table.acc), "unknown")
    place = np.array([_FLAGS[group(trial.meta.placement)] for trial in table.trials], np.float32)
    x[:, _PLACED] = place[table.trial]
    return x


def as_smoothed(table: Table) -> Table:
    """The same candidates smoothed, as a model is shown them besides."""
    return replace(table, acc=smoothed(table.acc))


def fit(examples: Examples, rows: Rows) -> Model:
    """A classifier that has seen these candidates and no others."""
    rows = rows[examples.table.label[rows] >= 0]
    forests = tuple(_forest(examples, rows, number) for number in range(FORESTS))
    networks = tuple(_network(examples, rows, number) for number in range(NETWORKS))
    plain = HistGradientBoostingClassifier(**_PLAIN, random_state=SEED)
    return Model(forests, networks, plain.fit(examples.own[rows][:, OF_FOREST], examples.table.label[rows]))


def _forest(examples: Examples, rows: Rows, number: int) -> HistGradientBoostingClassifier:
    """What counts less is taught in part, as scikit-learn's binning by weights takes minutes."""
    rng = np.random.default_rng((SEED, number))
    label = examples.table.label
    falls, others = rows[label[rows] == 1], rows[label[rows] == 0]

    def part(of: Rows, share: float) -> Rows:
        return of[rng.random(len(of)) < share]

    taught: list[tuple[Features, Rows, str | None]] = [
        (examples.own, falls, None),
        (examples.own, others, None),
        # What is no fall at one place is none at another.
        *((examples.own, part(others[examples.group[others] != name], 0.4), name) for name in ("wrist", "trunk")),
        (examples.own, falls, "other"),
        (examples.own, part(others, 0.3), "other"),
    ]
    for i in range(number, COPIES, FORESTS):
        passed = examples.passes[i]
        taught += [(examples.copies[i], some[passed[some]], None) for some in (falls, part(others, 0.4))]
    x = np.concatenate([_under(x[some][:, OF_FOREST], place) for x, some, place in taught])
    y = np.concatenate([label[some] for _, some, _ in taught])
    return HistGradientBoostingClassifier(**_TREES, random_state=SEED + number).fit(x, y)


def _network(examples: Examples, rows: Rows, number: int) -> Network:
    rng = np.random.default_rng((SEED, number))
    label = examples.table.label

    def epoch(x: Features, passed: npt.NDArray[np.bool_]) -> tuple[Features, npt.NDArray[np.int64]]:
        some = rows[passed[rows]]
        some = np.concatenate((some, some[label[some] == 1]))  # Falls are rare: twice.
        taught, y, chance = x[some][:, OF_NETWORK], label[some], rng.random(len(some))
        swapped, hidden = (chance < 0.3) & (y == 0), chance > 0.85
        taught[swapped, -2:] = taught[swapped, -2:][:, ::-1]
        taught[hidden, -2:] = 0
        return taught, y

    everything = np.ones(len(label), bool)
    seen = [(examples.own, everything), *zip(examples.copies, examples.passes, strict=True)]
    return train_network((epoch(x, passed) for x, passed in seen * 2), SEED + number)


def _under(x: Features, place: str | None) -> Features:
    if place is not None:
        x[:, -2:] = _FLAGS[place]
    return x


def _donors(table: Table, groups: npt.NDArray[np.str_], rng: np.random.Generator) -> Rows:
    """(c,) for each candidate another one of the same person and place that is no fall; -1: there is none."""
    person = [table.trials[trial].person for trial in table.trial.tolist()]
    at: dict[tuple[str, str], list[int]] = {}
    for i in np.flatnonzero(table.label == 0).tolist():
        at.setdefault((person[i], str(groups[i])), []).append(i)
    found = np.full(len(person), -1, np.int64)
    for i, who in enumerate(person):
        some = at.get((who, str(groups[i])))
        if some is not None:
            found[i] = some[int(rng.random() * len(some))]
    return found
