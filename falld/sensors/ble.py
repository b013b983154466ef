"""A wearable on a body, heard over Bluetooth LE now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import numpy as np

from falld.samples.clock import RATE_TOLERANCE, Clock
from falld.samples.livetime import LiveTime
from falld.sensors.driver import DialogError, Frame, Press, Said, Session, Ticks, Wish
from falld.sensors.link import Link
from falld.sensors.source import Button, Reading, Samples, Silent, SourceError, TimeMap
from falld.sensors.status import Status

LATE_S = 2.0
"""While a wearable is connected, a frame may still come so long after its samples: 1 s that it gathers them, 1 s of
retransmissions."""
LOOK_S = 0.25
"""Silence is told so often."""
WAITING = 2048
"""Frames that wait to be taken: 34 s at 60 a second. A daemon that stands longer has other troubles."""
RATE_WINDOW_S = 30.0
"""A rate is judged over so long: frames of 1 s make 3 %, which is well below what is tolerated."""

log = logging.getLogger(__name__)


class BleWearable:
    """Heard for as long as `readings` is listened to. Stamps are CLOCK_BOOTTIME.

    Args:
        name: in errors.
        make_link: makes its link, which tells this what it hears.
        wish: what it is asked for.
        placement: where it is worn.
        now: CLOCK_BOOTTIME in seconds.
    """

    def __init__(
        self,
        name: str,
        make_link: Callable[[BleWearable], Link],
        *,
        wish: Wish,
        placement: str = "unknown",
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._placement = placement
        self._now = now
        self._queue: asyncio.Queue[Reading | None] = asyncio.Queue()
        self._settled: tuple[float, Ticks | None] | None = None
        self._rate_hz = wish.rate_hz
        self._live: LiveTime | None = None
        self._rate = _RateWatch(wish.rate_hz)
        self._latest_t = -np.inf
        self._dropped = 0
        self.range_g: float | None = None
        self._link = make_link(self)

    @property
    def clock(self) -> Clock:
        """Stamps at the rate that was settled; before the first stream at the one that is wished for."""
        return Clock("stamps", self._rate_hz)

    @property
    def placement(self) -> str:
        return self._placement

    @property
    def warnings(self) -> tuple[str, ...]:
        return ()

    @property
    def time(self) -> TimeMap:
        return TimeMap(0.0, 0.0)

    @property
    def status(self) -> Status:
        """How it is now."""
        status = self._link.status
        live = self._live
        if live is not None:
            status = replace(status, rate_hz=self._rate_hz, ppm=live.ppm, lost=live.lost)
        return status if status.fault is not None else replace(status, fault=self._odd_rate())

    async def readings(self) -> AsyncGenerator[Reading, None]:
        """What it says; it never ends, and where nothing comes `Silent` is told again and again."""
        link = asyncio.create_task(self._link.run())
        link.add_done_callback(lambda _: self._queue.put_nowait(None))
        try:
            while True:
                reading = await self._next()
                if link.done():
                    link.result()  # it never ends by itself: raises what nobody foresaw
                if reading is None:
                    reading = self._silence()
                if reading is not None:
                    yield reading
        finally:
            link.cancel()
            await asyncio.wait([link])

    def began(self, session: Session) -> None:
        """As a link's listener.

        Raises:
            DialogError: its counter is no clock.
        """
        settled = session.rate_hz, session.ticks
        self.range_g = session.range_g
        if self._live is None or settled != self._settled:
            self._live = _live_time(self._name, session)
            self._settled, self._rate_hz = settled, session.rate_hz
        else:
            self._live.reconnected()
        self._rate = _RateWatch(session.rate_hz)

    def heard(self, said: Said, came_t: float) -> None:
        """As a link's listener."""
        match said:
            case Press(kind):
                self._queue.put_nowait(Button(came_t, kind))
            case Frame() if self._live is not None:
                self._rate.add(len(said.acc), came_t)
                block = self._live.frame(said.acc, said.tick, came_t)
                if self._queue.qsize() < WAITING:
                    self._queue.put_nowait(Samples(block))
                else:
                    if not self._dropped:
                        log.error("wearable %s: samples are dropped: %d frames wait already", self._name, WAITING)
                    self._dropped += 1

    def changed(self, status: Status) -> None:
        """As a link's listener."""
        self._queue.put_nowait(None)

    async def _next(self) -> Reading | None:
        try:
            async with asyncio.timeout(LOOK_S):
                reading = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(reading, Samples):
            self._latest_t = max(self._latest_t, float(reading.block.t[-1]))
        return reading

    def _silence(self) -> Silent | None:
        """None: samples may still come that are older than what could be told."""
        connected = self._link.status.state in ("starting", "streaming")
        t = self._now() - (LATE_S if connected else 0.0)
        return Silent(t) if t > self._latest_t or not connected else None

    def _odd_rate(self) -> SourceError | None:
        measured = self._rate.measured_hz
        if measured is None or abs(measured - self._rate_hz) <= RATE_TOLERANCE * self._rate_hz:
            return None
        what = f"sends {measured:.1f} samples a second where {self._rate_hz:g} were agreed"
        return SourceError(f"wearable {self._name}", what, "give it a `rate_hz` that it keeps to, or bring it nearer")


class _RateWatch:
    """Samples a second, measured over windows of a stream."""

    def __init__(self, rate_hz: float) -> None:
        self.measured_hz: float | None = None
        self._from: float | None = None
        self._count = 0

    def add(self, count: int, came_t: float) -> None:
        if self._from is None:
            self._from = came_t
            return
        self._count += count
        if came_t - self._from >= RATE_WINDOW_S:
            self.measured_hz = self._count / (came_t - self._from)
            self._from, self._count = came_t, 0


def _live_time(name: str, session: Session) -> LiveTime:
    ticks = session.ticks
    if ticks is None:
        return LiveTime(session.rate_hz)
    try:
        return LiveTime(session.rate_hz, tick_hz=ticks.hz, bits=ticks.bits, of=ticks.of)
    except ValueError as error:
        raise DialogError(f"wearable {name}", str(error), "leave its counter out of its description") from None
