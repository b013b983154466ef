"""Largest values of a signal, and what lies around them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from falld.detect.window import GRID_HZ
from falld.learn.baselines.trace import Floats, Indices, Segment

APART_S = 1.0
"""A peak is the largest within this time on both sides, and is told when that time has passed."""
APART = round(APART_S * GRID_HZ)


def peaks(signal: npt.NDArray[np.floating], floor: float) -> Indices:
    """Indices of the (first) largest values within `APART` on both sides that reach `floor`.

    Args:
        signal: (n,) values.
        floor: the least that is of interest.
    """
    largest = maximum_filter1d(signal, 2 * APART + 1, mode="nearest")
    at = np.flatnonzero((signal == largest) & (signal >= floor))
    # A clipped sensor gives the same largest value many times over: the first of each run within reach stands.
    kept: list[int] = []
    for i in at.tolist():
        if not kept or i - kept[-1] > APART:
            kept.append(i)
    return np.array(kept, np.int64)


def around(values: npt.NDArray[np.float32], at: Indices, start_s: float, stop_s: float) -> npt.NDArray[np.float32]:
    """The values from `start_s` to `stop_s` from each index; beyond the ends the nearest one stands.

    Args:
        values: (n,) or (n, 3).
        at: (c,) indices.

    Returns:
        (c, w) or (c, w, 3).
    """
    offsets = np.arange(round(start_s * GRID_HZ), round(stop_s * GRID_HZ) + 1)
    found: npt.NDArray[np.float32] = values[np.clip(at[:, None] + offsets, 0, len(values) - 1)]
    return found


def told(
    segment: Segment, at: Indices, score: npt.NDArray[np.floating], wait_s: float
) -> tuple[Floats, Floats, Floats]:
    """Findings at impacts `at` that are told `wait_s` later."""
    return segment.time(at), segment.when(at + round(wait_s * GRID_HZ)), np.asarray(score, np.float64)
