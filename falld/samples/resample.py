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
_IN_ORDER = 8
"""Most columns that `np.add.reduceat` adds one after another; more of them it adds in another order."""

Times = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive samples."""

    t: Times
    """(n,) times in seconds, never backwards."""
    acc: Samples
    """(n, 3) in g."""
    known: Times
    """(n,) when each was known, in seconds: the stamp of the last sample that its time depends on."""

    @classmethod
    def empty(cls) -> Run:
        return cls(np.empty(0), np.empty((0, 3), np.float32), np.empty(0))

    def __getitem__(self, part: slice) -> Run:
        return Run(self.t[part], self.acc[part], self.known[part])


@dataclass(frozen=True, slots=True)
class Grid:
    """A piece of one segment's grid: point `first + i` is at `origin + (first + i) / rate`."""

    first: int
    acc: Samples
    """(n, 3) in g."""
    filled: npt.NDArray[np.bool_]
    """(n,) interpolated over missing samples."""
    known: Times
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

    def _emit(self, u: Times, last: int) -> list[Grid]:
        """Grid points `_next` to `last`, given the tail's times in grid steps."""
        first = self._next
        if last < first:
            return []
        missing = _MISSING * self._grid_hz / self._rate_hz
        if self._average:
            acc, weight, after = self._kernel_mean(u, first, last)
            weak = weight < _MIN_WEIGHT
            if weak.any() or (u[1:] - u[:-1] > missing).any():
                filled = self._interpolate(acc, u, self._before(u, first, last), missing, weak)
            else:
                filled = np.zeros(len(acc), np.bool_)
        else:
            before = self._before(u, first, last)
            acc, after = self._tail.acc[before], before + 1
            filled = self._interpolate(acc, u, before, missing, np.ones(len(acc), np.bool_))
        known = self._tail.known[np.minimum(after, len(u) - 1)]
        self._next = last + 1
        self._forget(u)
        return [Grid(first, acc, filled, known, self._origin)]

    def _before(self, u: Times, first: int, last: int) -> npt.NDArray[np.intp]:
        """The last sample up to each point."""
        return u.searchsorted(np.arange(first, last + 1) + _SNAP, side="right") - 1

    def _interpolate(
        self, acc: Samples, u: Times, before: npt.NDArray[np.intp], missing: float, wanted: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Overwrite the points from `_next` on that are `wanted`, and those where samples are missing, which are told.

        Points on a sample, and between two of the same time, stay as they are.
        """
        k = np.arange(self._next, self._next + len(acc))
        after = np.minimum(before + 1, len(u) - 1)
        lead = k - u[before]
        step = u[after] - u[before]
        inside = (lead > _SNAP) & (u[after] - k > _SNAP)
        filled: npt.NDArray[np.bool_] = inside & (step > missing)
        linear = inside & (step > 0) & (filled | wanted)
        part = (lead[linear] / step[linear]).astype(np.float32)[:, None]
        low, high = self._tail.acc[before[linear]], self._tail.acc[after[linear]]
        acc[linear] = low + part * (high - low)
        return filled

    def _kernel_mean(self, u: Times, first: int, last: int) -> tuple[Samples, Samples, npt.NDArray[np.intp]]:
        """Weighted means at points `first` to `last`, their weights, and the first sample too late for each.

        A sample counts for the points on both its sides, so it is weighed for both, and the cells between points are
        added up.
        """
        cell = np.floor(u + _SNAP)
        lowest = max(first - 1, 0)
        start, stop = cell.searchsorted((lowest, last + 1)).tolist()
        cell = cell[start:stop]
        counts = np.bincount((cell - lowest).astype(np.intp), minlength=last + 1 - lowest)
        right = (u[start:stop] - cell).astype(np.float32)
        left = np.float32(1) - right
        axes = self._tail.acc[start:stop].T
        parts = np.empty((8, stop - start), np.float32)
        np.multiply(axes, left, out=parts[:3])
        parts[3] = left
        np.multiply(axes, right, out=parts[4:7])
        parts[7] = right
        sums = _added_up(parts, counts)
        total = sums[:4, first - lowest :]
        total[:, total.shape[1] + 1 - len(counts) :] += sums[4:, :-1]
        weight = total[3]
        mean = total[:3] / np.maximum(weight, np.float32(1e-6))
        return mean.T, weight, (start + np.cumsum(counts))[first - lowest :]

    def _forget(self, u: Times) -> None:
        """Keep the samples that the next point depends on: its kernel's and the one before it."""
        kernel = u.searchsorted(self._next - 1 - 2 * _SNAP)
        before = u.searchsorted(self._next + _SNAP, side="right") - 1
        start = max(0, min(int(kernel), int(before)))
        self._tail = self._tail[start:]

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


def _added_up(parts: Samples, counts: npt.NDArray[np.intp]) -> Samples:
    """(r, c): the sums of c runs of columns, of so many each; the first one and the sum of the others.

    That is the order of `np.add.reduceat`, which takes its time for every run.

    Args:
        parts: (r, sum of counts).
        counts: (c,).
    """
    most = int(counts.max())
    starts = np.cumsum(counts) - counts
    if most > _IN_ORDER:
        sums = np.zeros((len(parts), len(counts)), np.float32)
        some = counts > 0
        sums[:, some] = np.add.reduceat(parts, starts[some], axis=1)
        return sums
    if most * len(counts) == parts.shape[1]:
        columns = parts.reshape(len(parts), -1, most)
        ranks = [columns[..., i] for i in range(most)]
    else:
        padded = np.concatenate((parts, np.full((len(parts), 1), -0.0, np.float32)), axis=1)
        ranks = [padded.take(np.where(counts > i, starts + i, -1), axis=1) for i in range(most)]
    if most == 1:
        return ranks[0]
    others = ranks[1]
    for rank in ranks[2:]:
        others = others + rank
    return ranks[0] + others
