"""A cap on one wearer's false alarms: who sets off more than the budget is judged by higher limits."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

STEP = 0.1
"""Logits between two limits that may be in force."""
STEPS = 10
"""At most 1 logit above the bundle's threshold: odds of a third."""
WATCHED = 5
"""The doubtful limit follows this many steps behind, so at most half a logit: what is no fall at once any more is first
a doubt, confirmed 30 s later unless somebody walks, and silent only where that does not keep the budget either."""
BUDGET_PER_DAY = 3.0
"""What a home has where it does not say: half as much again as the bundle is made for, so that it binds for restless
wearers alone, and about what a responder can look into every day."""
DESIGN_PER_DAY = 2.0
"""Alarms that a bundle's limits are chosen for: one that is told at once, and as many again that are confirmed."""
PRIOR_DAYS = 2.0
"""For how many days of evidence the design rate stands."""
LOOKS_PER_DAY = 86400
DECAY = 0.5 ** (1 / 7)
"""Of all evidence, at the end of each observed day: a week old, it counts half. After months it stands for 10 days."""
RECENT = 32
"""Alarms that a person's answer can still take out of the count: those of ten days at the usual budget."""


@lru_cache(maxsize=64)
def ladder(limit: float) -> tuple[float, ...]:
    """The `STEPS` + 1 probabilities that a limit may be raised to, itself first; one that nothing reaches stays."""
    if not 0 < limit < 1:
        return (limit,) * (STEPS + 1)
    logit = math.log(limit / (1 - limit))
    return limit, *(max(limit, round(1 / (1 + math.exp(-logit - STEP * k)), 6)) for k in range(1, STEPS + 1))


def doubtful_ladder(limit: float) -> tuple[float, ...]:
    """The same of the probability from which a candidate is followed up."""
    return (limit,) * WATCHED + ladder(limit)[: STEPS + 1 - WATCHED]


class Budget:
    """Counts what would have been alarms at the bundle's own limits by how high the limits would have to be to stay
    silent, and says how high they are.

    An alarm is what a `fall` or a `confirmed` begins; each counts as false until a person says otherwise. With `n`
    alarms in `T` days the rate's expectation under a Gamma prior of shape `PRIOR_DAYS * DESIGN_PER_DAY` and rate
    `PRIOR_DAYS` is `(PRIOR_DAYS * DESIGN_PER_DAY + n) / (PRIOR_DAYS + T)`. That is within the budget `B` where
    `n <= PRIOR_DAYS * (B - DESIGN_PER_DAY) + B * T`, and the lowest limits with so few alarms above them are in force.
    So at 3 a day two alarms are free, and in the first hour the third, not a single fall, moves anything.

    Args:
        per_day: the budget. One below the design rate is taken for the design rate too: nothing is raised unseen.
    """

    def __init__(self, per_day: float) -> None:
        self._per_day = per_day
        self._free = PRIOR_DAYS * max(0.0, per_day - DESIGN_PER_DAY)
        self._alarms = np.zeros(STEPS + 1)
        """By the highest step at which each would still have been one."""
        self._days = 0.0
        """Whole ones that were observed, decayed as the alarms are."""
        self._looks = 0
        """Seconds of the day that is not whole yet."""
        self._recent: list[list[float]] = []
        """Impact, step and weight of each of the latest alarms."""
        self._falls: list[float] = []
        """Impacts that are known for true falls before they were counted."""

    @property
    def raised(self) -> int:
        """Steps that the limits are raised by."""
        allowed = self._free + self._per_day * (self._days + self._looks / LOOKS_PER_DAY)
        above = 0.0
        for step in range(STEPS, -1, -1):
            above += float(self._alarms[step])
            if above > allowed:
                return min(step + 1, STEPS)
        return 0

    def look(self) -> None:
        """Another second was observed. Time is counted so, and not by stamps, as it goes on over gaps and reboots."""
        self._looks += 1
        if self._looks == LOOKS_PER_DAY:
            self._days, self._looks = (self._days + 1) * DECAY, 0
            self._alarms *= DECAY
            for alarm in self._recent:
                alarm[2] *= DECAY

    def count(self, impact_t: float, probability: float, limits: Sequence[float]) -> None:
        """Something came of a candidate.

        Args:
            limits: the ladder that it had to reach for it.
        """
        step = bisect_right(limits, probability) - 1
        if impact_t in self._falls:
            self._falls.remove(impact_t)
        elif step >= 0:
            self._alarms[step] += 1
            self._recent = [*self._recent, [impact_t, step, 1.0]][-RECENT:]

    def was_fall(self, impact_t: float) -> None:
        """The alarm with this impact was a true one."""
        for alarm in self._recent:
            if alarm[0] == impact_t:
                self._alarms[int(alarm[1])] = max(0.0, float(self._alarms[int(alarm[1])]) - alarm[2])
                self._recent.remove(alarm)
                return
        self._falls = [*self._falls, impact_t][-RECENT:]

    def dump(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {
            "alarms": self._alarms.copy(),
            "days": self._days,
            "looks": self._looks,
            "recent": [list(alarm) for alarm in self._recent],
            "falls": list(self._falls),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on with what `dump` gave; the budget itself may be another."""
        self._alarms = np.array(saved["alarms"], np.float64).reshape(STEPS + 1)
        self._days, self._looks = float(saved["days"]), int(saved["looks"])
        self._recent = [list(alarm) for alarm in saved["recent"]]
        self._falls = list(saved["falls"])
