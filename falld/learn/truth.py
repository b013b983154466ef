"""What really happened in a recording: the impact of its fall, and which candidates can teach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from falld.samples.block import Block
from falld.samples.recording import Meta

EARLY_S = 1.0
"""Which of two peaks is "the" impact is uncertain."""
LATE_S = 10.0
"""An alert that comes later is not about this impact."""
_NEAR_S = 1.0
"""A candidate this near is the fall's own impact; others around it are neither taught as falls nor as anything else."""
_AFTERMATH_S = 12.0
BEFORE_S = 1.5
"""Recording that a candidate needs before it to teach: less would teach how trials begin."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One recording's fall, if there was one."""

    impact_s: float | None
    """Seconds on the recording's clock; None: nobody fell."""
    start_s: float

    def hit(self, impact_t: float, t: float) -> bool:
        """Whether an event is about the fall."""
        return self.impact_s is not None and impact_t >= self.impact_s - EARLY_S and t <= self.impact_s + LATE_S

    def label(self, impact_t: float) -> int:
        """What a candidate teaches: 1 a fall, 0 none, -1 nothing."""
        if self.impact_s is None or impact_t < self.impact_s - EARLY_S or impact_t > self.impact_s + _AFTERMATH_S:
            return 0
        return 1 if abs(impact_t - self.impact_s) <= _NEAR_S else -1


def truth(meta: Meta, blocks: Iterable[Block], rate_hz: float, *, nominal: bool) -> Truth:
    """Find the impact by the scoring rule.

    It is the one given; else the largest |a| from the fall's start to 2 s after its end; else of the recording.

    Args:
        meta: what is known of the recording.
        blocks: all of it.
        rate_hz: its rate.
        nominal: whether to go by the rate and not by the stamps.
    """
    parts = list(blocks)
    t = np.concatenate([part.t for part in parts])
    if nominal:
        t = t[0] + np.arange(len(t)) / rate_hz
    acc = np.concatenate([part.acc for part in parts])
    magnitude = np.sqrt((acc * acc).sum(axis=1))
    fallen = bool(meta.falls) if meta.is_fall is None else meta.is_fall
    return Truth(_impact(meta, t, magnitude) if fallen else None, float(t[0]))


def _impact(meta: Meta, t: np.ndarray[tuple[int], np.dtype[np.float64]], magnitude: np.ndarray[tuple[int]]) -> float:
    for fall in meta.falls:
        if fall.impact_s is not None:
            return fall.impact_s
        if fall.onset_s is not None and fall.end_s is not None:
            inside = (t >= fall.onset_s) & (t <= fall.end_s + 2.0)
            if inside.any():
                return float(t[inside][np.argmax(magnitude[inside])])
    return float(t[np.argmax(magnitude)])


def teaches(truth: Truth, impact_t: float, *, incomplete: bool, clock: str) -> bool:
    """Whether a candidate is whole enough to learn from: what comes before and after it is there, on a true clock.

    The rule cannot see the class. It leaves out falls that were cut at the impact and trials cut anywhere alike.
    """
    return impact_t - truth.start_s >= BEFORE_S and not incomplete and clock == "stamps"
