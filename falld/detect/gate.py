"""The impact gate: a stream's grid in, windows around impacts and looks at the walk out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.detect.events import Gap
from falld.detect.walk import EVERY, LENGTH, Looks, look
from falld.detect.window import APART, GRID_HZ, POST, PRE, Windows, cut, impacts
from falld.samples.clock import MAX_HOLD_S
from falld.samples.resample import Grid
from falld.samples.timeline import Break

_PATIENCE_S = POST / GRID_HZ + MAX_HOLD_S
"""Silence after which what waits is decided: the window's rest, and the longest that a burst is late."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Impacts that were found together, in order of time."""

    impact_t: npt.NDArray[np.float64]
    """(c,) seconds of stream time."""
    t: npt.NDArray[np.float64]
    """(c,) when each was known with its whole window, or that there will be no more of it."""
    windows: Windows
    at: npt.NDArray[np.int64]
    """(c,) numbers of the impacts' points in the segment."""
    done: npt.NDArray[np.int64]
    """(c,) numbers of the last points of their windows."""
    incomplete: bool
    """The windows were cut off by a gap, by silence or by the end."""
    probabilities: npt.NDArray[np.float32] | None = None
    """(c,) that each is a fall, as measured, where they were judged beforehand."""

    def __len__(self) -> int:
        return len(self.impact_t)


@dataclass(frozen=True, slots=True)
class End:
    """The segment has ended."""

    t: float
    """When that was known."""


Finding = Candidates | Looks | Gap | End
"""Of one piece of grid the candidates come before the looks."""


class Gate:
    """Finds what might be a fall on the grid. All it finds is a function of a fixed window of points before and after,
    so it can be given to another process anywhere in a stream: what it keeps is all that overlaps.
    """

    def __init__(self) -> None:
        self._filled = 0
        self._clear()

    def _clear(self) -> None:
        """Before the first point of a segment."""
        self._acc = np.empty((0, 3), np.float32)
        self._magnitude = np.empty(0, np.float32)
        self._known = np.empty(0)
        self._origin = 0.0
        self._base = 0
        """Number in the segment of the first point kept."""
        self._judged = 0
        """Points before this one, counted from `_base`, were judged."""
        self._next_look = 0
        """Number in the segment of the point where the next look begins."""

    @property
    def filled(self) -> int:
        """Grid points interpolated over missing samples so far."""
        return self._filled

    def take(self, pieces: list[Grid | Break]) -> list[Finding]:
        """The next points, and gaps between them."""
        out: list[Finding] = []
        for piece in pieces:
            if isinstance(piece, Grid):
                self._append(piece)
                out += self._found(len(self._acc) - POST)
                out += self._look()
                self._forget()
            else:
                gap = Gap(piece.known, piece.from_t, piece.to_t - piece.from_t)
                # In a long gap patience ends before the gap does; a burst may be late beyond a short one.
                whole = max([piece.from_t, *self._known[-1:].tolist()])
                patience = max(self.patience(piece.from_t), whole) if whole < piece.to_t else math.inf
                found = self.cut_off(min(patience, piece.known))
                out += [*found, gap] if patience < piece.known else [gap, *found]
        return out

    def cut_off(self, t: float) -> list[Finding]:
        """The segment has ended, which was known at `t`: what waits is found on what there is."""
        out = self._found(len(self._acc), t)
        self._clear()
        return [*out, End(t)]

    def patience(self, last_t: float) -> float:
        """When what waits is to be cut off, if no sample comes after `last_t`."""
        first = self._time(impacts(self._magnitude, self._judged, len(self._magnitude))[:1])
        return float(min([last_t, *first.tolist()])) + _PATIENCE_S

    def due(self, *, watched: bool) -> float:
        """No point before this one's time completes the window of an impact that waits, or the next look if watched."""
        first = impacts(self._magnitude, self._judged, len(self._magnitude))[:1] + POST
        if watched:
            first = np.append(first, self._next_look + LENGTH - 1 - self._base)
        return float(np.min(self._time(first), initial=np.inf)) - 1 / GRID_HZ

    def pass_over(self, pieces: list[Grid | Break]) -> None:
        """The next points, which another gate that stood here looks at."""
        for piece in pieces:
            if isinstance(piece, Grid):
                self._append(piece)
                self._judged = max(self._judged, len(self._acc) - POST)
                whole = (self._base + len(self._acc) - LENGTH - self._next_look) // EVERY + 1
                self._next_look += EVERY * max(0, whole)
                self._forget()
            else:
                self._clear()

    def _append(self, grid: Grid) -> None:
        if not len(self._acc) and not self._base:
            self._origin = grid.origin
        x, y, z = grid.acc[:, 0], grid.acc[:, 1], grid.acc[:, 2]
        self._acc = np.concatenate((self._acc, grid.acc))
        self._magnitude = np.concatenate((self._magnitude, np.sqrt(x * x + y * y + z * z)))
        self._known = np.concatenate((self._known, grid.known))
        self._filled += int(np.count_nonzero(grid.filled))

    def _found(self, stop: int, ended: float | None = None) -> list[Finding]:
        """Impacts before `stop`, whose windows are whole unless the segment `ended`."""
        if stop <= self._judged:
            return []
        at = impacts(self._magnitude, self._judged, stop)
        self._judged = stop
        if not len(at):
            return []
        last = np.minimum(at + POST, len(self._known) - 1)
        known = self._known[last] if ended is None else np.full(len(at), ended)
        windows = cut(self._acc, at)
        return [Candidates(self._time(at), known, windows, self._base + at, self._base + last, ended is not None)]

    def _look(self) -> list[Finding]:
        if self._base + len(self._acc) < self._next_look + LENGTH:
            return []
        looks = look(self._acc, self._magnitude, self._known, self._base, self._next_look)
        self._next_look += EVERY * len(looks.done)
        return [looks]

    def _time(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        times: npt.NDArray[np.float64] = self._origin + (self._base + at) / GRID_HZ
        return times

    def _forget(self) -> None:
        start = max(0, self._judged - max(PRE, APART, LENGTH - POST + EVERY))
        if start:
            self._acc, self._magnitude, self._known = self._acc[start:], self._magnitude[start:], self._known[start:]
            self._base += start
            self._judged -= start

    def dump(self) -> dict[str, Any]:
        """All that the future depends on: plain values and arrays."""
        kept = ("_acc", "_magnitude", "_known", "_origin", "_base", "_judged", "_next_look", "_filled")
        return {name[1:]: getattr(self, name) for name in kept}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Gate:
        """What `dump` gave."""
        gate = cls()
        for name, value in state.items():
            setattr(gate, f"_{name}", value)
        return gate
