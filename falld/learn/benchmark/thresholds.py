"""The scoring rule at many thresholds at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.bursts import REFRACTORY_S
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.events import Events
from falld.learn.score import Score

_STEPS = 100
"""Thresholds on a curve."""
_EACH = 300
"""6 an hour in 25 h are 150 alarms; with what the refractory time takes in, some 300 candidates."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The counts at rising thresholds, (k, n) each."""

    thresholds: Floats
    hit: Mask
    alarms: npt.NDArray[np.int32]

    def at_most(self, facts: Facts, chosen: Mask, per_hour: float) -> float:
        """The lowest threshold at which the chosen trials keep to a rate of false alarms; infinite without hours."""
        hours = facts.hours[chosen].sum()
        if hours <= 0:
            return np.inf
        within = self.alarms[:, chosen].sum(axis=1) <= per_hour * hours
        # The rule's refractory time lets a rare count rise again: from here on all are within.
        steady = np.logical_and.accumulate(within[::-1])[::-1]
        return float(self.thresholds[np.argmax(steady)]) if steady.any() else np.inf

    def points(self, facts: Facts, chosen: Mask) -> list[tuple[float, Score]]:
        """Threshold and score over the chosen trials."""
        falls = int(np.count_nonzero(facts.fell & chosen))
        hours = float(facts.hours[chosen].sum())
        hits, alarms = self.hit[:, chosen].sum(axis=1).tolist(), self.alarms[:, chosen].sum(axis=1).tolist()
        scores = [Score(falls, h, a, hours) for h, a in zip(hits, alarms, strict=True)]
        return list(zip(self.thresholds.tolist(), scores, strict=True))


def curve(events: Events, score: Floats, chosen: Mask, steps: Floats | None = None) -> Curve:
    """Counts of the chosen trials at rising thresholds, as `count` has them.

    Args:
        events: the candidates.
        score: (c,) of each.
        chosen: (n,) trials to look at; the others count nothing.
        steps: the thresholds, rising; else those of `coarse`.
    """
    rows = np.flatnonzero(chosen[events.trial] & np.isfinite(score))
    if steps is None:
        steps = coarse(score[rows], events.hit[rows])
    hit, alarms = np.zeros((len(chosen), len(steps)), bool), np.zeros((len(chosen), len(steps)), np.int32)
    # A candidate is an alarm at all thresholds up to its score, and at some of them another one still blocks it.
    upto = np.searchsorted(steps, score[rows], "right")
    rows, upto = rows[upto > 0], upto[upto > 0]
    blocked_until = np.empty(len(steps))
    last_trial = -1
    columns = (events.trial[rows].tolist(), events.t[rows].tolist(), events.hit[rows].tolist(), upto.tolist())
    for trial, t, is_hit, end in zip(*columns, strict=True):
        if trial != last_trial:
            last_trial = trial
            blocked_until[:] = -np.inf
        free = blocked_until[:end] <= t
        blocked_until[:end][free] = t + REFRACTORY_S
        if is_hit:
            hit[trial, :end] |= free
        else:
            alarms[trial, :end] += free
    return Curve(steps, hit.T, alarms.T)


def coarse(score: Floats, hit: Mask) -> Floats:
    """Up to `_STEPS` thresholds, closer where few false alarms are left.

    The lowest lets everything through, each other one just leaves out a false alarm, and the highest all of them.

    Args:
        score: (c,) of the candidates.
        hit: (c,) whether each would be a hit.
    """
    false = score[~hit]
    share: Floats = np.geomspace(1.0, 1.0 / max(2, len(false)), _STEPS - 2)
    return _just_above(score, np.quantile(false, [*(1.0 - share), 1.0], method="lower") if len(false) else false)


def fine(score: Floats, hit: Mask) -> Floats:
    """Likewise, a threshold for each of the `_EACH` highest false alarms, and then one for every hundredth more."""
    false = np.sort(score[~hit])[::-1]
    rank = np.arange(min(_EACH, len(false)))
    if len(false) > _EACH:
        many = np.geomspace(_EACH, len(false), round(np.log(len(false) / _EACH) / np.log(1.01)) + 2)
        rank = np.concatenate((rank, many.astype(np.int64) - 1))
    return _just_above(score, false[rank])


def _just_above(score: Floats, left_out: Floats) -> Floats:
    lowest = score.min(keepdims=True) if len(score) else np.array([np.inf])
    return np.unique(np.concatenate((lowest, np.nextafter(left_out, np.inf))))
