"""Whether somebody walks: looked at once a second, on windows of the grid."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

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

G = npt.NDArray[np.float32]


class Looks:
    """Consecutive looks at a segment. What they show is worked out when it is asked for: at most of them nobody does.

    Args:
        done: (n,) number in the segment of the last point each looked at.
        t: (n,) when each was known.
        first: (n,) index of the first point each looks at.
        acc: (m, 3) in g.
        magnitude: (m,) |a| of the same.
    """

    def __init__(
        self,
        done: npt.NDArray[np.int64],
        t: npt.NDArray[np.float64],
        first: npt.NDArray[np.int64],
        acc: G,
        magnitude: G,
    ) -> None:
        self.done = done
        self.t = t
        self._first = first
        self._acc = acc
        self._magnitude = magnitude

    @cached_property
    def walking(self) -> npt.NDArray[np.bool_]:
        """(n,)."""
        return walking(self._magnitude[self._points])

    @cached_property
    def posture(self) -> G:
        """(n, 3) mean acceleration, in g."""
        return np.stack([np.add.reduce(axis, axis=1) / np.float32(LENGTH) for axis in self._axes], axis=1)

    @cached_property
    def spread(self) -> G:
        """(n,) root of the variances' sum over the axes, in g: how far from still."""
        swings = (axis - self.posture[:, i, None] for i, axis in enumerate(self._axes))
        x, y, z = (np.add.reduce(swing * swing, axis=1) / np.float32(LENGTH) for swing in swings)
        spread: G = np.sqrt(x + y + z)
        return spread

    def settled(self) -> Looks:
        """The same, all worked out, to be kept without the samples."""
        assert len(self.walking) == len(self.spread)
        self._first, self._acc, self._magnitude = self._first[:0], self._acc[:0].copy(), self._magnitude[:0].copy()
        return self

    @property
    def _points(self) -> npt.NDArray[np.int64]:
        return self._first[:, None] + np.arange(LENGTH)

    @property
    def _axes(self) -> Iterator[G]:
        points = self._points
        return (np.ascontiguousarray(self._acc[:, axis][points]) for axis in range(3))


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
    swing = smooth - (np.add.reduce(smooth, axis=1) / np.float32(width))[:, None]
    energy = np.add.reduce(swing * swing, axis=1)
    spread = np.sqrt(energy / np.float32(width))
    found: npt.NDArray[np.bool_] = (spread > _LEAST_G) & (spread < _MOST_G)
    inner = swing[:, 1:-1]
    peaks = (inner > swing[:, :-2]) & (inner >= swing[:, 2:]) & (inner >= np.float32(_RISE) * spread[:, None])
    steps = np.count_nonzero(peaks, axis=1) / (width / GRID_HZ)
    rows = np.flatnonzero(found & (steps >= _STEPS_HZ[0]) & (steps <= _STEPS_HZ[1]))
    found[:] = False
    for lag in _LAGS:
        if not len(rows):
            break
        some = swing[rows]
        product = np.add.reduce(some[:, :-lag] * some[:, lag:], axis=1)
        rhythm = product / energy[rows] * np.float32(width / (width - lag)) > _RHYTHM
        found[rows[rhythm]] = True
        rows = rows[~rhythm]
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
    last = first + LENGTH - 1
    return Looks(base + last, known[last], first, acc, magnitude)
