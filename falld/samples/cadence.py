"""Which samples a frame holds: when on the wearable's own clock, and how many are missing before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from falld.samples.clock import RATE_TOLERANCE
from falld.samples.counter import Counter

_ROUGH = 256
"""Samples after which the period is known, to a tick in 256 periods: 5 s at 50 Hz, three or four frames of 73."""
_PERIOD_OF = 4096
"""Samples over which the period is averaged: 80 s at 50 Hz, in which an oscillator's warmth changes little."""
_LEAST_STEP = 0.1
"""Periods a sample that ticks must advance at least; with less they do not tell the time."""

_HOLE_S = 0.3
"""Lateness that jitter explains: six missed connection events of 50 ms."""
_PATIENCE_S = 0.5
"""Frames that were held back come in one burst; when all have been late for longer than any jitter, some are lost."""
_PATIENCE_FRAMES = 3
_HELD_S = 2.0
"""A wearable without a clock queues some ten frames, and a host that is held up for longer is not alive."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A frame's place on the wearable's clock."""

    last: float
    """Device time of its last sample in seconds."""
    step: float
    """Seconds from sample to sample, also over what is missing; above 0."""
    lost: int = 0
    """Samples missing before it."""
    anew: bool = False
    """How many are missing is only known by this frame's arrival, so no arrival before it counts any more."""


class Cadence(Protocol):
    """The wearable's side of time."""

    period: float
    """Device seconds from sample to sample."""

    def begin(self) -> None:
        """What comes next has nothing to do with what came before."""
        ...

    def frame(self, n: int, tick: int | None, now: float) -> Beat | None:
        """The next frame's place; None: its clock was reset, begin anew.

        Args:
            n: samples.
            tick: what the wearable's clock says.
            now: device time at which its last sample can have been measured at the latest.
        """
        ...


class Ticked:
    """By the wearable's own clock.

    A tick tells its sample's time to within one tick; where in it, the count of samples tells, so a coarse clock does
    not make an even sensor uneven. Losses are the whole periods between when a sample was due and its tick: exact
    where a tick and the error of the period, summed over frame and hole, stay below half a period. Until `_ROUGH`
    samples are counted the rate may be `RATE_TOLERANCE` off, and a loss of less than that part of a frame is taken for
    that; but frames are lost whole.

    Args:
        rate_hz: nominal samples a second.
        hz: ticks a second.
        bits: width of the counter.
        of: which sample of a frame its tick is of.

    Raises:
        ValueError: the counter wraps too soon, see `Counter`.
    """

    def __init__(self, rate_hz: float, hz: float, bits: int, of: Literal["first", "last"]) -> None:
        self.period = 1.0 / rate_hz
        self._tick_s = 1.0 / hz
        self._first = of == "first"
        self._counter = Counter(hz, bits)
        self._counted = 0
        """Samples that the period was measured over."""
        self.begin()

    def begin(self) -> None:
        self._ticks: int | None = None
        """Since the first one; None before it."""
        self._origin = 0.0
        """Device time of the first one."""
        self._at = 0.0
        """Device time of the sample that the last tick was of."""
        self._after = 0
        """Samples after that one."""
        self._last = 0.0

    def frame(self, n: int, tick: int | None, now: float) -> Beat | None:
        if tick is None:
            return self._place(self._last + n * self.period, n, 0, self._after + n)
        behind = n - 1 if self._first else 0
        due = self._last + (n - behind) * self.period
        if self._ticks is None:
            self._counter.begin(tick)
            self._ticks, self._origin, self._at = 0, due, due
            return self._place(due + behind * self.period, n, 0, behind)
        ticks = self._counter.step(tick, now - behind * self.period - self._at)
        if ticks is None:
            return None
        self._ticks += ticks
        across = self._after + n - behind
        lost = self._missing(due, across, ticks)
        at = self._within(due + lost * self.period)
        seconds = at - self._at
        if seconds < _LEAST_STEP * across * self.period:
            return None
        if not lost:
            self._measure(seconds, across)
        self._at = at
        return self._place(at + behind * self.period, n, lost, behind)

    def _within(self, due: float) -> float:
        """The time nearest to `due` that the last tick can mean."""
        assert self._ticks is not None
        low = self._origin + self._ticks * self._tick_s
        return min(max(due, low), low + self._tick_s)

    def _missing(self, due: float, across: int, ticks: int) -> int:
        """Samples lost where the last of `across` was due at `due` and comes `ticks` after the last tick."""
        tolerance = RATE_TOLERANCE * across * self.period if self._counted < _ROUGH else 0.0
        if self._within(due) - due <= tolerance:
            return 0
        return max(0, round(ticks * self._tick_s / self.period) - across)

    def _measure(self, seconds: float, samples: int) -> None:
        self._counted = min(self._counted + samples, _PERIOD_OF)
        self.period += (seconds / samples - self.period) * min(1.0, samples / self._counted)

    def _place(self, last: float, n: int, lost: int, after: int) -> Beat:
        """A frame whose end was foretold too late, at a period still wrong, squeezes the next one."""
        step = max((last - self._last) / (n + lost), _LEAST_STEP * self.period)
        self._last += (n + lost) * step
        self._after = after
        return Beat(self._last, step, lost)


class Counted:
    """By the count of samples, for a wearable without a clock: each is one nominal period after the one before.

    A loss shows only where frames stay later than jitter explains, and how many samples it was is then known to the
    jitter of these frames. What is lost in shorter holes is a slower rate.

    Args:
        rate_hz: nominal samples a second.
    """

    def __init__(self, rate_hz: float) -> None:
        self.period = 1.0 / rate_hz
        self.begin()

    def begin(self) -> None:
        self._last: float | None = None
        self._late = 0
        """Late frames in a row."""
        self._since = 0.0
        self._least = 0.0
        """When the first of them came, and how late the least late one is."""

    def frame(self, n: int, tick: int | None, now: float) -> Beat:
        if self._last is None:
            self._last = n * self.period
            return Beat(self._last, self.period)
        self._last += n * self.period
        late = now - self._last
        if late <= _HOLE_S:
            self._late = 0
            return Beat(self._last, self.period)
        if not self._late or late > self._least + _HOLE_S:  # another hole since the first late frame
            self._late, self._since, self._least = 0, now, late
        self._late += 1
        self._least = min(self._least, late)
        waited = self._late >= _PATIENCE_FRAMES and now - self._since >= _PATIENCE_S
        if not waited and self._least <= _HELD_S:
            return Beat(self._last, self.period)
        self._late = 0
        lost = round(self._least / self.period)
        self._last += lost * self.period
        return Beat(self._last, self.period, lost, anew=True)
