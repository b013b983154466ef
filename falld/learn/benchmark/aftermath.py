"""Whether the person who fell stays down or walks away, as far as a recording shows it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from falld.detect.window import GRID_HZ
from falld.learn.baselines.peaks import around
from falld.learn.baselines.trace import Segment, Trace

STAYS, WALKS, UNTOLD = "stays down", "walks away", "cannot be told"
_FROM_S = 2.0
"""The rebound of the impact itself is over by then."""
_NEEDED_S = 6.0
"""Less after the impact shows neither rest nor a few steps."""
_STEP_G = 0.12
"""Least swing of the smoothed |a| around its mean that is a step: slow walking shows 0.15 g."""
_STEPS_S = 3.0
_FEWEST = 5
"""Steps in `_STEPS_S`: 1.6 a second, the slow end of ordinary walking."""
_TURNED_COS = 0.7
"""Within 45 degrees of the posture before the fall: upright again."""


def aftermath(course: Trace, impact_s: float | None) -> str:
    """`WALKS` where steps are seen in the posture of before, `UNTOLD` where the recording ends too soon.

    Made of the recording alone, by a rule of thumb; nobody watched.
    """
    if impact_s is None:
        return ""
    for segment in course.segments:
        i = round((impact_s - segment.origin) * GRID_HZ)
        if 0 <= i < len(segment):
            if len(segment) - i < _NEEDED_S * GRID_HZ:
                return UNTOLD
            return WALKS if _walks(segment, i) else STAYS
    return UNTOLD


def _walks(segment: Segment, impact: int) -> bool:
    before = around(segment.acc, np.array([impact]), -2.0, -1.0).mean(axis=1)[0]
    start = impact + round(_FROM_S * GRID_HZ)
    direction = uniform_filter1d(segment.acc[start:], round(GRID_HZ), axis=0, mode="nearest")
    scale = np.maximum(np.linalg.norm(direction, axis=1) * np.linalg.norm(before), 1e-6)
    upright = direction @ before / scale >= _TURNED_COS
    magnitude = segment.magnitude[start:].astype(np.float64)
    swing = uniform_filter1d(magnitude, 5, mode="nearest") - uniform_filter1d(magnitude, round(GRID_HZ), mode="nearest")
    high = (swing >= _STEP_G) & upright
    steps = np.flatnonzero(high[1:] & ~high[:-1])
    if len(steps) < _FEWEST:
        return False
    spread = steps[_FEWEST - 1 :] - steps[: len(steps) - _FEWEST + 1]
    return bool((spread <= _STEPS_S * GRID_HZ).any())
