"""Methods at equal false alarms: each threshold is set on the very trials that are judged, so that the rates are equal.

That compares how methods rank what they see, not how thresholds transfer. It is done again in every draw of people, so
the intervals hold what the choice of the threshold adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.learn.baselines.trace import Floats, Indices, Mask
from falld.learn.benchmark.bootstrap import Interval, draws
from falld.learn.benchmark.cells import Span, plain
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.events import Events
from falld.learn.benchmark.thresholds import curve, fine


@dataclass(frozen=True, slots=True)
class Point:
    """Where a method keeps to a rate."""

    threshold: float
    """Infinite where none does."""
    hits: int
    falls: int
    alarms: int
    """False ones."""
    hours: float
    drawn: Floats
    """(DRAWS,) share of the falls found in each draw of people; NaN where nobody drawn fell."""

    def share(self) -> Interval:
        """Share of the falls that is found, with the interval over people."""
        return _interval(self.hits / self.falls, self.drawn)

    def text(self) -> str:
        return Span(*self.share()).text()

    def json(self) -> dict[str, float | None]:
        said = {"hits": self.hits, "falls": self.falls, "alarms": self.alarms, "hours": self.hours}
        return said | {"threshold": plain(self.threshold), **Span(*self.share()).json()}


class Sweep:
    """Falls found and false alarms of each person, at rising thresholds.

    Args:
        events: the candidates of a method.
        score: (c,) each by a model that never saw its person.
        facts: of the trials.
        falls: (n,) the falls that are judged.
        lab: (n,) the trials whose hours the rate is of.
        alarms: (n,) the trials whose false alarms count; None: those of the falls too.
    """

    def __init__(
        self,
        events: Events,
        score: Floats,
        facts: Facts,
        falls: Mask,
        lab: Mask,
        *,
        alarms: Mask | None = None,
    ) -> None:
        chosen = falls | lab
        rows = chosen[events.trial] & np.isfinite(score)
        found = curve(events, score, chosen, fine(score[rows], events.hit[rows]))
        people, person = np.unique(facts.person[chosen], return_inverse=True)
        self._thresholds = found.thresholds

        def by_person(values: Floats) -> Floats:
            """(people, ...) sums of (trials, ...)."""
            sums = np.zeros((len(people), *values.shape[1:]))
            np.add.at(sums, person, values)
            return sums

        self._hits = by_person(found.hit.T[chosen].astype(np.float64))
        counted = found.alarms.T if alarms is None else found.alarms.T * alarms[:, None]
        self._alarms = by_person(counted[chosen].astype(np.float64))
        self._falls = by_person(falls[chosen].astype(np.float64))
        self._hours = by_person(facts.hours[chosen])

    def at(self, per_hour: float) -> Point:
        """At the lowest threshold with at most so many false alarms an hour, in all and in every draw."""
        once = np.ones((1, len(self._falls)))
        step, hits = self._within(once, per_hour)
        chosen = int(step[0])
        some = chosen < len(self._thresholds)
        drawn = draws(len(self._falls))
        falls = drawn @ self._falls
        with np.errstate(invalid="ignore"):
            shares = np.where(falls > 0, self._within(drawn, per_hour)[1] / falls, np.nan)
        return Point(
            float(self._thresholds[chosen]) if some else np.inf,
            round(float(hits[0])),
            round(float(self._falls.sum())),
            round(float(self._alarms[:, chosen].sum())) if some else 0,
            float(self._hours.sum()),
            shares,
        )

    def _within(self, drawn: Floats, per_hour: float) -> tuple[Indices, Floats]:
        """Which threshold each draw of (draws, people) takes, one too many if none is strict enough, and the hits."""
        within = drawn @ self._alarms <= per_hour * (drawn @ self._hours)[:, None]
        within &= (drawn @ self._hours > 0)[:, None]
        # The rule's refractory time lets a rare count rise again: from here on all are within.
        steady = np.logical_and.accumulate(within[:, ::-1], axis=1)[:, ::-1]
        step = np.where(steady.any(axis=1), np.argmax(steady, axis=1), within.shape[1])
        hits = np.concatenate((drawn @ self._hits, np.zeros((len(drawn), 1))), axis=1)
        return step, np.take_along_axis(hits, step[:, None], axis=1)[:, 0]


def difference(first: Point, second: Point) -> Interval:
    """How much more the first method finds of the same falls, with the paired interval over people."""
    return _interval((first.hits - second.hits) / first.falls, first.drawn - second.drawn)


def _interval(value: float, drawn: Floats) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return value, np.nan, np.nan
    low, high = np.quantile(known, (0.025, 0.975)).tolist()
    return value, low, high
