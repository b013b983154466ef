"""The time line: stamps as a sensor or a phone wrote them, to uniform samples.

Three steps, each a function of a fixed window of samples, so that the result is the same to the bit however the
stream was cut into blocks: bursts are spread (`_Spreader`), long gaps end a segment, and each segment is put on the
grid of the detector (`Resampler`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block
from falld.samples.clock import BRIDGED_GAP_S, MAX_HOLD_S, Clock
from falld.samples.resample import Grid, Resampler, Run

LONGEST_STEP_S = BRIDGED_GAP_S + 1e-9
"""Stamps are seconds in float64, good to 1e-9 s for 100 days: a gap of 0.25 s is not longer than 0.25 s."""
_LONGEST_SILENCE_S = MAX_HOLD_S + LONGEST_STEP_S
"""A burst is late by `MAX_HOLD_S` at most: stamps further apart have a long gap between them, whatever comes after."""


@dataclass(frozen=True, slots=True)
class Break:
    """A long gap: the segment before it has ended."""

    from_t: float
    """Stamp of the last sample before the gap."""
    to_t: float
    """Stamp of the first one after it."""
    known: float
    """When it was known not to be a burst's delay."""


class TimeLine:
    """Turns blocks into pieces of grid and the breaks between them.

    Args:
        clock: what the stamps are worth, judged beforehand.
        grid_hz: rate of the grid.
    """

    def __init__(self, clock: Clock, grid_hz: float) -> None:
        self.clock = clock
        self.grid_hz = grid_hz
        self._held = Run.empty()
        """Samples whose burst may go on; `t` are their stamps as given."""
        self._index = 0
        """Number in the stream of the first held sample."""
        self._origin: float | None = None
        self._latest = -np.inf
        """Time of the last sample that was let go on, and its stamp."""
        self._last_stamp = 0.0
        self._resampler: Resampler | None = None

    @property
    def last_t(self) -> float | None:
        """Time of the last sample fed, held or not; None before the first."""
        if len(self._held.t):
            return float(self._held.t[-1])
        return self._last_stamp if np.isfinite(self._latest) else None

    def feed(self, block: Block) -> list[Grid | Break]:
        """The next samples; what they complete comes out in order of time."""
        if not len(block):
            return []
        stamps = self._stamps(block)
        held = Run(stamps, block.acc, self._held.known)
        if len(self._held.t):
            held = Run(np.concatenate((self._held.t, stamps)), np.concatenate((self._held.acc, block.acc)), held.known)
        out: list[Grid | Break] = []
        if self.clock.burst:
            silences = np.flatnonzero(held.t[1:] - held.t[:-1] > _LONGEST_SILENCE_S) + 1
            for count in np.diff(silences, prepend=0).tolist():
                out += self._release(held[:count], count, float(held.t[count - 1]) + _LONGEST_SILENCE_S)
                out += self._end_segment()
                held = held[count:]
                out.append(Break(self._last_stamp, float(held.t[0]), float(held.t[0])))
                self._latest = -np.inf
        ready = len(held.t) - self.clock.burst
        if ready <= 0:
            self._held = held
            return out
        return out + self._release(held, ready, np.inf)

    def flush(self) -> list[Grid | Break]:
        """End the segment: what is held comes out on what there is; the next sample begins a new segment."""
        held = self._held
        out = self._release(held, len(held.t), float(held.t[-1])) if len(held.t) else []
        return out + self._end_segment()

    def _stamps(self, block: Block) -> npt.NDArray[np.float64]:
        if self._origin is None:
            self._origin = float(block.t[0])
        if self.clock.kind == "stamps":
            return block.t
        first = self._index + len(self._held.t)
        return self._origin + np.arange(first, first + len(block)) / self.clock.rate_hz

    def _release(self, held: Run, count: int, ended: float) -> list[Grid | Break]:
        """Let the first `count` held samples go on; `ended`: when it was known that no more come to the last burst."""
        stamps, acc = held.t[:count], held.acc[:count]
        if self.clock.burst:
            t = self._spread(held.t, count)
            arrived = np.append(held.t, ended)[np.minimum(np.arange(count) + self.clock.burst, len(held.t))]
        else:
            t, arrived = stamps, stamps
        self._held = held[count:]
        self._index += count
        return self._segment(Run(t, acc, arrived), stamps)

    def _spread(self, stamps: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        """Times of the first `count` samples, their bursts spread at the clock's rate.

        A sample cannot be stamped before it was measured, so of the samples up to one burst ahead the least late
        one tells when the others were measured: the lateness is the least of `stamp - i / rate` over that window.
        """
        i = np.arange(self._index, self._index + len(stamps)) / self.clock.rate_hz
        late = stamps - i
        padded = np.concatenate((late, np.full(self.clock.burst, np.inf)))
        least = _forward_min(padded, self.clock.burst + 1)[:count]
        t = np.maximum(i[:count] + least, self._latest)
        return np.maximum.accumulate(t)

    def _segment(self, run: Run, stamps: npt.NDArray[np.float64]) -> list[Grid | Break]:
        out: list[Grid | Break] = []
        cuts = (np.flatnonzero(run.t[1:] - run.t[:-1] > LONGEST_STEP_S) + 1).tolist()
        if run.t[0] - self._latest > LONGEST_STEP_S and np.isfinite(self._latest):
            cuts.insert(0, 0)
        start = 0
        for cut in (*cuts, len(run.t)):
            if cut > start:
                out += self._push(run[start:cut])
            if cut < len(run.t):
                out += self._end_segment()
                before = float(stamps[cut - 1]) if cut else self._last_stamp
                out.append(Break(before, float(stamps[cut]), float(run.known[cut])))
            start = cut
        self._latest = float(run.t[-1])
        self._last_stamp = float(stamps[-1])
        return out

    def _push(self, run: Run) -> list[Grid]:
        if self._resampler is None:
            self._resampler = Resampler(self.grid_hz, self.clock.rate_hz, float(run.t[0]))
        return self._resampler.push(run)

    def _end_segment(self) -> list[Grid]:
        out = self._resampler.flush() if self._resampler is not None else []
        self._resampler = None
        return out

    def dump(self) -> dict[str, Any]:
        """All that the future depends on: plain values and arrays."""
        return {
            "held_t": self._held.t,
            "held_acc": self._held.acc,
            "index": self._index,
            "origin": self._origin,
            "latest": self._latest,
            "last_stamp": self._last_stamp,
            "resampler": None if self._resampler is None else self._resampler.dump(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `dump` stopped."""
        self._held = Run(state["held_t"], state["held_acc"], Run.empty().known)
        self._index = state["index"]
        self._origin = state["origin"]
        self._latest = state["latest"]
        self._last_stamp = state["last_stamp"]
        saved = state["resampler"]
        self._resampler = None if saved is None else Resampler.restore(self.grid_hz, self.clock.rate_hz, saved)


def _forward_min(x: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Least of `x[i:i + width]` for each i that has a full window, by doubling (exact: a minimum does not round)."""
    have = 1
    while have < width:
        step = min(have, width - have)
        x = np.minimum(x[:-step], x[step:])
        have += step
    return x
