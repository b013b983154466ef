"""One segment of irregular samples on a uniform grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MISSING = 1.5
"""Periods between neighbours from which a sample is missing: one lost makes 2, jitter of half a period none."""
_SNAP = 1e-3
"""Grid steps within which a sample is on a grid point: 20 us at 50 Hz, more than the rounding of any stamp."""
_MIN_WEIGHT = 0.25
"""Least kernel weight that makes a mean; with less the nearest samples are too far off and are interpolated."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples."""

    t: npt.NDArray[np.float64]
    """(n,) times in seconds, never backwards."""
    acc: npt.NDArray[np.float32]
    """(n, 3) in g."""
    known: npt.NDArray[np.float64]
    """(n,) when each was known, in seconds: the stamp of the last sample that its time depends on."""

    @classmethod
    def empty(cls) -> Run:
        return cls(np.empty(0), np.empty((0, 3), np.float32), np.empty(0))


@dataclass(frozen=True, slots=True)
class Grid:
    """A piece of one segment's grid: point `first + i` is at `origin + (first + i) / rate`."""

    first: int
    acc: npt.NDArray[np.float32]
    """(n, 3) in g."""
    filled: npt.NDArray[np.bool_]
    """(n,) interpolated over missing samples."""
    known: npt.NDArray[np.float64]
    """(n,) when each was known, in seconds."""
    origin: float

    def __len__(self) -> int:
        return len(self.acc)


class Resampler:
    """Puts a segment on the grid whose point 0 is its first sample.

    A sensor at least as fast as the grid is averaged with a triangular kernel one grid step to each side, the
    adjoint of linear interpolation: a low pass that leaves a sensor at just the grid's rate as it is. A slower one
    is interpolated linearly.
    """

    def __init__(self, grid_hz: float, rate_hz: float, origin: float) -> None:
        self._grid_hz = grid_hz
        self._rate_hz = rate_hz
        self._average = rate_hz >= grid_hz * (1 - 1e-3)
        self._origin = origin
        self._next = 0
        self._tail = Run.empty()

    def push(self, run: Run) -> list[Grid]:
        """More samples of the segment; the grid points that they complete."""
        self._tail = Run(
            np.concatenate((self._tail.t, run.t)),
            np.concatenate((self._tail.acc, run.acc)),
            np.concatenate((self._tail.known, run.known)),
        )
        u = (self._tail.t - self._origin) * self._grid_hz
        last = np.floor(u[-1] + _SNAP) - 1 if self._average else np.ceil(u[-1] - _SNAP) - 1
        return self._emit(u, int(last))

    def flush(self) -> list[Grid]:
        """The segment ends: the points up to its last sample."""
        u = (self._tail.t - self._origin) * self._grid_hz
        return self._emit(u, int(np.floor(u[-1] + _SNAP)))

    def _emit(self, u: npt.NDArray[np.float64], last: int) -> list[Grid]:
        """Grid points `_next` to `last`, given the tail's times in grid steps."""
        if last < self._next:
            return []
        k = np.arange(self._next, last + 1)
        cell = np.floor(u + _SNAP).astype(np.int64)
        before = np.searchsorted(u, k + _SNAP, side="right") - 1
        after = np.minimum(before + 1, len(u) - 1)
        lead = k - u[before]
        step = u[after] - u[before]
        inside = (lead > _SNAP) & (u[after] - k > _SNAP)
        filled = inside & (step > _MISSING * self._grid_hz / self._rate_hz)
        linear = inside & (step > 0)
        if self._average:
            acc, weight = self._kernel_mean(u, cell, k)
            linear &= filled | (weight < _MIN_WEIGHT)
        else:
            acc = self._tail.acc[before]
        part = (lead[linear] / step[linear]).astype(np.float32)[:, None]
        low, high = self._tail.acc[before[linear]], self._tail.acc[after[linear]]
        acc[linear] = low + part * (high - low)
        needed = np.searchsorted(cell, k + 1) if self._average else before + 1
        known = self._tail.known[np.minimum(needed, len(u) - 1)]
        self._next = last + 1
        self._forget(u, cell)
        return [Grid(int(k[0]), acc, filled, known, self._origin)]

    def _kernel_mean(
        self, u: npt.NDArray[np.float64], cell: npt.NDArray[np.int64], k: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Weighted means at points `k` and their weights: each sample counts for the points on both its sides."""
        right = (u - cell).astype(np.float32)[:, None]
        ones = np.concatenate((self._tail.acc, np.ones((len(u), 1), np.float32)), axis=1)
        bounds = np.searchsorted(cell, np.arange(k[0] - 1, k[-1] + 2), side="left")
        sums = np.concatenate((ones * (1 - right), ones * right), axis=1)
        cells = np.zeros((len(bounds) - 1, 8), np.float32)
        some = bounds[1:] > bounds[:-1]
        if some.any():
            starts = bounds[:-1][some]
            cells[some] = np.add.reduceat(sums[: bounds[-1]], starts, axis=0)
        total = cells[1:, :4] + cells[:-1, 4:]
        weight = total[:, 3]
        return total[:, :3] / np.maximum(weight, np.float32(1e-6))[:, None], weight

    def _forget(self, u: npt.NDArray[np.float64], cell: npt.NDArray[np.int64]) -> None:
        """Keep the samples that the next point depends on: its kernel's and the one before it."""
        kernel = np.searchsorted(cell, self._next - 1)
        before = np.searchsorted(u, self._next + _SNAP, side="right") - 1
        start = max(0, min(int(kernel), int(before)))
        self._tail = Run(self._tail.t[start:], self._tail.acc[start:], self._tail.known[start:])

    def dump(self) -> dict[str, Any]:
        """All that the future depends on."""
        return {
            "origin": self._origin,
            "next": self._next,
            "t": self._tail.t,
            "acc": self._tail.acc,
            "known": self._tail.known,
        }

    @classmethod
    def restore(cls, grid_hz: float, rate_hz: float, state: dict[str, Any]) -> Resampler:
        """Go on where `dump` stopped."""
        resampler = cls(grid_hz, rate_hz, state["origin"])
        resampler._next = state["next"]
        resampler._tail = Run(state["t"], state["acc"], state["known"])
        return resampler
