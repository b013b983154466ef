"""Methods that look at the size of the acceleration alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from falld.learn.baselines.method import Found, gather
from falld.learn.baselines.peaks import APART_S, around, peaks, told
from falld.learn.baselines.trace import Floats, Trace

FLOOR_G = 1.5
"""Peaks below this are not looked at: brisk walking reaches it with every other step."""


@dataclass(frozen=True, slots=True)
class Magnitude:
    """|a| above a threshold."""

    name: ClassVar[str] = "magnitude"
    source: ClassVar[str] = (
        "The simplest detector there is, |a| of at least 2.5 g, as in many apps; the threshold is of no single paper."
    )

    def threshold(self, placement: str) -> float:
        return 2.5

    def found(self, trace: Trace) -> Found:
        return gather(self._parts(trace))

    def _parts(self, trace: Trace) -> Iterator[tuple[Floats, Floats, Floats]]:
        for segment in trace.segments:
            at = peaks(segment.magnitude, FLOOR_G)
            yield told(segment, at, segment.magnitude[at], APART_S)


@dataclass(frozen=True, slots=True)
class Bourke:
    """A dip, then a peak of |a|: the lower and the upper fall threshold."""

    name: ClassVar[str] = "bourke"
    source: ClassVar[str] = (
        "Bourke, O'Brien, Lyons, Gait & Posture 26:194 (2007): upper and lower threshold of 3.52 and 0.41 g on the "
        "trunk, 2.74 and 0.60 g on the thigh. The paper judges each alone; here, as later users have it, the upper "
        "one counts if the lower one was reached in the second before. Other placements take the trunk's."
    )
    _DIP_S: ClassVar[float] = 1.0

    def threshold(self, placement: str) -> float:
        return 2.74 if placement == "thigh" else 3.52

    def found(self, trace: Trace) -> Found:
        return gather(self._parts(trace, 0.60 if trace.placement == "thigh" else 0.41))

    def _parts(self, trace: Trace, lower: float) -> Iterator[tuple[Floats, Floats, Floats]]:
        for segment in trace.segments:
            at = peaks(segment.magnitude, FLOOR_G)
            at = at[around(segment.magnitude, at, -self._DIP_S, 0.0).min(axis=1) <= lower]
            yield told(segment, at, segment.magnitude[at], APART_S)


@dataclass(frozen=True, slots=True)
class MinMax:
    """Both a small and a large |a| within a short window, in any order."""

    name: ClassVar[str] = "minmax"
    source: ClassVar[str] = (
        "OpenSeizureDetector, Android app, fall detection as of its first defaults: below 0.2 g and above 1.2 g "
        "within 1.5 s."
    )
    _LOW_G: ClassVar[float] = 0.2
    _HIGH_G: ClassVar[float] = 1.2
    _WINDOW_S: ClassVar[float] = 1.48
    """The farthest that two of the window's 75 points lie apart."""

    def threshold(self, placement: str) -> float:
        return self._HIGH_G

    def found(self, trace: Trace) -> Found:
        return gather(self._parts(trace))

    def _parts(self, trace: Trace) -> Iterator[tuple[Floats, Floats, Floats]]:
        for segment in trace.segments:
            at = peaks(segment.magnitude, self._HIGH_G)
            at = at[around(segment.magnitude, at, -self._WINDOW_S, self._WINDOW_S).min(axis=1) < self._LOW_G]
            yield told(segment, at, segment.magnitude[at], self._WINDOW_S)
