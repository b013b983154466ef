"""Parts of a window, reduced together: one candidate is a hundred short calls, and the calls are what costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from falld.detect.window import GRID_HZ, PRE

Array = npt.NDArray[np.float32]
Seconds = tuple[float, float]


def points(start_s: float, stop_s: float) -> slice:
    """Of a window, from one time from the impact to another, the last one included."""
    return slice(PRE + round(start_s * GRID_HZ), PRE + round(stop_s * GRID_HZ) + 1)


class Spans:
    """Some k parts of windows, which may overlap.

    A sum runs along neighbours in memory from the span's first point to its last, so that its bits do not depend on
    what else is summed in the same call.

    Args:
        seconds: first and last point of each from the impact; of the last one, the window's last point.
    """

    def __init__(self, seconds: Sequence[Seconds]) -> None:
        self._slices = [points(*span) for span in seconds]
        lengths = [span.stop - span.start for span in self._slices]
        self._lengths = np.array(lengths, np.float32)
        self._owner = np.repeat(np.arange(len(lengths)), lengths)
        self._points = np.concatenate([np.arange(span.start, span.stop) for span in self._slices])
        ends = np.cumsum(lengths).tolist()
        self._laid_out = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
        # Every second segment lies between two spans and is ignored; the last span runs to the end by itself.
        self._edges = np.array([edge for span in self._slices for edge in (span.start, span.stop)][:-1])

    def means(self, a: Array) -> Array:
        """(..., k) of (..., w)."""
        return self._means(a, self._slices)

    def spreads(self, a: Array, means: Array) -> Array:
        """Standard deviations, (..., k) of (..., w) around the means that were found."""
        centred = np.take(a, self._points, axis=-1) - np.take(means, self._owner, axis=-1)
        spreads: Array = np.sqrt(self._means(centred * centred, self._laid_out))
        return spreads

    def largest(self, a: Array) -> Array:
        """(..., k) of (..., w)."""
        found: Array = np.maximum.reduceat(a, self._edges, axis=-1)
        return found[..., ::2]

    def least(self, a: Array) -> Array:
        """(..., k) of (..., w)."""
        found: Array = np.minimum.reduceat(a, self._edges, axis=-1)
        return found[..., ::2]

    def _means(self, a: Array, parts: list[slice]) -> Array:
        totals = np.empty((*a.shape[:-1], len(parts)), np.float32)
        for i, part in enumerate(parts):
            np.add.reduce(a[..., part], axis=-1, out=totals[..., i])
        means: Array = np.divide(totals, self._lengths, out=totals)
        return means
