"""Which falls are whole enough, and plain enough, to be judged where a data set is judged cleaned."""

from __future__ import annotations

import numpy as np

from falld.detect.window import APART, GATE_G, GRID_HZ, POST
from falld.learn.baselines.trace import Trace
from falld.learn.truth import LATE_S, Truth, teaches

RIVAL = 0.8
"""Of the impact's |a|: a point that reaches as much, where an alarm would be false, may be a fall as well, be it that
the sensor saturates or that somebody falls twice."""
_LATE = round(LATE_S * GRID_HZ)


def whole(course: Trace, truth: Truth) -> bool:
    """Whether a fall would teach, and its impact can be told.

    To teach is to have an impact that the gate lets through, and enough before and after it on a true clock: the rule
    by which candidates of any class are kept from the training, asked of the fall's own impact. It can be told where
    nothing comes near it that an alarm would be false for: more than a second before it, or 10 s after it.
    """
    if truth.impact_s is None:
        return False
    for segment in course.segments:
        i = round((truth.impact_s - segment.origin) * GRID_HZ)
        if 0 <= i < len(segment):
            first = max(0, i - APART)
            near = segment.magnitude[first : i + APART + 1]
            at = first + int(np.argmax(near))
            impact_t = float(segment.time(np.array([at]))[0])
            incomplete = at + POST >= len(segment)
            gated = bool(near.max() >= GATE_G)
            others = (segment.magnitude[: max(0, at - APART)], segment.magnitude[at + _LATE :])
            rivals = max(each.max(initial=0.0) for each in others) >= RIVAL * near.max()
            whole_of_it = teaches(truth, impact_t, incomplete=incomplete, clock=course.clock.kind)
            return gated and not rivals and whole_of_it
    return False
