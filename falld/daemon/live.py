"""Wearables and buttons that are heard over Bluetooth LE, as the configuration has them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, get_args

from falld.config.schema import Config
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
        config: what is in it.
        make_detector: the detector for a source and what was learnt, and why falls may not be found with the two.
        now: seconds of CLOCK_BOOTTIME.

    Raises:
        FalldError: a driver that there is none of, or a description that cannot be used.
    """

    def __init__(self, config: Config, make_detector: MakeDetector, *, now: Callable[[], float]) -> None:
        self._config = config
        self._make_detector = make_detector
        self._now = now
        self._radio = Radio(now=now)
        self._buttons: list[AdvertisedButton] = []
        self._sources = {
            each.source: self._source(each)
            for wearer in config.wearers
            for each in wearer.wearables
            if each.recording is None
        }

    @property
    def faults(self) -> list[str]:
        """Of the adapters, and of the buttons."""
        buttons = [button.fault for button in self._buttons if button.fault is not None]
        return [str(fault) for fault in (*self._radio.faults, *buttons)]

    async def open(self, wearable: str, learnt: Learnt) -> Opened:
        """The wearable with this id, with a detector that is made when it streams."""
        source = self._sources[wearable]
        late = LateDetector(source, self._make_detector, learnt)

        def status() -> Status:
            told = source.status
            return told if told.fault is not None else replace(told, fault=late.fault)

        return Opened(source, late, None, status)

    def runs(self, keeper: Keeper, observer: Observer) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What is to be run until the end of the home."""
        self._buttons = [
            AdvertisedButton(
                wearer.id, each, self._radio.adapter(each.adapter), keeper, observer=observer, now=self._now
            )
            for wearer in self._config.wearers
            for each in wearer.buttons
        ]
        return [*(button.run for button in self._buttons), self._radio.run]

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
                if each.kind == "cancel":
                    await self._keeper.cancel(self._wearer)
                else:
                    await self._keeper.help(self._wearer, source)

    def _doubt(self, fault: FrameError | None) -> None:
        if fault is not None and self.fault is None:
            log.error("%s", fault)
            self._observer(Heard("fault", self._now(), str(fault), {"source": self._config.source}))
        self.fault = fault


def meaning(config: ButtonConfig) -> Mapping[Click, Kind]:
    """What each way of pressing means."""
    return {click: getattr(config, click) or config.press for click in get_args(Click)}
