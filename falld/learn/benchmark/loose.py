"""The loose score that most papers give, to be set beside the strict one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.events import Events


@dataclass(frozen=True, slots=True)
class Loose:
    """Trials with an alarm anywhere in them, however long they are and whenever it came."""

    threshold: float
    """NaN where it is not one number."""
    sensitivity: float
    specificity: float

    @property
    def accuracy(self) -> float:
        """The mean of both, as SisFall's authors count it."""
        return (self.sensitivity + self.specificity) / 2


def loose(any_alarm: Mask, facts: Facts, chosen: Mask, threshold: float = np.nan) -> Loose:
    """By trial: any alarm in a fall trial is a hit, and a trial without a fall is right if it has none."""
    fell, not_fell = any_alarm[facts.fell & chosen], any_alarm[~facts.fell & chosen]
    return Loose(
        threshold,
        float(fell.mean()) if len(fell) else np.nan,
        float(1 - not_fell.mean()) if len(not_fell) else np.nan,
    )


def best_on_itself(events: Events, score: Floats, facts: Facts, chosen: Mask) -> Loose:
    """The best accuracy over all thresholds, chosen on the very trials that it is then told of."""
    highest = np.full(len(chosen), -np.inf)
    np.maximum.at(highest, events.trial, score)
    fell, other = np.sort(highest[facts.fell & chosen]), np.sort(highest[~facts.fell & chosen])
    steps = np.unique(highest[chosen])
    steps = steps[np.isfinite(steps)]
    if not (len(fell) and len(other) and len(steps)):
        return Loose(np.nan, np.nan, np.nan)
    sensitivity = 1 - np.searchsorted(fell, steps) / len(fell)
    specificity = np.searchsorted(other, steps) / len(other)
    best = int(np.argmax(sensitivity + specificity))
    return Loose(float(steps[best]), float(sensitivity[best]), float(specificity[best]))
