"""The wearables and buttons of a home, as the configuration has them: each opened in its way, put on and taken off,
and what a person's answer teaches its detector."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from falld.alert.clock import boottime
from falld.alert.wire import Response
from falld.config.wearers import Button as ButtonConfig
from falld.config.wearers import Wearable as WearableConfig
from falld.config.wearers import Wearer
from falld.daemon.clips import Clips
from falld.daemon.heard import Observer
from falld.daemon.keeper import Keeper
from falld.daemon.memory import Memory
from falld.daemon.shadow import Shadow
from falld.daemon.wearable import MakeDetector, Opened, Opener, Wearable
from falld.detect.learnt import Learnt
from falld.errors import FalldError, first_of
from falld.samples.csvfile import CsvRecording
from falld.sensors.recorded import RecordedWearable

if TYPE_CHECKING:
    from falld.daemon.live import Live

Key = tuple[str, WearableConfig | ButtonConfig]
"""A wearer, and what they have; the same one goes on as long as nothing of it changes."""


class _Part(Protocol):
    acting: asyncio.Lock

    @property
    def fault(self) -> FalldError | None: ...

    async def run(self) -> None: ...
    async def finish(self) -> None: ...


class Worn:
    """All of them.

    Args:
        make_detector: the detector for a source and what was learnt, and why falls may not be found with the two.

    Raises:
        UnknownDriver, DescriptionError: a wearable that cannot be spoken with.
    """

    def __init__(self, wearers: Sequence[Wearer], make_detector: MakeDetector) -> None:
        self._make_detector = make_detector
        self._live: Live | None = None
        self._openers = self._opened_by(_keys(wearers))
        self._parts: dict[Key, _Part] = {}
        self._make: Callable[[Key, Opener | None], _Part]
        self._memory: Memory | None = None
        self._running: asyncio.TaskGroup
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def put_on(
        self,
        keeper: Keeper,
        observer: Observer,
        *,
        clips: Clips | None,
        make_shadow: Callable[[], Shadow] | None,
        memory: Memory | None,
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """What is to be run until the end of the home.

        Args:
            clips: where those of their impacts go; None: none are made.
            make_shadow: makes one for a wearable; None: none have any.
            memory: None: nothing that is learnt outlives the home.
        """
        self._memory = memory

        def make(key: Key, opener: Opener | None) -> _Part:
            wearer, each = key
            if isinstance(each, ButtonConfig):
                assert self._live is not None
                return self._live.button(wearer, each, keeper, observer)
            assert opener is not None
            return Wearable(
                wearer,
                each.source,
                opener,
                keeper,
                observer=observer,
                now=boottime,
                clips=clips,
                shadow=None if make_shadow is None else make_shadow(),
            )

        self._make = make
        self._parts = {key: make(key, opener) for key, opener in self._openers.items()}
        return self._run

    async def change(self, wearers: Sequence[Wearer]) -> None:
        """What did not change goes on untouched; the rest is taken off, or put on.

        Raises:
            UnknownDriver, DescriptionError: one cannot be spoken with; nothing has changed.
        """
        keys = _keys(wearers)
        if _over_bluetooth(keys):
            await asyncio.to_thread(importlib.import_module, "falld.daemon.live")  # bleak takes its time
        before = self._live
        fresh = self._opened_by([key for key in keys if key not in self._parts])
        if self._live is not before:
            assert self._live is not None
            self._running.create_task(self._live.run())
        await asyncio.gather(*(self._take_off(key) for key in [*self._parts] if key not in keys))
        for key, opener in fresh.items():
            self._parts[key] = self._make(key, opener)
            self._start(key)
        self._parts = {key: self._parts[key] for key in keys}

    def health(self) -> dict[str, Any]:
        """Of the wearables, and of the adapters and buttons."""
        radio = [] if self._live is None else self._live.faults
        buttons = [part.fault for part in self._parts.values() if not isinstance(part, Wearable)]
        return {
            "wearables": [wearable.health() for wearable in self._wearables()],
            "radio": [str(fault) for fault in (*radio, *buttons) if fault is not None],
        }

    def learn_from(self, said: Response, keeper: Keeper) -> None:
        """Who closes a raised alert that the wearer did not cancel, and not as a false one, says that it was a fall."""
        certain = [a for a in keeper.open_alerts() if (a.alert_id, a.state) == (said.alert_id, "raised")]
        if self._memory is None or said.response != "resolved" or not certain or certain[0].withdrawn == "cancelled":
            return
        for wearable in self._wearables():
            impact_t = wearable.impact_of(said.alert_id)
            if impact_t is not None:
                self._memory.of(wearable.wearer, wearable.name).was_fall(impact_t)

    def _wearables(self) -> list[Wearable]:
        return [part for part in self._parts.values() if isinstance(part, Wearable)]

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._running:
                if self._live is not None:
                    self._running.create_task(self._live.run())
                for key in self._parts:
                    self._start(key)
                await asyncio.get_running_loop().create_future()
        except BaseExceptionGroup as failed:
            raise first_of(failed) from None

    def _start(self, key: Key) -> None:
        self._tasks[key] = self._running.create_task(self._parts[key].run())

    async def _take_off(self, key: Key) -> None:
        part, task = self._parts[key], self._tasks.pop(key)
        async with part.acting:
            task.cancel()
        await asyncio.wait([task])
        await part.finish()
        del self._parts[key]

    async def _learnt(self, wearer: str, wearable: str) -> Learnt:
        return Learnt() if self._memory is None else await asyncio.to_thread(self._memory.of, wearer, wearable)

    def _opened_by(self, keys: Sequence[Key]) -> dict[Key, Opener | None]:
        """None: of a button."""
        if self._live is None and _over_bluetooth(keys):
            from falld.daemon.live import Live

            self._live = Live(self._make_detector, now=boottime)
        return {key: None if isinstance(key[1], ButtonConfig) else self._opener(key[0], key[1]) for key in keys}

    def _opener(self, wearer: str, config: WearableConfig) -> Opener:
        recording = config.recording
        if recording is None:
            assert self._live is not None
            open_live = self._live.wearable(config)

            async def heard() -> Opened:
                return open_live(await self._learnt(wearer, config.source))

            return heard

        async def played() -> Opened:
            learnt = await self._learnt(wearer, config.source)
            return await asyncio.to_thread(opened, learnt)

        def opened(learnt: Learnt) -> Opened:
            source = RecordedWearable(
                CsvRecording(recording), now=boottime, speed=config.speed or 1.0, placement=config.placement
            )
            return Opened(source, *self._make_detector(source, learnt))

        return played


def _keys(wearers: Sequence[Wearer]) -> list[Key]:
    keys: list[Key] = []
    for wearer in wearers:
        keys += ((wearer.id, each) for each in wearer.wearables)
        keys += ((wearer.id, each) for each in wearer.buttons)
    return keys


def _over_bluetooth(keys: Sequence[Key]) -> bool:
    """Whether anything is; else bleak is not loaded."""
    return any(isinstance(each, ButtonConfig) or each.recording is None for _, each in keys)
