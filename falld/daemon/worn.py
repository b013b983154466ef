"""The wearables of a home, as the configuration has them: each opened in its way, and what a person's answer teaches
its detector."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from falld.alert.clock import boottime
from falld.alert.wire import Response
from falld.config.schema import Config
from falld.config.wearers import Wearable as WearableConfig
from falld.daemon.clips import Clips
from falld.daemon.heard import Observer
from falld.daemon.keeper import Keeper
from falld.daemon.memory import Memory
from falld.daemon.shadow import Shadow
from falld.daemon.wearable import MakeDetector, Opened, Opener, Wearable
from falld.detect.learnt import Learnt
from falld.samples.csvfile import CsvRecording
from falld.sensors.recorded import RecordedWearable

if TYPE_CHECKING:
    from falld.daemon.live import Live


class Worn:
    """All of them.

    Args:
        make_detector: the detector for a source and what was learnt, and why falls may not be found with the two.

    Raises:
        UnknownDriver, DescriptionError: a wearable that cannot be spoken with.
    """

    def __init__(self, config: Config, make_detector: MakeDetector) -> None:
        self._config = config
        self._make_detector = make_detector
        self._live = _live(config, make_detector)
        self._memory: Memory | None = None
        self._all: list[Wearable] = []

    def put_on(
        self,
        keeper: Keeper,
        observer: Observer,
        *,
        clips: Clips | None,
        make_shadow: Callable[[], Shadow] | None,
        memory: Memory | None,
    ) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What is to be run until the end of the home.

        Args:
            clips: where those of their impacts go; None: none are made.
            make_shadow: makes one for a wearable; None: none have any.
            memory: None: nothing that is learnt outlives the home.
        """
        self._memory = memory
        self._all = [
            Wearable(
                wearer.id,
                each.source,
                self._opener(each, wearer.id),
                keeper,
                observer=observer,
                now=boottime,
                clips=clips,
                shadow=None if make_shadow is None else make_shadow(),
            )
            for wearer in self._config.wearers
            for each in wearer.wearables
        ]
        runs = [wearable.run for wearable in self._all]
        if memory is not None:
            runs.append(memory.run)
        return runs if self._live is None else [*runs, *self._live.runs(keeper, observer)]

    def health(self) -> dict[str, Any]:
        """Of the wearables, and of the adapters that hear them."""
        radio = [] if self._live is None else self._live.faults
        return {"wearables": [wearable.health() for wearable in self._all], "radio": radio}

    def learn_from(self, said: Response, keeper: Keeper) -> None:
        """Who closes a raised alert that the wearer did not cancel, and not as a false one, says that it was a fall."""
        certain = [a for a in keeper.open_alerts() if (a.alert_id, a.state) == (said.alert_id, "raised")]
        if self._memory is None or said.response != "resolved" or not certain or certain[0].withdrawn == "cancelled":
            return
        for wearable in self._all:
            impact_t = wearable.impact_of(said.alert_id)
            if impact_t is not None:
                self._memory.of(wearable.wearer, wearable.name).was_fall(impact_t)

    async def _learnt(self, wearer: str, wearable: str) -> Learnt:
        return Learnt() if self._memory is None else await asyncio.to_thread(self._memory.of, wearer, wearable)

    def _opener(self, config: WearableConfig, wearer: str) -> Opener:
        live, recording = self._live, config.recording

        async def heard() -> Opened:
            assert live is not None
            return await live.open(config.source, await self._learnt(wearer, config.source))

        async def played() -> Opened:
            learnt = await self._learnt(wearer, config.source)
            return await asyncio.to_thread(opened, learnt)

        def opened(learnt: Learnt) -> Opened:
            assert recording is not None
            source = RecordedWearable(
                CsvRecording(recording), now=boottime, speed=config.speed or 1.0, placement=config.placement
            )
            return Opened(source, *self._make_detector(source, learnt))

        return heard if recording is None else played


def _live(config: Config, make_detector: MakeDetector) -> Live | None:
    """What is heard over Bluetooth LE; None: nothing, and then bleak is not loaded."""
    if not any(wearer.buttons or any(each.recording is None for each in wearer.wearables) for wearer in config.wearers):
        return None
    from falld.daemon.live import Live

    return Live(config, make_detector, now=boottime)
