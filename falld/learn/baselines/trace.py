"""A recording as the methods get it: on the product's own time line, in segments without gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.window import GRID_HZ
from falld.samples.clock import MAX_HOLD_S, Clock
from falld.samples.recording import Recording
from falld.samples.resample import Grid
from falld.samples.timeline import TimeLine

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Segment:
    """Uniform samples between two long gaps; point `i` is at `origin + i / GRID_HZ`."""

    origin: float
    acc: npt.NDArray[np.float32]
    """(n, 3) in g."""
    magnitude: npt.NDArray[np.float32]
    """(n,) |a| in g."""
    known: Floats
    """(n,) when each was known, in seconds."""
    end_t: float
    """When it was known that the segment has ended."""

    def __len__(self) -> int:
        return len(self.acc)

    def time(self, i: Indices) -> Floats:
        """When the points were measured."""
        times: Floats = self.origin + i / GRID_HZ
        return times

    def when(self, i: Indices) -> Floats:
        """When what needs the points up to `i` is known; beyond the end, that there will be no more of them."""
        inside = self.known[np.minimum(i, len(self) - 1)]
        cut_off = np.maximum(self.known[-1], np.minimum(self.end_t, self.time(i) + MAX_HOLD_S))
        return np.where(i < len(self), inside, cut_off)


@dataclass(frozen=True, slots=True)
class Trace:
    """One recording, and what its stamps are worth."""

    recording: Recording
    clock: Clock
    segments: tuple[Segment, ...]

    @property
    def placement(self) -> str:
        return self.recording.meta.placement


def trace(recording: Recording, clock: Clock) -> Trace:
    """Put a recording on the grid."""
    line = TimeLine(clock, GRID_HZ)
    segments: list[Segment] = []
    grids: list[Grid] = []

    def close(end_t: float) -> None:
        if grids:
            segments.append(_segment(grids, end_t))
            grids.clear()

    for block in recording.blocks():
        for piece in line.feed(block):
            if isinstance(piece, Grid):
                grids.append(piece)
            else:
                close(piece.known)
    last_t = line.last_t
    for piece in line.flush():
        if isinstance(piece, Grid):
            grids.append(piece)
        else:
            close(piece.known)
    close(-np.inf if last_t is None else last_t)
    return Trace(recording, clock, tuple(segments))


def _segment(grids: list[Grid], end_t: float) -> Segment:
    acc = np.ascontiguousarray(np.concatenate([grid.acc for grid in grids]))
    magnitude = np.sqrt((acc * acc).sum(axis=1))
    return Segment(grids[0].origin, acc, magnitude, np.concatenate([grid.known for grid in grids]), end_t)
