"""A home: its wearables, its alerts and its way to the monitoring hub, tied together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import falld
from falld.alert.clipbox import ClipBox, ClipError
from falld.alert.clock import boot_id, boottime, clock_synced, utc_now
from falld.alert.outbox import Row
from falld.alert.wire import Ack, Command, Response
from falld.config.last_good import state_dir
from falld.config.schema import Config
from falld.config.wearers import Wearable as WearableConfig
from falld.daemon.alarm import Alarm
from falld.daemon.clips import Clips
from falld.daemon.control import answering
from falld.daemon.drill import Drills
from falld.daemon.escalation import Deadlines, Due, Escalation
from falld.daemon.health import HealthReport, open_entry, to_wire
from falld.daemon.heard import Heard, Kind, Observer, nobody
from falld.daemon.keeper import Keeper
from falld.daemon.memory import Memory
from falld.daemon.pulse import HubSilent, Pulse
from falld.daemon.route import broker_of
from falld.daemon.shadow import Shadow
from falld.daemon.wearable import MakeDetector, Opened, Opener, Wearable
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.publish.clips import ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.faults import PublishResult
from falld.publish.link import LinkState
from falld.publish.publisher import Publisher
from falld.publish.worker import Worker
from falld.samples.csvfile import CsvRecording
from falld.sensors.recorded import RecordedWearable

if TYPE_CHECKING:
    from falld.daemon.live import Live

OUTBOX = "outbox.db"
CLIPS = "clips"
LEARNT = "learnt"
INBOX = 256
"""Responses and commands that wait for the disk: with 0.1 s a commit on a slow card, 25 s of a flood."""
LOOK_S = 5.0
"""Health is looked at this often, and when something happened: a wearable falls silent without a word."""

log = logging.getLogger(__name__)


class HomeError(FalldError):
    """The daemon cannot begin."""


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
    ) -> None:
        self._config = config
        self._model = model
        self._make_detector = make_detector
        self._make_shadow = make_shadow
        self._make_memory = memory
        self._config_fault = config_fault
        self._observer = observer
        self._boot_id = boot_id()
        self._inbox: asyncio.Queue[Response | Command] = asyncio.Queue(INBOX)
        self._dropped = 0
        self._link_fault: str | None = None
        self._news = asyncio.Event()
        self._disk = Worker("outbox")
        self._clip_disk = Worker("clips")
        self._clip_fault: FalldError | None = None
        self._clips: Clips | None
        self._keeper: Keeper
        self._pulse: Pulse
        self._escalation: Escalation
        self._drills: Drills
        self._publisher: Publisher
        self._wearables: list[Wearable]
        self._live: Live | None
        self._memory: Memory | None = None

    async def run(self) -> None:
        """Until cancelled; then the hub is told goodbye.

        Raises:
            HomeError: there is no folder for the state.
            UnknownDriver, DescriptionError: a wearable that cannot be spoken with.
            SecretError: the broker's password cannot be had.
            NotOurs: the outbox is held by another program, something else, or of a newer falld.
        """
        self._live = _live(self._config, self._make_detector)
        broker = broker_of(self._config.routes[0].broker, self._config.home.id)
        folder = _state_dir(self._config)
        path = folder / OUTBOX
        self._pulse = Pulse(broker.where, self._config.alert.hub_silent_s, self._pulse_changed, boottime)
        try:
            self._keeper = await Keeper.open(
                path,
                raise_after_s=self._config.alert.raise_after_s,
                disk=self._disk,
                observer=self._hear,
                wake=lambda: self._publisher.wake(),
            )
            try:
                self._escalation = await self._open_escalation()
                self._drills = self._open_drills()
                box = await self._open_clips(folder / CLIPS)  # of this program alone now, as the outbox is
                self._publisher = Publisher(
                    broker,
                    self._config.home.id,
                    self._keeper.outbox,
                    self._disk,
                    boot_id=self._boot_id,
                    version=falld.__version__,
                    model=self._model,
                    gate=CommandGate(self._boot_id, self._keeper.commands),
                    on_sent=self._sent,
                    on_ack=self._acked,
                    on_response=self._receive,
                    on_command=self._receive,
                    on_hub=self._pulse.heard,
                    on_state=self._linked,
                    clips=None if box is None else ClipRoute(box, self._clip_disk),
                )
                self._clips = None
                if box is not None:
                    budget = self._config.clips.near_misses_a_day
                    wake = self._publisher.wake_clips
                    self._clips = Clips(box, self._clip_disk, wake, near_misses_a_day=budget)
                if self._make_memory is not None:
                    self._memory = self._make_memory(folder / LEARNT)
                self._wearables = [
                    Wearable(
                        wearer.id,
                        each.source,
                        self._opener(each, wearer.id),
                        self._keeper,
                        observer=self._hear,
                        now=boottime,
                        clips=self._clips,
                        shadow=None if self._make_shadow is None else self._make_shadow(),
                    )
                    for wearer in self._config.wearers
                    for each in wearer.wearables
                ]
                async with answering(folder, self._drills, self.health):
                    await self._run_all()
            finally:
                await self._keeper.close()
        finally:
            self._disk.close()
            self._clip_disk.close()

    async def health(self) -> dict[str, Any]:
        """How the home is."""
        link, fault = self._publisher.link, self._publisher.fault
        kept = await self._disk(self._keeper.outbox.fault)
        return {
            "boot_id": self._boot_id,
            "model": self._model,
            "wearables": [wearable.health() for wearable in self._wearables],
            "radio": self._live.faults if self._live is not None else [],
            "open": [open_entry(alert) for alert in self._keeper.open_alerts()],
            "outbox": await self._disk(len, self._keeper.outbox),
            "outbox_fault": _words(kept),
            "config_fault": _words(self._config_fault),
            "clip_fault": _words(self._clips_fault()),
            "link": {"up": link.up, "protocol": link.protocol, "fault": _words(fault)},
            "hub_fault": _words(self._pulse.fault),
            "alarm_fault": _words(self._escalation.fault),
            "test_fault": _words(self._drills.fault),
            "counters": asdict(self._publisher.counters) | {"inbox_dropped": self._dropped},
        }

    def _clips_fault(self) -> FalldError | None:
        cut = None if self._clips is None else self._clips.fault
        return self._clip_fault or cut or self._publisher.clip_fault

    async def _open_clips(self, folder: Path) -> ClipBox | None:
        """None: none are sent, or their folder cannot be used, which keeps no alert from anybody."""
        if not self._config.clips.send:
            return None
        try:
            return await self._clip_disk(ClipBox.open, folder)
        except ClipError as error:
            self._clip_fault = error
            log.error("%s", error)
            return None

    async def _open_escalation(self) -> Escalation:
        settings, password = self._config.alarm, self._config.routes[0].broker.password_env
        unacked = await self._disk(self._keeper.outbox.waiting)
        deadlines = Deadlines(settings.commit_s, settings.seen_s, unacked)
        deadlines.begin(self._keeper.open_alerts())
        return Escalation(
            deadlines,
            Alarm(settings.command, timeout_s=settings.timeout_s, withhold=[password] if password else []),
            alerts=self._keeper.open_alerts,
            done=self._keeper.alarms,
            keep=self._keeper.keep_alarms,
            tell=self._alarmed,
            apart_s=settings.apart_s,
            now=boottime,
        )

    def _open_drills(self) -> Drills:
        days = self._config.test_alarm.every_days
        return Drills(
            lambda: self._keeper.test(self._config.home.id),
            last=self._keeper.last_test,
            keep=self._keeper.keep_test,
            every=None if days is None else timedelta(days=days),
            answer_s=self._config.alarm.seen_s,
            now=boottime,
            utc=utc_now,
        )

    async def _run_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publisher.run())
                tasks.create_task(self._keeper.watch_deadlines())
                tasks.create_task(self._pulse.run())
                tasks.create_task(self._escalation.run())
                tasks.create_task(self._drills.run())
                tasks.create_task(self._obey())
                tasks.create_task(self._tell_health())
                for wearable in self._wearables:
                    tasks.create_task(wearable.run())
                if self._memory is not None:
                    tasks.create_task(self._memory.run())
                for run in self._live.runs(self._keeper, self._hear) if self._live is not None else ():
                    tasks.create_task(run())
        except BaseExceptionGroup as failed:
            first, *others = failed.exceptions
            for other in others:
                log.error("and at the same time: %r", other)
            raise first from None

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

    async def _obey(self) -> None:
        """What persons and hubs say, one after another."""
        while True:
            match await self._inbox.get():
                case Response() as said:
                    self._believe(said)
                    if await self._keeper.respond(said.alert_id, said.response, said.hub, said.by):
                        text = f"{said.response}, by {said.by} at {said.hub}, alert {said.alert_id}"
                        self._tell("acknowledged", text, alert_id=said.alert_id, response=said.response, hub=said.hub)
                case Command(command="test_alarm") as command:
                    await self._keeper.obey_test(self._config.home.id, command.id)
                case Command() as command:
                    await self._keeper.remember(command.id)
                    if self._clips is None or not await self._clips.again(command.alert_id or ""):
                        log.warning("command %s: there is no clip of alert %s", command.id, command.alert_id)

    def _believe(self, said: Response) -> None:
        """Who closes a raised alert that the wearer did not cancel, and not as a false one, says that it was a fall."""
        certain = [a for a in self._keeper.open_alerts() if (a.alert_id, a.state) == (said.alert_id, "raised")]
        if self._memory is None or said.response != "resolved" or not certain or certain[0].withdrawn == "cancelled":
            return
        for wearable in self._wearables:
            impact_t = wearable.impact_of(said.alert_id)
            if impact_t is not None:
                self._memory.of(wearable.wearer, wearable.name).was_fall(impact_t)

    async def _tell_health(self) -> None:
        report = HealthReport(self._publisher.set_health, boottime)
        while True:
            self._news.clear()
            report.look(to_wire(await self.health(), utc_now(), clock_synced=clock_synced()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()

    def _receive(self, said: Response | Command) -> None:
        try:
            self._inbox.put_nowait(said)
        except asyncio.QueueFull:
            self._dropped += 1
            log.error("a %s is dropped: %d wait for the disk already", type(said).__name__, INBOX)

    def _sent(self, row: Row, result: PublishResult) -> None:
        taken = "the broker has" if result.accepted else f"the broker refused ({result.name})"
        text = f"{taken} message {row.seq} of alert {row.alert_id}"
        self._tell("published", text, alert_id=row.alert_id, seq=row.seq, attempt=row.attempt + 1, result=result.name)

    def _alarmed(self, due: Due, fault: FalldError | None) -> None:
        text = _words(fault) or f"the home's own, for alert {due.alert_id}: {due.why}"
        self._tell("alarm", text, fault=text, alert_id=due.alert_id, stage=due.stage)

    def _acked(self, ack: Ack) -> None:
        self._escalation.deadlines.acked(ack.alert_id, ack.seq)
        text = f"{ack.hub} has message {ack.seq} of alert {ack.alert_id}"
        self._tell("hub_committed", text, alert_id=ack.alert_id, seq=ack.seq, hub=ack.hub)

    def _linked(self, state: LinkState) -> None:
        if state.up:
            self._tell("link", f"up, MQTT {state.protocol}", up=True, protocol=state.protocol)
        fault = _words(state.fault)
        if fault is not None and fault != self._link_fault:
            self._tell("link", fault, up=state.up, protocol=state.protocol, fault=fault)
        self._link_fault = fault

    def _pulse_changed(self, fault: HubSilent | None) -> None:
        if fault is None:
            self._tell("hub", "a monitoring hub is heard again")
        else:
            self._tell("hub", str(fault), fault=str(fault))

    def _tell(self, kind: Kind, text: str, **data: Any) -> None:
        self._hear(Heard(kind, boottime(), text, data))

    def _hear(self, heard: Heard) -> None:
        if heard.kind != "samples":
            self._news.set()
            self._drills.hear(heard)
        self._observer(heard)


def _words(fault: FalldError | None) -> str | None:
    return None if fault is None else str(fault)


def _live(config: Config, make_detector: MakeDetector) -> Live | None:
    """What is heard over Bluetooth LE; None: nothing, and then bleak is not loaded."""
    if not any(wearer.buttons or any(each.recording is None for each in wearer.wearables) for wearer in config.wearers):
        return None
    from falld.daemon.live import Live

    return Live(config, make_detector, now=boottime)


def _state_dir(config: Config) -> Path:
    """The folder for what must not be lost; made if only it itself is missing."""
    folder = state_dir(config)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        what = f"cannot be made: {error.strerror}"
        raise HomeError(str(folder), what, "make it for falld, or name another one as `state_dir`") from None
    return folder
