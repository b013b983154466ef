"""The Bluetooth of this machine: its adapters, and the wearables that are heard through them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from falld.sensors.adapter import Adapter
from falld.sensors.ble import BleWearable
from falld.sensors.bluez import power_cycle, release
from falld.sensors.driver import Advertisement, Driver, Wish
from falld.sensors.drivers import by_name, match
from falld.sensors.drivers.described import load
from falld.sensors.link import Link, Timing, Wanted
from falld.sensors.source import SourceError


@dataclass(frozen=True, slots=True)
class Make:
    """How a wearable is spoken with; by nothing of both: as the first driver does that knows its advertisement."""

    driver: str | None = None
    description: Path | None = None

    def chooser(self) -> Callable[[Advertisement], Driver | None]:
        """The driver for an advertisement.

        Raises:
            FalldError: there is no such driver, or the description cannot be used.
        """
        if self.driver is None and self.description is None:
            return match
        driver = load(self.description) if self.description is not None else by_name(self.driver or "")
        return lambda seen: driver


class Radio:
    """Adapters by name, each made when it is first asked for.

    Args:
        now: CLOCK_BOOTTIME in seconds.
        owner: whether it may turn adapters off and on, and let go of connections that it finds; a program that runs
            beside the daemon must not.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        owner: bool = True,
        timing: Timing | None = None,
    ) -> None:
        self._now = now
        self._owner = owner
        self._timing = timing or Timing()
        self._adapters: dict[str | None, Adapter] = {}
        self._claimed: set[str] = set()
        self._serving: asyncio.TaskGroup | None = None

    @property
    def faults(self) -> list[SourceError]:
        """Of the adapters."""
        return [adapter.fault for adapter in self._adapters.values() if adapter.fault is not None]

    def adapter(self, name: str | None = None) -> Adapter:
        """By its name; None: the first one that is powered."""
        if name not in self._adapters:
            self._adapters[name] = Adapter(name, cycle=power_cycle if self._owner else None)
            if self._serving is not None:
                self._serving.create_task(self._adapters[name].run())
        return self._adapters[name]

    def wearable(
        self,
        name: str,
        wanted: Wanted,
        make: Make,
        wish: Wish,
        *,
        placement: str = "unknown",
        adapter: str | None = None,
    ) -> BleWearable:
        """One wearable, to be listened to while `run` runs.

        Raises:
            FalldError: there is no such driver, or the description cannot be used.
        """
        choose, heard_by = make.chooser(), self.adapter(adapter)

        def link(source: BleWearable) -> Link:
            return Link(
                name,
                wanted,
                heard_by,
                choose=choose,
                begin=lambda driver: driver.session(wish),
                listener=source,
                claimed=self._claimed,
                now=self._now,
                release=release if self._owner else None,
                timing=self._timing,
            )

        return BleWearable(name, link, wish=wish, placement=placement, now=self._now)

    async def run(self) -> None:
        """Serves the adapters that are asked for, until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._serving:
                for adapter in self._adapters.values():
                    self._serving.create_task(adapter.run())
                await asyncio.get_running_loop().create_future()
        finally:
            self._serving = None
