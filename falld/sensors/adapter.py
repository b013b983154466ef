"""One Bluetooth adapter: one scanner for all who listen, one connect at a time, and what to do when it goes deaf."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from falld.sensors.bluez import ANSWER_S, FAILURES, power_cycle, said, unslipped
from falld.sensors.driver import Advertisement
from falld.sensors.source import SourceError

QUIET_S = 90.0
"""A scan that hears nobody for so long is started anew: neighbours, phones and televisions advertise everywhere, and
BlueZ forgets at 180 s."""
RETRY_S = (1.0, 30.0)
"""First and longest wait after a scan that could not begin; doubled each time."""
UNKNOWN_RSSI = -127
"""What bleak gives where BlueZ does not know it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """An advertisement, and what bleak connects to."""

    advertisement: Advertisement
    device: BLEDevice


Watcher = Callable[[Seen], None]


class Adapter:
    """Scans while somebody watches, and not while somebody connects: a radio does one of both well.

    Where it hears nobody it climbs a ladder: the scan is started anew; then the adapter is turned off and on, unless
    a wearable streams through it; then `fault` says that it is blind, and the ladder begins anew.

    Args:
        name: as `hci0`; None: the first one that is powered.
        quiet_s: silence after which the next rung is taken.
        retry_s: first and longest wait after a scan that could not begin.
        cycle: turns the adapter off and on; None: it is not this program's to do.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        quiet_s: float = QUIET_S,
        retry_s: tuple[float, float] = RETRY_S,
        cycle: Callable[[str | None], Awaitable[None]] | None = power_cycle,
    ) -> None:
        self.name = name
        self.fault: SourceError | None = None
        self._quiet_s = quiet_s
        self._retry_s = retry_s
        self._cycle = cycle
        self._watchers: list[Watcher] = []
        self._connecting = 0
        self._uses = 0
        self._radio = asyncio.Lock()
        self._changed = asyncio.Event()
        self._heard_t = 0.0
        self._rung = 0

    @property
    def where(self) -> str:
        return f"adapter {self.name or 'of this machine'}"

    @contextlib.contextmanager
    def watch(self, watcher: Watcher) -> Iterator[None]:
        """Meanwhile every advertisement is handed to `watcher`, which must not wait or raise."""
        self._watchers.append(watcher)
        self._changed.set()
        try:
            yield
        finally:
            self._watchers.remove(watcher)
            self._changed.set()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """To connect in: nobody scans meanwhile, and nobody else connects."""
        self._connecting += 1
        self._changed.set()
        try:
            async with self._radio:
                yield
        finally:
            self._connecting -= 1
            self._changed.set()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Meanwhile the adapter is not turned off."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while not self._wanted:
                await self._change()
            try:
                async with self._radio:
                    if await self._scan():
                        continue
                await self._climb(f"hears nobody for {self._quiet_s:g} s", certain=not self._uses)
            except FAILURES as error:
                await self._climb(f"cannot scan: {said(error)}", certain=True)
                await self._change(min(self._retry_s[1], self._retry_s[0] * 2 ** min(self._rung - 1, 10)))

    @property
    def _wanted(self) -> bool:
        return bool(self._watchers) and not self._connecting

    async def _scan(self) -> bool:
        """Until nobody wants it any more; False: it was quiet for too long."""
        loop = asyncio.get_running_loop()
        scanner = BleakScanner(self._heard, bluez={} if self.name is None else {"adapter": self.name})
        try:
            with unslipped():
                async with asyncio.timeout(ANSWER_S):
                    await scanner.start()
            self._heard_t = loop.time()
            while self._wanted:
                left = self._heard_t + self._quiet_s - loop.time()
                if left <= 0:
                    return False
                await self._change(left)
            return True
        finally:
            # What cannot be stopped does not run; where it does all the same, the next start tells.
            with contextlib.suppress(*FAILURES), unslipped():
                async with asyncio.timeout(ANSWER_S):
                    await scanner.stop()

    async def _change(self, within_s: float | None = None) -> None:
        """Until somebody comes or goes."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()

    async def _climb(self, what: str, *, certain: bool) -> None:
        """The next rung. Silence alone is no fault while a wearable streams: there may be nobody else."""
        self._rung += 1
        match self._rung % 4:
            case 1:
                log.info("%s: %s: the scan is started anew", self.where, what)
            case 2 if self._cycle is not None and not self._uses:
                log.warning("%s: %s: it is turned off and on", self.where, what)
                try:
                    async with self._radio:
                        await self._cycle(self.name)
                except SourceError as error:
                    self._fail(error)
            case _ if certain:
                remedy = "look at `bluetoothctl show` and `systemctl status bluetooth`, or plug another adapter in"
                self._fail(SourceError(self.where, f"is blind: {what}", remedy))

    def _fail(self, fault: SourceError) -> None:
        if str(fault) != str(self.fault):
            log.error("%s", fault)
        self.fault = fault

    def _heard(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_t = asyncio.get_running_loop().time()
        self._rung = 0
        self.fault = None
        seen = Seen(
            Advertisement(
                address=device.address,
                name=data.local_name or device.name,
                rssi=None if data.rssi == UNKNOWN_RSSI else data.rssi,
                services=frozenset(data.service_uuids),
                manufacturer=data.manufacturer_data,
                service_data=data.service_data,
            ),
            device,
        )
        for watcher in tuple(self._watchers):
            watcher(seen)
