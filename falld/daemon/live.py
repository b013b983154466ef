"""Wearables and buttons that are heard over Bluetooth LE, as the configuration has them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import get_args

from falld.config.wearers import Button as ButtonConfig
from falld.config.wearers import Wearable as WearableConfig
from falld.daemon.heard import Heard, Observer
from falld.daemon.keeper import Keeper
from falld.daemon.wearable import Detecting, MakeDetector, Opened
from falld.detect.events import Event
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.sensors.adapter import Adapter
from falld.sensors.ble import BleWearable
from falld.sensors.buttons import presses
from falld.sensors.driver import FrameError, Wish
from falld.sensors.drivers.bthome import Click, Kind
from falld.sensors.link import Wanted
from falld.sensors.radio import Make, Radio
from falld.sensors.source import Source
from falld.sensors.status import Status

log = logging.getLogger(__name__)


class Live:
    """What of a home is heard so.

    Args:
        make_detector: the detector for a source and what was learnt, and why falls may not be found with the two.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(self, make_detector: MakeDetector, *, now: Callable[[], float]) -> None:
        self._make_detector = make_detector
        self._now = now
        self._radio = Radio(now=now)

    @property
    def faults(self) -> list[FalldError]:
        """Of the adapters."""
        return list(self._radio.faults)

    def wearable(self, config: WearableConfig) -> Callable[[Learnt], Opened]:
        """How it is opened, with a detector that is made when it streams.

        Raises:
            FalldError: a driver that there is none of, or a description that cannot be used.
        """
        source = self._source(config)

        def opened(learnt: Learnt) -> Opened:
            late = LateDetector(source, self._make_detector, learnt)

            def status() -> Status:
                told = source.status
                return told if told.fault is not None else replace(told, fault=late.fault)

            return Opened(source, late, None, status)

        return opened

    def button(self, wearer: str, config: ButtonConfig, keeper: Keeper, observer: Observer) -> AdvertisedButton:
        """One of this wearer's."""
        adapter = self._radio.adapter(config.adapter)
        return AdvertisedButton(wearer, config, adapter, keeper, observer=observer, now=self._now)

    async def run(self) -> None:
        """Serves the adapters, until cancelled."""
        await self._radio.run()

    def _source(self, config: WearableConfig) -> BleWearable:
        usual = Wish()
        wish = Wish(
            rate_hz=config.rate_hz or usual.rate_hz,
            range_g=config.range_g or usual.range_g,
            press=config.press or usual.press,
        )
        return self._radio.wearable(
            config.source,
            Wanted(config.address, config.name),
            Make(config.driver, config.description),
            wish,
            placement=config.placement or "unknown",
            adapter=config.adapter,
        )


class LateDetector:
    """A detector for a wearable whose rate is known only when it streams, made anew where that changes.

    What was learnt goes on.
    """

    def __init__(self, source: Source, make: MakeDetector, learnt: Learnt) -> None:
        self.fault: FalldError | None = None
        """Why falls may not be found."""
        self._source = source
        self._make = make
        self._learnt = learnt
        self._clock: Clock | None = None
        self._detector: Detecting | None = None

    def feed(self, block: Block) -> list[Event]:
        events: list[Event] = []
        if self._detector is None or self._clock != self._source.clock:
            events = self.finish()
            self._clock = self._source.clock
            self._detector, self.fault = self._make(self._source, self._learnt)
        return events + self._detector.feed(block)

    def advance(self, t: float) -> list[Event]:
        return [] if self._detector is None else self._detector.advance(t)

    def deadline(self) -> float | None:
        return None if self._detector is None else self._detector.deadline()

    def finish(self) -> list[Event]:
        return [] if self._detector is None else self._detector.finish()


class AdvertisedButton:
    """Listens to one button for ever.

    Args:
        wearer: whose it is.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        wearer: str,
        config: ButtonConfig,
        adapter: Adapter,
        keeper: Keeper,
        *,
        observer: Observer,
        now: Callable[[], float],
    ) -> None:
        self.fault: FrameError | None = None
        """Why what it says cannot be read."""
        self.acting = asyncio.Lock()
        """Held while what it says is done; it is not to be cancelled then."""
        self._wearer = wearer
        self._config = config
        self._adapter = adapter
        self._keeper = keeper
        self._observer = observer
        self._now = now

    async def run(self) -> None:
        """Until cancelled."""
        source = self._config.source
        meanings = {self._config.address: meaning(self._config)}
        async with contextlib.aclosing(presses(self._adapter, meanings, self._now, doubt=self._doubt)) as pressed:
            async for each in pressed:
                data = {"source": source, "wearer": self._wearer, "button": each.kind, "battery": each.battery}
                self._observer(Heard("button", self._now(), f"{each.kind} ({each.click})", data))
                async with self.acting:
                    if each.kind == "cancel":
                        await self._keeper.cancel(self._wearer)
                    else:
                        await self._keeper.help(self._wearer, source)

    async def finish(self) -> None:
        """It waits for nothing."""

    def _doubt(self, fault: FrameError | None) -> None:
        if fault is not None and self.fault is None:
            log.error("%s", fault)
            self._observer(Heard("fault", self._now(), str(fault), {"source": self._config.source}))
        self.fault = fault


def meaning(config: ButtonConfig) -> Mapping[Click, Kind]:
    """What each way of pressing means."""
    return {click: getattr(config, click) or config.press for click in get_args(Click)}
