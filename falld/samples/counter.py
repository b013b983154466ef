"""A wearable's counter, unwrapped."""

from __future__ import annotations

import math

SHORTEST_SPAN_S = 1.0
"""Least time in which a counter may wrap: a third of it is still more than 0.3 s of jitter."""
_EARLY_S = 3.0
"""Most that a tick may be ahead of what the host's clock allows: the frame that was waited for before it was late by
some 0.3 s, or held up at the start of the stream, and one frame of 73 samples at 52 Hz lasts 1.4 s."""
_UNSURE = 0.05
"""Part by which an unmeasured oscillator may be fast: 2 % is common in an accelerometer's, 5 % the worst."""
_LATE_S = 10.0
"""Most that a link holds back: 6 s of supervision timeout and what the host adds; a stream that is silent for longer
is made anew."""


class Counter:
    """Tells how far a counter went that begins again at 0 after `2**bits` ticks.

    The host's clock says how far it can have gone at most, for nothing arrives before it was sent. Of the counts that
    the tick can stand for, the latest which that allows is taken: so lost frames may hide any number of wraps, and a
    frame that was held back is late, not lost, up to the span less the third that is left for what seems early. Where
    no count agrees with the host's clock, the counter was reset; one that wraps within 13 s, as 8 bits of samples do,
    has some count for almost every tick, and its reset looks like a loss.

    Args:
        hz: ticks a second.
        bits: width.

    Raises:
        ValueError: it wraps so soon that a late frame cannot be told from a lost one.
    """

    def __init__(self, hz: float, bits: int) -> None:
        self._hz = hz
        self._span = 1 << bits
        if self._span < SHORTEST_SPAN_S * hz:
            raise ValueError(f"a counter of {bits} bits at {hz:g} Hz wraps within {SHORTEST_SPAN_S:g} s")
        self._last: int | None = None

    def begin(self, tick: int) -> None:
        """Count from here."""
        self._last = tick

    def step(self, tick: int, elapsed_s: float) -> int | None:
        """Ticks since the last one; None: the counter was reset.

        Args:
            tick: what the wearable says.
            elapsed_s: seconds from the last tick to this one's arrival.
        """
        assert self._last is not None
        ahead = (tick - self._last) % self._span
        self._last = tick
        span_s = self._span / self._hz
        late = elapsed_s - ahead / self._hz
        early = min(_EARLY_S + _UNSURE * max(0.0, elapsed_s), span_s / 3)
        wraps = max(0, math.floor((late + early) / span_s))
        if not -early <= late - wraps * span_s <= _LATE_S:
            return None
        return ahead + wraps * self._span
