"""The scoring rule, trial by trial, so that any group and any resampling of people is a sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.detector import REFRACTORY_S
from falld.learn.baselines.trace import Floats
from falld.learn.benchmark.harvest import Events
from falld.learn.extract import Trial
from falld.learn.groups import group
from falld.learn.score import Score

Mask = npt.NDArray[np.bool_]
LIFE_HOURS = 1 / 3
"""A recording without a fall that is at least this long follows no script of movements: it is ordinary life."""
_STEPS = 100
"""Thresholds on a curve."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the trials are, as arrays of (n,)."""

    fell: Mask
    hours: Floats
    """Of trials without a fall; 0 in the others, as false alarms are per hour of other activities."""
    life: Mask
    person: npt.NDArray[np.int64]
    dataset: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]

    @classmethod
    def of(cls, trials: list[Trial]) -> Facts:
        fell = np.array([trial.truth.impact_s is not None for trial in trials], bool)
        hours = np.array([trial.hours for trial in trials])
        people = [trial.person for trial in trials]
        _, person = np.unique(people, return_inverse=True)
        return cls(
            fell,
            np.where(fell, 0.0, hours),
            ~fell & (hours >= LIFE_HOURS),
            person.astype(np.int64),
            np.array([trial.dataset for trial in trials]),
            np.array([group(trial.meta.placement) for trial in trials]),
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What some alarms come to, trial by trial: (n,) each."""

    hit: Mask
    alarms: npt.NDArray[np.int64]
    """False ones."""
    delay: Floats
    """Seconds from impact to the first hit; NaN where there is none."""
    any_alarm: Mask
    """There was an alarm, at whatever time."""

    def score(self, facts: Facts, chosen: Mask) -> Score:
        """The sum over the chosen trials."""
        return Score(
            int(np.count_nonzero(facts.fell & chosen)),
            int(np.count_nonzero(self.hit & chosen)),
            int(self.alarms[chosen].sum()),
            float(facts.hours[chosen].sum()),
        )


def count(events: Events, alarm: Mask, trials: int) -> Counts:
    """Apply the rule of `falld.learn.score`: 10 s refractory by `t`, a hit or else a false alarm.

    Args:
        events: in order.
        alarm: (c,) which of them are alarms.
        trials: how many there are.
    """
    hit = np.zeros(trials, bool)
    alarms = np.zeros(trials, np.int64)
    delay = np.full(trials, np.nan)
    rows = np.flatnonzero(alarm)
    any_alarm = np.zeros(trials, bool)
    any_alarm[events.trial[rows]] = True
    last_trial, blocked_until = -1, -np.inf
    columns = (events.trial[rows].tolist(), events.t[rows].tolist(), events.hit[rows].tolist(), rows.tolist())
    for trial, t, is_hit, row in zip(*columns, strict=True):
        if trial == last_trial and t < blocked_until:
            continue
        last_trial, blocked_until = trial, t + REFRACTORY_S
        if is_hit:
            if not hit[trial]:
                delay[trial] = events.delay[row]
            hit[trial] = True
        else:
            alarms[trial] += 1
    return Counts(hit, alarms, delay, any_alarm)


@dataclass(frozen=True, slots=True)
class Curve:
    """The counts at rising thresholds, (k, n) each."""

    thresholds: Floats
    hit: Mask
    alarms: npt.NDArray[np.int64]

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


def curve(events: Events, score: Floats, chosen: Mask) -> Curve:
    """Counts of the chosen trials at up to `_STEPS` thresholds, closer where few false alarms are left.

    The lowest lets everything through, each other one just leaves out a false alarm, and the highest all of them.

    Args:
        events: the candidates.
        score: (c,) of each.
        chosen: (n,) trials to look at; the others count nothing.
    """
    rows = chosen[events.trial] & np.isfinite(score)
    false = score[rows & ~events.hit]
    share: Floats = np.geomspace(1.0, 1.0 / max(2, len(false)), _STEPS - 2)
    lowest = score[rows].min(keepdims=True) if rows.any() else np.array([np.inf])
    left_out = np.quantile(false, [*(1.0 - share), 1.0], method="lower") if len(false) else false
    steps = np.unique(np.concatenate((lowest, np.nextafter(left_out, np.inf))))
    counts = [count(events, rows & (score >= step), len(chosen)) for step in steps.tolist()]
    return Curve(steps, np.array([one.hit for one in counts]), np.array([one.alarms for one in counts]))
