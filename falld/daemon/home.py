"""A home: its wearables, its alerts and its ways to monitoring hubs, tied together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from falld.alert.clipbox import ClipError
from falld.alert.clock import boot_id, boottime, clock_synced, utc_now
from falld.config.changes import Change, change
from falld.config.schema import Config
from falld.daemon import heap, parts
from falld.daemon.certificates import Certificates
from falld.daemon.clips import Clips
from falld.daemon.control import Answers, UnknownWearer, Word, answering
from falld.daemon.drill import Drills
from falld.daemon.escalation import Due, Escalation
from falld.daemon.health import in_one_line, keep_telling, open_entry, to_wire
from falld.daemon.heard import Heard, Kind, Observer, nobody
from falld.daemon.inbox import Inbox
from falld.daemon.keeper import Keeper
from falld.daemon.listeners import Listeners
from falld.daemon.login import brokers_of
from falld.daemon.memory import Memory
from falld.daemon.route import Shared
from falld.daemon.routes import Routes
from falld.daemon.shadow import Shadow
from falld.daemon.wearable import MakeDetector
from falld.daemon.worn import Worn
from falld.errors import FalldError, words
from falld.publish.clips import ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.worker import Worker
from falld.supervise.alive import keep_told
from falld.supervise.notify import NOBODY, Manager

OUTBOX = "outbox.db"
CLIPS = "clips"
LEARNT = "learnt"

log = logging.getLogger(__name__)


class Home:
    """Runs a home.

    Args:
        config: what is in it.
        model: name of the detector bundle.
        make_detector: the detector for a source and what was learnt, and why falls may not be found with the two.
        make_shadow: makes one for a wearable; None: none have any.
        memory: makes the one that is kept in a folder; None: nothing that is learnt outlives the home.
        config_fault: what is wrong with the file, where another configuration runs.
        observer: hears of everything that happens.
        manager: hears that the home is ready and alive.
        beside: runs as long as the home does, and may `change` it.
    """

    def __init__(
        self,
        config: Config,
        *,
        model: str,
        make_detector: MakeDetector,
        make_shadow: Callable[[], Shadow] | None = None,
        memory: Callable[[Path], Memory] | None = None,
        config_fault: FalldError | None = None,
        observer: Observer = nobody,
        manager: Manager = NOBODY,
        beside: Callable[[Home], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.config = config
        """What runs."""
        self._model = model
        self._make_detector = make_detector
        self._make_shadow = make_shadow
        self._make_memory = memory
        self._config_fault = config_fault
        self._observer = observer
        self._manager = manager
        self._beside = beside
        self._boot_id = boot_id()
        self._news = asyncio.Event()
        self._disk = Worker("outbox")
        self._clip_disk = Worker("clips")
        self._clip_fault: ClipError | None = None
        self._clips: Clips | None = None
        self._certificates = Certificates(lambda: self.config, self._tell_fault, utc_now)
        self._listeners = Listeners()
        self._worn: Worn
        self._memory: Memory | None = None
        self._keeper: Keeper
        self._routes: Routes
        self._inbox: Inbox
        self._escalation: Escalation
        self._drills: Drills

    async def run(self) -> None:
        """Until cancelled; then the hubs are told goodbye.

        Raises:
            HomeError: there is no folder for the state.
            UnknownDriver, DescriptionError: a wearable that cannot be spoken with.
            SecretError: a broker's password cannot be had.
            NotOurs: the outbox is held by another program, something else, or of a newer falld.
        """
        self._worn = Worn(self.config.wearers, self._make_detector)
        brokers = brokers_of(self.config)
        folder = parts.state_folder(self.config)
        async with contextlib.AsyncExitStack() as open_parts:
            open_parts.callback(self._clip_disk.close)
            open_parts.callback(self._disk.close)
            self._keeper = await Keeper.open(
                folder / OUTBOX,
                raise_after_s=self.config.alert.raise_after_s,
                disk=self._disk,
                routes=[broker.where for broker in brokers],
                observer=self._hear,
                wake=lambda: self._routes.wake(),
            )
            open_parts.push_async_callback(self._keeper.close)
            self._escalation = await parts.escalation(self.config, self._keeper, self._disk, self._alarmed)
            self._drills = parts.drills(self.config, self._keeper)
            # The folder is of this program alone now, as the outbox is.
            box, self._clip_fault = await parts.open_clips(self.config, folder / CLIPS, self._clip_disk)
            shared = Shared(
                home=self.config.home.id,
                boot_id=self._boot_id,
                model=self._model,
                outbox=self._keeper.outbox,
                disk=self._disk,
                gate=CommandGate(self._boot_id, self._keeper.commands),
                silent_s=self.config.alert.hub_silent_s,
                receive=lambda said: self._inbox.take(said),
                acked=lambda ack: self._escalation.deadlines.acked(ack.alert_id, ack.seq),
                tell=self._tell,
            )
            self._routes = Routes(
                brokers,
                shared,
                after_s=self.config.alert.second_route_after_s,
                clips=None if box is None else ClipRoute(box, self._clip_disk),
            )
            if box is not None:
                budget = self.config.clips.near_misses_a_day
                self._clips = Clips(box, self._clip_disk, self._routes.wake_clips, near_misses_a_day=budget)
            self._inbox = Inbox(
                self.config.home.id,
                self._keeper,
                clips=self._clips,
                believe=lambda said: self._worn.learn_from(said, self._keeper),
                tell=self._tell,
            )
            self._memory = None if self._make_memory is None else self._make_memory(folder / LEARNT)
            worn = self._worn.put_on(
                self._keeper,
                self._hear,
                clips=self._clips,
                make_shadow=self._make_shadow,
                memory=self._memory,
            )
            answers = Answers(self._drills, self.health, self._said, self._listeners.one)
            await open_parts.enter_async_context(answering(folder, answers))
            helpers = (
                self._keeper.watch_deadlines, self._escalation.run, self._drills.run, self._inbox.run,
                self._certificates.run, heap.keep_small,
            )  # fmt: skip
            health = partial(keep_telling, self.health, self._news, self._routes.set_health)
            told = partial(keep_told, self._manager, self._status)
            runs: list[Callable[[], Coroutine[Any, Any, None]]] = [*self._routes.runs(), *helpers, health, told, worn]
            if self._memory is not None:
                runs.append(self._memory.run)
            if self._beside is not None:
                runs.append(partial(self._beside, self))
            await _run_all(runs)

    async def change(self, wanted: Config) -> Change:
        """Runs on as this configuration has it. Open alerts keep their deadlines, and wearables of which nothing
        changed are not touched.

        Raises:
            UnknownDriver, DescriptionError: a wearable cannot be spoken with; nothing has changed.
            SecretError: a broker's password cannot be had any more; nothing has changed.
        """
        done = change(self.config, wanted)
        brokers = await asyncio.to_thread(brokers_of, done.runs)
        await self._worn.change(done.runs.wearers)
        self.config = config = done.runs
        self._keeper.raise_after(config.alert.raise_after_s)
        times = config.alarm
        self._escalation.change(
            parts.alarm(config), commit_s=times.commit_s, seen_s=times.seen_s, apart_s=times.apart_s
        )
        self._drills.change(every=parts.test_every(config), answer_s=config.alarm.seen_s)
        self._routes.change(brokers, after_s=config.alert.second_route_after_s, silent_s=config.alert.hub_silent_s)
        if self._clips is not None:
            self._clips.near_misses_a_day = config.clips.near_misses_a_day
        if self._memory is not None:
            self._memory.change(parts.empty_of(config))
        return done

    def set_config_fault(self, fault: FalldError | None) -> None:
        """What of the file does not run."""
        self._config_fault = fault
        if fault is not None:
            self._tell_fault(fault)
        self._news.set()

    async def health(self) -> dict[str, Any]:
        """How the home is."""
        kept = await self._disk(self._keeper.outbox.fault)
        cut = None if self._clips is None else self._clips.fault
        return {
            "boot_id": self._boot_id,
            "model": self._model,
            **self._worn.health(),
            "open": [open_entry(alert) for alert in self._keeper.open_alerts()],
            "outbox": await self._disk(len, self._keeper.outbox),
            "outbox_fault": words(kept),
            "config_fault": words(self._config_fault),
            "clip_fault": words(self._clip_fault or cut or self._routes.clip_fault),
            "routes": self._routes.health(),
            "certificate_fault": words(self._certificates.fault),
            "alarm_fault": words(self._escalation.fault),
            "test_fault": words(self._drills.fault),
            "counters": self._routes.counters() | {"inbox_dropped": self._inbox.dropped},
        }

    async def _said(self, word: Word, wearer: str) -> str | None:
        """On the command line, for a wearer."""
        known = [each.id for each in self.config.wearers]
        if wearer not in known:
            raise UnknownWearer(f"wearer {wearer}", "is not of this home", f"take one of {', '.join(known)}")
        self._tell("button", f"{word}, on the command line", wearer=wearer, button=word)
        return await (self._keeper.cancel(wearer) if word == "cancel" else self._keeper.help(wearer))

    async def _status(self) -> str:
        """In one line; the thread of the outbox answers too, or there is none."""
        return in_one_line(to_wire(await self.health(), utc_now(), clock_synced=clock_synced()))

    def _alarmed(self, due: Due, fault: FalldError | None) -> None:
        text = words(fault) or f"the home's own, for alert {due.alert_id}: {due.why}"
        self._tell("alarm", text, fault=words(fault), alert_id=due.alert_id, stage=due.stage)

    def _tell_fault(self, fault: FalldError) -> None:
        self._tell("fault", str(fault), fault=str(fault))

    def _tell(self, kind: Kind, text: str, **data: Any) -> None:
        self._hear(Heard(kind, boottime(), text, data))

    def _hear(self, heard: Heard) -> None:
        if heard.kind != "samples":
            self._news.set()
            self._drills.hear(heard)
            self._listeners.hear(heard)
        self._observer(heard)


async def _run_all(runs: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Until cancelled, or one of them fails."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for run in runs:
                tasks.create_task(run())
    except BaseExceptionGroup as failed:
        first, *others = failed.exceptions
        for other in others:
            log.error("and at the same time: %r", other)
        raise first from None
