"""The link to one wearable, kept up for ever: searched, connected, started, watched, and made anew."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from falld.errors import FalldError
from falld.sensors.adapter import Adapter, Seen
from falld.sensors.bluez import FAILURES, release, said
from falld.sensors.connection import Connection, first_of
from falld.sensors.driver import Advertisement, Battery, DialogError, Driver, Frame, FrameError, Said, Session, Stopped
from falld.sensors.source import SourceError
from falld.sensors.status import Failure, LinkState, Status, Waits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Patience, in seconds."""

    connect: float = 15.0
    """One connect and the services: 1 s on a quiet radio, 10 s with the tries that noise costs. Others wait for it."""
    stall: float = 10.0
    """A stream without a sample: the slowest frames come once in 1 s."""
    goodbye: float = 3.0
    """To stop the stream, and again to disconnect: an exit waits so long at most for a wearable that is gone."""
    stable: float = 10.0
    """A stream that lasted so long was a good one: the waits begin anew."""
    unheard: float = 30.0
    """Not heard for so long is a fault: wearables advertise at least once in 10 s."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which wearable is meant: by its address, or by the name that it advertises."""

    address: str | None = None
    name: str | None = None

    def is_meant(self, address: str, name: str | None) -> bool:
        if self.address is not None:
            return address.upper() == self.address.upper()
        return name == self.name

    def __str__(self) -> str:
        return self.address or self.name or "any"


class Listener(Protocol):
    """Hears what comes over a link; must not wait or raise."""

    def began(self, session: Session) -> None:
        """A stream runs, on a new connection."""

    def heard(self, said: Said, came_t: float) -> None:
        """What a notification says, and when it came."""

    def changed(self, status: Status) -> None: ...


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a connection ended."""

    failure: Failure
    what: str
    remedy: str


@dataclass
class Link:
    """Connects to a wearable whenever it is met, and starts its stream, with a new client each time.

    Args:
        name: the wearable, in errors.
        adapter: what it is heard by.
        choose: the driver for an advertisement; None: no driver knows it.
        begin: makes a session with the driver.
        claimed: addresses that links of this program have; no two have one.
        now: when something came, in seconds.
        release: lets go of connections that a program that died has left; None: they may be somebody's.
    """

    name: str
    wanted: Wanted
    adapter: Adapter
    choose: Callable[[Advertisement], Driver | None]
    begin: Callable[[Driver], Session]
    listener: Listener
    claimed: set[str]
    now: Callable[[], float]
    release: Callable[[Callable[[str, str | None], bool]], Awaitable[None]] | None = release
    timing: Timing = field(default_factory=Timing)
    waits: Waits = field(default_factory=Waits)
    status: Status = field(default_factory=Status, init=False)

    def __post_init__(self) -> None:
        self._where = f"wearable {self.name}"
        self._session: Session | None = None
        self._claim = ""
        self._began = False
        self._samples_t = 0.0
        self._stopped = asyncio.Event()
        self._why_stopped = ""

    async def run(self) -> None:
        """Until cancelled; then the stream is stopped and the wearable let go, in bounded time."""
        while True:
            try:
                trouble = await self._connected(*await self._search())
            finally:
                self.claimed.discard(self._claim)
                self._claim = ""
            delay = self.waits.after(trouble.failure)
            self._tell(trouble.failure, SourceError(self._where, trouble.what, trouble.remedy))
            await asyncio.sleep(delay)

    async def _search(self) -> tuple[Seen, Driver]:
        """Until it advertises and is one that can be spoken with."""
        self._tell("searching", self.status.fault)
        if self.release is not None:
            with contextlib.suppress(*FAILURES):  # without BlueZ the scan cannot begin either, and tells
                await self.release(self._is_free)
        found: asyncio.Future[tuple[Seen, Driver]] = asyncio.get_running_loop().create_future()

        def look(seen: Seen) -> None:
            advertisement = seen.advertisement
            if found.done() or not self._is_free(advertisement.address, advertisement.name):
                return
            driver = self.choose(advertisement)
            if driver is not None:
                self._claim = advertisement.address
                self.claimed.add(self._claim)
                if advertisement.rssi is not None:
                    self.status = replace(self.status, rssi=advertisement.rssi)
                found.set_result((seen, driver))
            elif not isinstance(self.status.fault, _Unknown):
                what = f"{advertisement.name or advertisement.address} is of no make that is known"
                self._tell("searching", _Unknown(self._where, what, "name its `driver`, or give a `description`"))

        with self.adapter.watch(look):
            while True:
                done, _ = await asyncio.wait([found], timeout=self.timing.unheard)
                if done:
                    return found.result()
                self._unheard()

    def _is_free(self, address: str, name: str | None) -> bool:
        return self.wanted.is_meant(address, name) and address not in self.claimed

    def _unheard(self) -> None:
        fault: FalldError | None = self.adapter.fault
        if fault is None and not isinstance(self.status.fault, _Unknown):
            what = f"{self.wanted} is not heard by {self.adapter.where}"
            remedy = "bring it nearer, charge it, end what else is connected to it, and see what `falld scan` shows"
            fault = SourceError(self._where, what, remedy)
        if str(fault) != str(self.status.fault):
            self._tell("searching", fault or self.status.fault)

    async def _connected(self, seen: Seen, driver: Driver) -> _Trouble:
        """One connection from beginning to end."""
        session, self._session = self.begin(driver), None
        address = seen.advertisement.address
        self.status = replace(self.status, address=address, driver=driver.name)
        self._tell("connecting", self.status.fault)
        try:
            async with self.adapter.turn():
                connection = await Connection.open(
                    self._where, seen.device, self._notified, now=self.now, within_s=self.timing.connect
                )
        except FAILURES as error:
            return _Trouble("unreachable", f"cannot be connected to: {said(error)}", "bring it nearer to the adapter")
        try:
            with self.adapter.in_use():
                return await self._stream(connection, session, driver)
        finally:
            await self._goodbye(connection, session)

    async def _stream(self, connection: Connection, session: Session, driver: Driver) -> _Trouble:
        self._tell("starting", self.status.fault)
        self._session, self._began = session, False
        self._stopped.clear()
        try:
            await connection.converse(session.start(), done=lambda: self._begin(session))
        except (DialogError, FrameError) as error:
            return _Trouble("refused", f"does not start: {error.what}", error.remedy)
        except TimeoutError as error:
            return _Trouble("refused", f"does not start: {said(error)}", "switch it off and on")
        except FAILURES as error:
            return _Trouble("lost", f"was lost while it started: {said(error)}", "bring it nearer to the adapter")
        unfit = None
        if driver.cannot_detect is not None:
            remedy = "wear one that can as well; its button works all the same"
            unfit = SourceError(self._where, f"cannot detect: {driver.cannot_detect}", remedy)
        self._tell("streaming", unfit)
        return await self._watch(connection)

    def _begin(self, session: Session) -> None:
        self.listener.began(session)
        self._began = True

    async def _watch(self, connection: Connection) -> _Trouble:
        """Until the stream ends in some way."""
        loop = asyncio.get_running_loop()
        self._samples_t = began_t = loop.time()
        while True:
            left = self._samples_t + self.timing.stall - loop.time()
            if connection.lost.is_set():
                return _Trouble("lost", "the connection was lost", "bring it nearer to the adapter")
            if self._stopped.is_set():
                return _Trouble("stopped", f"ended its stream: {self._why_stopped}", "wear it, and off the charger")
            if left <= 0:
                what = f"is connected and sent no sample for {self.timing.stall:g} s"
                return _Trouble("stalled", what, "switch it off and on if this stays so")
            if loop.time() - began_t >= self.timing.stable:
                self.waits.reset()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, self.timing.stable)):
                    await first_of(connection.lost.wait(), self._stopped.wait())

    async def _goodbye(self, connection: Connection, session: Session) -> None:
        """A sensor whose stream is left on goes on until its battery is empty."""
        self._session = None
        try:
            if not connection.lost.is_set():
                async with asyncio.timeout(self.timing.goodbye):
                    await connection.converse(session.stop())
        except (*FAILURES, DialogError, FrameError) as error:
            log.warning("%s: its stream could not be stopped: %s", self._where, said(error))
        finally:
            await connection.close(self.timing.goodbye)

    def _notified(self, characteristic: str, data: bytes, came_t: float) -> None:
        if self._session is None:
            return
        try:
            heard = self._session.received(characteristic, data)
        except FrameError as error:
            if not self.status.garbage:
                log.warning("%s: %s", self._where, error)
            self.status = replace(self.status, garbage=self.status.garbage + 1)
            return
        for each in heard:
            match each:
                case Frame() if not self._began:
                    continue  # of a stream that was left on, at what rate and range nobody knows
                case Frame():
                    self._samples_t = asyncio.get_running_loop().time()
                case Battery(percent):
                    self.status = replace(self.status, battery=percent)
                    self.listener.changed(self.status)
                case Stopped(why):
                    self._why_stopped = why
                    self._stopped.set()
            self.listener.heard(each, came_t)

    def _tell(self, state: LinkState, fault: FalldError | None) -> None:
        self.status = replace(self.status, state=state, fault=fault)
        self.listener.changed(self.status)


class _Unknown(SourceError):
    """No driver."""
