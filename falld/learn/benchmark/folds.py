"""Scores and thresholds for people that they were not chosen on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.baselines.method import Learner
from falld.learn.baselines.trace import Floats
from falld.learn.benchmark.counts import Counts, Curve, Facts, Mask, count, curve
from falld.learn.benchmark.harvest import Gathered, Harvest
from falld.learn.groups import GROUPS

FOLDS = 5
RATES = (0.5, 2.0, 6.0)
"""False alarms an hour of scripted activities at which methods are compared."""


@dataclass(frozen=True, slots=True)
class Split:
    """One fold: scores, the trials to choose thresholds on, and those to judge."""

    score: Floats
    """(c,) of the tuned and the tested trials; others may be anything."""
    tune: Mask
    test: Mask


def fold_of(harvest: Harvest) -> npt.NDArray[np.int64]:
    """(n,) the fold of each trial's person."""
    return np.array([zlib.crc32(trial.person.encode()) % FOLDS for trial in harvest.trials])


def by_person(harvest: Harvest, gathered: Gathered) -> Iterator[Split]:
    """Each fold judged by what the others taught.

    What learns is fitted on three folds, and its thresholds are chosen on the fourth; what does not learn has its
    thresholds chosen on all four.
    """
    fold = fold_of(harvest)
    for k in range(FOLDS):
        tuning = (k + 1) % FOLDS
        yield _split(gathered, (fold != k) & (fold != tuning), fold == tuning, fold == k)


def by_dataset(harvest: Harvest, gathered: Gathered, facts: Facts) -> Iterator[tuple[str, Split]]:
    """Each data set with falls or with ordinary life judged by what the others taught."""
    tuning = fold_of(harvest) == 0
    for name in np.unique(facts.dataset[facts.fell | facts.life]).tolist():
        people = np.unique(facts.person[facts.dataset == name])
        other = ~np.isin(facts.person, people)
        if facts.fell[other].any():
            yield name, _split(gathered, other & ~tuning, other & tuning, facts.dataset == name)


def _split(gathered: Gathered, train: Mask, tune: Mask, test: Mask) -> Split:
    events, method = gathered.candidates, gathered.method
    if not isinstance(method, Learner) or events.features is None:
        return Split(events.score, train | tune, test)
    taught = train[events.trial] & (events.label >= 0)
    score = np.zeros(len(events.trial))
    wanted = (tune | test)[events.trial]
    if taught.any():
        score[wanted] = method.fit(events.features[taught], events.label[taught]).score(events.features[wanted])
    return Split(score, tune, test)


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts on people that were neither learnt from nor chosen on."""

    counts: Counts
    tested: Mask
    thresholds: list[dict[str, float]]
    """Of each fold, by group of placements."""


class Judge:
    """Puts the folds of one method together.

    Args:
        harvest: trials and events.
        facts: of the trials.
        gathered: the method.
        splits: its folds.
    """

    def __init__(self, harvest: Harvest, facts: Facts, gathered: Gathered, splits: list[Split]) -> None:
        self._facts = facts
        self._gathered = gathered
        self._splits = splits
        self.n = len(harvest.trials)
        self._curves = [
            {g: curve(gathered.candidates, s.score, s.tune & (facts.group == g) & ~facts.life) for g in GROUPS}
            for s in splits
        ]
        self.score = np.full(len(gathered.candidates.trial), -np.inf)
        """(c,) each candidate's, by the fold that judges it."""
        for split in splits:
            rows = split.test[gathered.candidates.trial]
            self.score[rows] = split.score[rows]

    def at_rate(self, per_hour: float) -> Judged:
        """With thresholds that give at most so many false alarms an hour of scripted activity in the tuned trials."""
        thresholds = [
            self._choose(split, curves, per_hour) for split, curves in zip(self._splits, self._curves, strict=True)
        ]
        limit = np.full(self.n, np.inf)
        for split, chosen in zip(self._splits, thresholds, strict=True):
            for g in GROUPS:
                limit[split.test & (self._facts.group == g)] = chosen[g]
        return self._judged(limit, thresholds)

    def _choose(self, split: Split, curves: dict[str, Curve], per_hour: float) -> dict[str, float]:
        """By group; one that the tuned trials do not show takes the strictest of the others."""
        facts = self._facts
        found = {g: curves[g].at_most(facts, split.tune & (facts.group == g) & ~facts.life, per_hour) for g in GROUPS}
        shown = [threshold for threshold in found.values() if np.isfinite(threshold)]
        return {g: t if np.isfinite(t) or not shown else max(shown) for g, t in found.items()}

    def as_published(self, limit: Floats) -> Judged:
        """With the method's own thresholds, (n,)."""
        return self._judged(limit, [])

    def _judged(self, limit: Floats, thresholds: list[dict[str, float]]) -> Judged:
        events = self._gathered.candidates
        tested = np.logical_or.reduce([split.test for split in self._splits])
        alarm = (self.score >= limit[events.trial]) & tested[events.trial]
        return Judged(count(events, alarm, self.n), tested, thresholds)


def judges(
    harvest: Harvest, facts: Facts, gathered: Gathered, progress: Callable[[str], None]
) -> tuple[Judge, Judge | None]:
    """By person, and where there are several data sets with falls by data set."""
    progress(f"{gathered.method.name}: by person")
    people = Judge(harvest, facts, gathered, list(by_person(harvest, gathered)))
    progress(f"{gathered.method.name}: by data set")
    sets = [split for _, split in by_dataset(harvest, gathered, facts)]
    return people, Judge(harvest, facts, gathered, sets) if sets else None
