"""An impact after which the wearer lies, and perhaps lies still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.baselines.impact import FLOOR_G
from falld.learn.baselines.method import Found, gather
from falld.learn.baselines.peaks import around, peaks, told
from falld.learn.baselines.trace import Floats, Segment, Trace

_VERTICAL_G = 0.5
"""A vertical acceleration below this is a lying wearer; it is the cosine of 60 degrees."""
_LYING_S = 2.4
"""The posture is looked at 2 s after the impact, for 0.4 s."""
_STILL_G = 0.1
"""Spread of |a| of a person who lies still, with room for an arm that moves; walking shows 0.15 and more."""
_STILL_S = 4.0


@dataclass(frozen=True, slots=True)
class Kangas:
    """Impact, then posture, and with `inactivity` also rest."""

    inactivity: bool = False

    @property
    def name(self) -> str:
        return "kangas-inactivity" if self.inactivity else "kangas-posture"

    @property
    def source(self) -> str:
        posture = (
            "Kangas et al., Gait & Posture 28:285 (2008), algorithm 1: total sum vector of at least 2.0 g, then 2 s "
            "later a vertical acceleration below 0.5 g, averaged over 0.4 s. The vertical is not the sensor's axis "
            "but the mean direction from 2 to 1 s before the impact, as the mounting is not known; no 0.25 Hz filter."
        )
        rest = (
            " Then rest: from 2 to 4 s after the impact |a| spreads by less than 0.1 g. Impact, posture and inactivity "
            "is the common scheme; this limit and time are of this project, not of the paper."
        )
        return posture + rest if self.inactivity else posture

    def threshold(self, placement: str) -> float:
        return 2.0

    def found(self, trace: Trace) -> Found:
        return gather(self._parts(trace))

    def _parts(self, trace: Trace) -> Iterator[tuple[Floats, Floats, Floats]]:
        for segment in trace.segments:
            at = peaks(segment.magnitude, FLOOR_G)
            at = at[lying(segment, at)]
            if self.inactivity:
                at = at[around(segment.magnitude, at, 2.0, _STILL_S).std(axis=1) < _STILL_G]
            yield told(segment, at, segment.magnitude[at], _STILL_S if self.inactivity else _LYING_S)


def lying(segment: Segment, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(c,) whether after each impact the earlier vertical is no longer vertical."""
    before = around(segment.acc, at, -2.0, -1.0).mean(axis=1)
    after = around(segment.acc, at, 2.0, _LYING_S).mean(axis=1)
    up = before / np.maximum(np.linalg.norm(before, axis=1, keepdims=True), 1e-6)
    fallen: npt.NDArray[np.bool_] = (up * after).sum(axis=1) < _VERTICAL_G
    return fallen
