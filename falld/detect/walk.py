"""Whether somebody walks: looked at once a second, on windows of the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.window import GRID_HZ

EVERY = 50
"""One look a second, at points whose number in the segment is a multiple of it."""
LENGTH = 250
"""5 s: eight steps and more."""
_SMOOTH = 5
"""0.1 s: heel strikes ring at 10 Hz and above, steps are below 3 Hz."""
_LEAST_G, _MOST_G = 0.06, 1.5
"""Spread of |a|: a slow walk at the waist shows 0.08 g, a jog 0.8 g."""
_LAGS = range(15, 71)
"""0.3 to 1.4 s: from a quick step to a slow stride."""
_RHYTHM = 0.5
"""Least autocorrelation at the best lag: steps of one person repeat, struggling on the floor does not."""
_STEPS_HZ = (1.6, 4.5)
"""Peaks a second: from a slow walk to heel strike and push-off counted both."""
_RISE = 0.25
"""Of the spread: what a peak must stand out by."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Consecutive looks at a segment."""

    done: npt.NDArray[np.int64]
    """(n,) number in the segment of the last point each looked at."""
    t: npt.NDArray[np.float64]
    """(n,) when each was known."""
    walking: npt.NDArray[np.bool_]
    posture: npt.NDArray[np.float32]
    """(n, 3) mean acceleration, in g."""
    spread: npt.NDArray[np.float32]
    """(n,) root of the variances' sum over the axes, in g: how far from still."""


def walking(magnitude: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which windows show a walk: a steady rhythm of 1.6 steps a second and more.

    Args:
        magnitude: (n, LENGTH) |a| in g.
    """
    smooth = magnitude[:, _SMOOTH - 1 :].copy()
    for i in range(_SMOOTH - 1):
        smooth += magnitude[:, i : i + smooth.shape[1]]
    smooth /= np.float32(_SMOOTH)
    width = smooth.shape[1]
    swing = smooth - (smooth.sum(axis=1) / np.float32(width))[:, None]
    energy = (swing * swing).sum(axis=1)
    spread = np.sqrt(energy / np.float32(width))
    found: npt.NDArray[np.bool_] = (spread > _LEAST_G) & (spread < _MOST_G)
    rows = np.flatnonzero(found)
    if not len(rows):
        return found
    swing, energy, spread = swing[rows], energy[rows], spread[rows]
    inner = swing[:, 1:-1]
    peaks = (inner > swing[:, :-2]) & (inner >= swing[:, 2:]) & (inner >= np.float32(_RISE) * spread[:, None])
    steps = peaks.sum(axis=1) / (width / GRID_HZ)
    rhythm = np.zeros(len(rows), np.float32)
    for lag in _LAGS:
        product = np.ascontiguousarray(swing[:, :-lag] * swing[:, lag:]).sum(axis=1)
        rhythm = np.maximum(rhythm, product / energy * np.float32(width / (width - lag)))
    found[rows] = (rhythm > _RHYTHM) & (steps >= _STEPS_HZ[0]) & (steps <= _STEPS_HZ[1])
    return found


def look(
    acc: npt.NDArray[np.float32],
    magnitude: npt.NDArray[np.float32],
    known: npt.NDArray[np.float64],
    base: int,
    start: int,
) -> Looks:
    """The looks that are complete, from the one that begins at point `start` of the segment on.

    Args:
        acc: (n, 3) of the segment from point `base` on.
        magnitude: (n,) |a| of the same.
        known: (n,) when each was known.
        base: number in the segment of the first of them.
        start: a multiple of `EVERY`, not before `base`.
    """
    first = np.arange(start - base, len(magnitude) - LENGTH + 1, EVERY)
    points = first[:, None] + np.arange(LENGTH)
    windows = magnitude[points]
    axes = [np.ascontiguousarray(acc[:, axis][points]) for axis in range(3)]
    posture = np.stack([axis.sum(axis=1) / np.float32(LENGTH) for axis in axes], axis=1)
    swings = [axis - posture[:, i, None] for i, axis in enumerate(axes)]
    variance = [(swing * swing).sum(axis=1) / np.float32(LENGTH) for swing in swings]
    spread = np.sqrt(variance[0] + variance[1] + variance[2])
    last = first + LENGTH - 1
    return Looks(base + last, known[last], walking(windows), posture, spread)
