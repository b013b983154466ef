"""The window around an impact, and which samples get one.

Everything here is counted in grid points of 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRID_HZ = 50.0
"""Impacts last 50 to 200 ms; 25 Hz loses little on the trunk and 100 Hz gains little on the wrist."""
PRE = 150
"""3 s before the impact: a posture of a second, and a descent of up to 1.5 s."""
POST = 125
"""2.5 s after it: the rebound is over within 1 s, the rest shows the new posture."""
GATE_G = 1.6
"""Least |a| of an impact: keeps 99.5 % of staged falls in the published sets; 1.8 g loses some."""
APART = 50
"""An impact is the largest within 1 s on both sides: a fall's own rebounds are not further impacts."""
PAD = 25
"""Points whose mean stands for what lies beyond the end of a segment: half a second, a posture and no swing."""

_OFFSETS = np.arange(1, APART + 1)
_NOTHING = np.full(APART, -np.inf, np.float32)

Magnitudes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `PRE + 1 + POST` points, the impact at index `PRE`."""

    acc: npt.NDArray[np.float32]
    """(c, PRE + 1 + POST, 3) in g; beyond the segment's ends the mean of the nearest half second."""

    def __len__(self) -> int:
        return len(self.acc)


def impacts(magnitude: Magnitudes, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Indices in [start, stop) of impacts: at least `GATE_G`, and the (first) largest within `APART` on both sides.

    Args:
        magnitude: (n,) |a| in g; where it ends within `APART` of an index, the end is all that is looked at.
        start: first index to judge.
        stop: index after the last one to judge.
    """
    some: npt.NDArray[np.int64] = start + np.flatnonzero(magnitude[start:stop] >= GATE_G)
    if not len(some):
        return some
    around = np.concatenate((_NOTHING, magnitude, _NOTHING))
    peaks = (magnitude[some] > around[some + (APART - 1)]) & (magnitude[some] >= around[some + (APART + 1)])
    some = some[peaks]
    centre = some[:, None] + APART
    before = around[centre - _OFFSETS].max(axis=1)
    after = around[centre + _OFFSETS].max(axis=1)
    largest = (magnitude[some] > before) & (magnitude[some] >= after)
    return np.compress(largest, some)


def cut(acc: npt.NDArray[np.float32], at: npt.NDArray[np.int64]) -> Windows:
    """The windows around points `at` of a segment.

    Args:
        acc: (n, 3) of the segment, or its latest part if that reaches `PRE` before and `POST` after each `at`
            where the segment does.
        at: (c,) indices.
    """
    offsets = np.arange(-PRE, POST + 1)
    index = at[:, None] + offsets
    inside = index.clip(0, len(acc) - 1)
    windows = np.empty((*index.shape, 3), np.float32)
    for axis in range(3):
        windows[..., axis] = acc[:, axis][inside]
    for row in np.flatnonzero((index[:, 0] < 0) | (index[:, -1] >= len(acc))):
        below, above = index[row] < 0, index[row] >= len(acc)
        windows[row, below] = _mean(acc[:PAD])
        windows[row, above] = _mean(acc[-PAD:])
    return Windows(windows)


def _mean(acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of (n, 3), sample by sample: in the order in which they lie in memory it would round by their layout."""
    mean: npt.NDArray[np.float32] = np.ascontiguousarray(acc).mean(axis=0)
    return mean
