"""The scoring rule: event by event, what a responder would have got."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.bursts import REFRACTORY_S
from falld.learn.extract import Table
from falld.learn.intervals import percent, poisson

RECOVERED_S = 20.0
"""A fall whose wearer walks again so soon after it was told makes no sound."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over some trials; they add up."""

    falls: int = 0
    hits: int = 0
    alarms: int = 0
    """False ones."""
    hours: float = 0.0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.falls + other.falls, self.hits + other.hits, self.alarms + other.alarms, self.hours + other.hours
        )

    def describe(self, *, per_day: bool) -> dict[str, object]:
        """Counts, shares and rates with their 95 % intervals; false alarms a day or an hour."""
        said: dict[str, object] = {}
        if self.falls:
            said |= {"falls": self.falls, "hits": self.hits, "sensitivity": percent(self.hits, self.falls)}
        if self.hours:
            time = self.hours / 24 if per_day else self.hours
            rate, (low, high) = self.alarms / time, poisson(self.alarms, time)
            said |= {"hours": round(self.hours, 2), "false_alarms": self.alarms}
            said[f"false_alarms_per_{'day' if per_day else 'hour'}"] = f"{rate:.2f} [{low:.2f}, {high:.2f}]"
        return said


def score(
    table: Table,
    probability: npt.NDArray[np.float64],
    threshold: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.bool_],
) -> Score:
    """Score the chosen trials.

    An event within `REFRACTORY_S` of a counted one does not count, by `t`. Hours are those of trials without a
    fall, as false alarms are per hour of other activities; a false alarm in a fall trial counts as well.

    Args:
        table: the candidates.
        probability: (c,) of each, from a model that never saw its person.
        threshold: (c,) that applies to each.
        chosen: (trials,) which trials to score.
    """
    return _count(table, np.flatnonzero(probability >= threshold), chosen)


def heard(
    table: Table,
    probability: npt.NDArray[np.float64],
    threshold: npt.NDArray[np.float64],
    doubt: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.bool_],
) -> Score:
    """Score what a responder hears in the end: falls after which nobody was up within 20 s, and confirmed doubts.

    Args:
        doubt: (c,) the probability from which a candidate is followed up.
    """
    sure = (probability >= threshold) & ~taken_back(table)
    confirmed = (probability < threshold) & (probability >= doubt) & np.isinf(table.walk_t)
    return _count(table, np.flatnonzero(sure | confirmed), chosen)


def taken_back(table: Table) -> npt.NDArray[np.bool_]:
    """Which candidates, (c,), would make no sound if they were told: their wearer is soon up and walking."""
    back: npt.NDArray[np.bool_] = table.walk_t <= table.t + RECOVERED_S
    return back


def outcomes(table: Table, events: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """What events come to in each trial, after the refractory time.

    Args:
        table: the candidates.
        events: numbers of those that are events, in order.

    Returns:
        (trials,) whether its fall was hit, and (trials,) how many false alarms.
    """
    hit, alarms = np.zeros(len(table.trials), bool), np.zeros(len(table.trials), np.int64)
    counted = np.full(len(table.trials), -np.inf)
    for i in events.tolist():
        trial, t = int(table.trial[i]), float(table.t[i])
        if t < counted[trial] + REFRACTORY_S:
            continue
        counted[trial] = t
        if table.hit[i]:
            hit[trial] = True
        else:
            alarms[trial] += 1
    return hit, alarms


def _count(table: Table, events: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]) -> Score:
    hit, alarms = outcomes(table, events[chosen[table.trial[events]]])
    total = Score(hits=int(hit.sum()), alarms=int(alarms.sum()))
    for one in (trial for trial, wanted in zip(table.trials, chosen.tolist(), strict=True) if wanted):
        total += Score(hours=one.hours) if one.truth.impact_s is None else Score(falls=1)
    return total
