"""The scoring rule, trial by trial, so that any group and any resampling of people is a sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.bursts import REFRACTORY_S
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.events import Events
from falld.learn.extract import Trial
from falld.learn.groups import group
from falld.learn.score import Score

LIFE_HOURS = 1 / 3
"""A recording without a fall that is at least this long follows no script of movements: it is ordinary life."""


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
    placement: npt.NDArray[np.str_]
    impact: Floats
    """Seconds on the trial's clock; NaN where nobody fell."""

    @classmethod
    def of(cls, trials: list[Trial]) -> Facts:
        impact = np.array([np.nan if trial.truth.impact_s is None else trial.truth.impact_s for trial in trials])
        fell = ~np.isnan(impact)
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
            np.array([trial.meta.placement for trial in trials]),
            impact,
        )

    @property
    def with_falls(self) -> npt.NDArray[np.str_]:
        """The data sets with falls, in order."""
        return np.unique(self.dataset[self.fell])

    @property
    def scripted(self) -> Mask:
        """Without a fall, and not ordinary life."""
        return ~self.fell & ~self.life

    @property
    def lab(self) -> Mask:
        """What the data sets with falls have besides them: the activities that are likest to falls."""
        return self.scripted & np.isin(self.dataset, self.with_falls)


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
