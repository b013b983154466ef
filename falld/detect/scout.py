"""Finds what might be a fall: streams samples, yields the windows around impacts."""

from __future__ import annotations

import math
from typing import Any

from falld.detect.gate import Finding, Gate
from falld.detect.window import GRID_HZ
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.timeline import TimeLine

_HELD_S = 2.0
"""A sample decides nothing for so long: an impact has its whole window, and is on the grid, 2.5 s after it."""


class Scout:
    """The stream's side of the detector: time line and impact gate.

    Args:
        clock: what the stream's stamps are worth.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line = TimeLine(clock, GRID_HZ)
        self._gate = Gate()
        self._last_t: float | None = None

    @property
    def filled(self) -> int:
        """Grid points interpolated over missing samples so far."""
        return self._gate.filled

    def feed(self, block: Block) -> list[Finding]:
        """The next samples."""
        if not len(block):
            return []
        out = self._gate.take(self._line.feed(block))
        self._last_t = self._line.last_t
        return out

    def advance(self, t: float) -> list[Finding]:
        """Time has come to `t` without a sample: what waited too long is decided on what there is.

        The stream may go on afterwards, as a new segment.
        """
        deadline = self.deadline()
        return self._end(t) if deadline is not None and t >= deadline else []

    def deadline(self) -> float | None:
        """When `advance` will decide, if no sample comes; None if nothing waits."""
        return None if self._last_t is None else self._gate.patience(self._last_t)

    def due(self, *, watched: bool) -> float:
        """No sample stamped before this can decide anything, unless one is missing for longer than can be bridged.

        Args:
            watched: whether somebody waits for the next look.
        """
        if self._last_t is None or self._clock.kind != "stamps" or self._clock.burst:
            return -math.inf
        return min(self._last_t + _HELD_S, self._gate.due(watched=watched))

    def finish(self) -> list[Finding]:
        """The stream has ended."""
        return [] if self._last_t is None else self._end(self._last_t)

    def _end(self, t: float) -> list[Finding]:
        out = self._gate.take(self._line.flush())
        out += self._gate.cut_off(t)
        self._last_t = None
        return out

    def dump(self) -> dict[str, Any]:
        """All that the future depends on: plain values and arrays."""
        return {"line": self._line.dump(), "last_t": self._last_t, **self._gate.dump()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `dump` stopped."""
        own = {name: value for name, value in state.items() if name not in ("line", "last_t")}
        self._line.restore(state["line"])
        self._gate = Gate.restore(own)
        self._last_t = state["last_t"]
