"""The latest stretch of a stream on its grid, from which the surroundings of an impact can be cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.resample import Grid
from falld.samples.timeline import Break, TimeLine


@dataclass(frozen=True, slots=True)
class Cut:
    """Samples around a moment, at the grid's rate."""

    acc: npt.NDArray[np.float32]
    """(n, 3) in g. A row of NaN is no sample: the stream was silent there. The first and the last row are samples."""
    at: int
    """Row of the moment; it is a sample."""


class Ring:
    """Keeps the last seconds of a stream, on the same grid as a detector that is fed the same. Pure.

    What `cut` gives does not depend on how the stream was cut into blocks. Gaps that the time line bridges are
    interpolated, as the detector sees them; longer ones stay open. Where a segment begins anew after one, its grid is
    shifted against that of the moment; its points are taken for the nearest ones there, at most half a step off.

    Args:
        clock: what the stream's stamps are worth.
        grid_hz: rate of the grid.
        hold_s: how much is kept; 20 bytes a sample.
    """

    def __init__(self, clock: Clock, grid_hz: float, hold_s: float) -> None:
        self._line = TimeLine(clock, grid_hz)
        self._hz = grid_hz
        self._hold_s = hold_s
        self._pieces: deque[Grid] = deque()
        self._last_t: float | None = None

    @property
    def last_t(self) -> float | None:
        """Stream time of the latest grid point; None before the first."""
        return self._last_t

    def feed(self, block: Block) -> None:
        """The next samples."""
        self._take(self._line.feed(block))

    def flush(self) -> None:
        """Nothing more comes for now: what the time line holds back is there as well."""
        self._take(self._line.flush())

    def cut(self, t: float, before: int, after: int) -> Cut | None:
        """The surroundings of a moment, as far as they are there.

        Args:
            t: stream time of a grid point.
            before: points ahead of it.
            after: points from it on.

        Returns:
            Without the points at either end that are not there. None: the moment itself is not.
        """
        acc = np.full((before + after, 3), np.nan, np.float32)
        near = [
            piece for piece in self._pieces if self._reaches(piece, t - (before + 1) / self._hz, t + after / self._hz)
        ]
        if near:
            times = np.concatenate([self._times(piece) for piece in near])
            row = np.rint((times - t) * self._hz).astype(np.int64) + before
            inside = (row >= 0) & (row < before + after) & (times >= self._oldest())
            acc[row[inside]] = np.concatenate([piece.acc for piece in near])[inside]
        there = np.flatnonzero(~np.isnan(acc[:, 0]))
        if before not in there:
            return None
        return Cut(acc[there[0] : there[-1] + 1], before - int(there[0]))

    def _take(self, pieces: list[Grid | Break]) -> None:
        for piece in pieces:
            if isinstance(piece, Grid) and len(piece):
                self._pieces.append(piece)
                self._last_t = float(self._times(piece)[-1])
        while self._pieces and self._times(self._pieces[0])[-1] < self._oldest():
            self._pieces.popleft()

    def _oldest(self) -> float:
        return -np.inf if self._last_t is None else self._last_t - self._hold_s

    def _reaches(self, piece: Grid, start_t: float, end_t: float) -> bool:
        """Whether a piece has points between two moments: there are ten pieces a second, and most have none."""
        last = piece.first + len(piece) - 1
        return piece.origin + last / self._hz >= start_t and piece.origin + piece.first / self._hz <= end_t

    def _times(self, piece: Grid) -> npt.NDArray[np.float64]:
        times: npt.NDArray[np.float64] = piece.origin + (piece.first + np.arange(len(piece))) / self._hz
        return times
