"""Scores and thresholds for people that they were not chosen on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.counts import Counts, Facts, count
from falld.learn.benchmark.events import RESPONDER_LATE_S, Events, Gathered
from falld.learn.benchmark.folds import Fold
from falld.learn.benchmark.thresholds import Curve, curve
from falld.learn.groups import GROUPS
from falld.learn.truth import EARLY_S

RATES = (0.5, 2.0, 6.0)
"""False alarms an hour of scripted activities at which methods are compared."""


@dataclass(frozen=True, slots=True)
class Split:
    """One fold of one method: scores, the trials to choose thresholds on, and those to judge."""

    score: Floats
    """(c,) of the tuned and the tested trials; others may be anything."""
    tune: Mask
    test: Mask


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
        facts: of the trials.
        gathered: the method.
        splits: its folds.
        lab: (n,) the trials whose false alarms an hour are held to a rate.
    """

    def __init__(self, facts: Facts, gathered: Gathered, splits: Sequence[Split], lab: Mask) -> None:
        self._facts = facts
        self._splits = splits
        self._lab = lab
        self.gathered = gathered
        self.n = len(facts.fell)
        self.tested: Mask = np.logical_or.reduce([split.test for split in splits])
        self._curves = [
            {g: curve(gathered.candidates, s.score, s.tune & self._shown(g)) for g in GROUPS} for s in splits
        ]
        self.score = np.full(len(gathered.candidates.trial), -np.inf)
        """(c,) each candidate's, by the fold that judges it."""
        for one in splits:
            rows = one.test[gathered.candidates.trial]
            self.score[rows] = one.score[rows]

    def _shown(self, group: str) -> Mask:
        shown: Mask = (self._facts.group == group) & (self._lab | self._facts.fell)
        return shown

    def at_rate(self, per_hour: float) -> Judged:
        """With thresholds that give at most so many false alarms an hour in the tuned trials."""
        thresholds = [
            self._choose(split, curves, per_hour) for split, curves in zip(self._splits, self._curves, strict=True)
        ]
        limit = np.full(self.n, np.inf)
        for one, chosen in zip(self._splits, thresholds, strict=True):
            for g in GROUPS:
                limit[one.test & (self._facts.group == g)] = chosen[g]
        return self._judged(self.score >= limit[self.gathered.candidates.trial], thresholds)

    def _choose(self, of: Split, curves: dict[str, Curve], per_hour: float) -> dict[str, float]:
        """By group; one that the tuned trials do not show takes the strictest of the others."""
        found = {g: curves[g].at_most(self._facts, of.tune & self._shown(g), per_hour) for g in GROUPS}
        shown = [threshold for threshold in found.values() if np.isfinite(threshold)]
        return {g: t if np.isfinite(t) or not shown else max(shown) for g, t in found.items()}

    def own(self) -> Judged:
        """With the method's own thresholds, or its very events where it has more than scores."""
        if self.gathered.falls is not None:
            return Judged(self._all(self.gathered.falls), self.tested, [])
        return self._judged(self._alarms()[0], [])

    def heard(self) -> Counts:
        """What of its own alarms reaches a responder."""
        if self.gathered.heard is not None:
            return self._all(self.gathered.heard)
        if self.gathered.alarms is not None:
            return self._judged(self._alarms()[1], []).counts
        events = self.until_responder()
        return count(events, self._alarms()[0] & self.tested[events.trial], self.n)

    def until_responder(self) -> Events:
        """The candidates, each a hit where a responder who hears of it comes in time."""
        events = self.gathered.candidates
        impact = self._facts.impact[events.trial]
        late = (events.impact_t >= impact - EARLY_S) & (events.t <= impact + RESPONDER_LATE_S)
        return replace(events, hit=late)

    def _all(self, events: Events) -> Counts:
        return count(events, self.tested[events.trial], self.n)

    def _alarms(self) -> tuple[Mask, Mask]:
        """The candidates told of and heard of, (c,) each, by the method's own thresholds."""
        trial = self.gathered.candidates.trial
        if self.gathered.alarms is None:
            limits = {p: self.gathered.method.threshold(p) for p in np.unique(self._facts.placement).tolist()}
            told = self.score >= np.array([limits[p] for p in self._facts.placement.tolist()])[trial]
            return told, told
        told, heard = np.zeros(len(trial), bool), np.zeros(len(trial), bool)
        for one in self._splits:
            by_fold = self.gathered.alarms(one.score, one.tune)
            rows = one.test[trial]
            told[rows], heard[rows] = by_fold[0][rows], by_fold[1][rows]
        return told, heard

    def _judged(self, alarm: Mask, thresholds: list[dict[str, float]]) -> Judged:
        events = self.gathered.candidates
        return Judged(count(events, alarm & self.tested[events.trial], self.n), self.tested, thresholds)


def splits(gathered: Gathered, folds: Sequence[Fold], scores: Iterable[Floats]) -> list[Split]:
    """The folds of a method: what does not learn has all but the judged people to choose its thresholds on."""
    learns = gathered.study is not None
    return [
        Split(score, fold.tune if learns else fold.train | fold.tune, fold.test)
        for fold, score in zip(folds, scores, strict=True)
    ]
