"""A home: its wearables, its alerts and its way to the monitoring hub, tied together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import falld
from falld.alert.clock import boot_id, boottime, clock_synced, utc_now
from falld.alert.outbox import Row
from falld.alert.wire import Ack, Command, Response
from falld.config.schema import Config
from falld.config.schema import Wearable as WearableConfig
from falld.daemon.health import HealthReport, open_entry, to_wire
from falld.daemon.heard import Heard, Kind, Observer, nobody
from falld.daemon.keeper import Keeper
from falld.daemon.route import broker_of
from falld.daemon.wearable import Detecting, Opened, Opener, Wearable
from falld.errors import FalldError
from falld.publish.faults import PublishResult
from falld.publish.link import LinkState
from falld.publish.publisher import Publisher
from falld.publish.worker import Worker
from falld.samples.csvfile import CsvRecording
from falld.sensors.recorded import RecordedWearable
from falld.sensors.source import Source

STATE_DIR = Path("/var/lib/falld")
OUTBOX = "outbox.db"
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
        make_detector: the detector for a source, and why falls may not be found with the two.
        observer: hears of everything that happens.
    """

    def __init__(
        self,
        config: Config,
        *,
        model: str,
        make_detector: Callable[[Source], tuple[Detecting, FalldError | None]],
        observer: Observer = nobody,
    ) -> None:
        self._config = config
        self._model = model
        self._make_detector = make_detector
        self._observer = observer
        self._boot_id = boot_id()
        self._inbox: asyncio.Queue[Response | Command] = asyncio.Queue(INBOX)
        self._dropped = 0
        self._link_fault: str | None = None
        self._news = asyncio.Event()
        self._disk = Worker("outbox")
        self._keeper: Keeper
        self._publisher: Publisher
        self._wearables: list[Wearable]

    async def run(self) -> None:
        """Until cancelled; then the hub is told goodbye.

        Raises:
            HomeError: there is a wearable that this version cannot hear, or no folder for the state.
            SecretError: the broker's password cannot be had.
            OutboxError: the outbox cannot be used, at the start or any more.
        """
        _check(self._config)
        broker = broker_of(self._config.routes[0].broker, self._config.home.id)
        path = _state_dir(self._config) / OUTBOX
        try:
            self._keeper = await Keeper.open(
                path,
                raise_after_s=self._config.alert.raise_after_s,
                disk=self._disk,
                observer=self._hear,
                wake=lambda: self._publisher.wake(),
            )
            try:
                self._publisher = Publisher(
                    broker,
                    self._config.home.id,
                    self._keeper.outbox,
                    self._disk,
                    boot_id=self._boot_id,
                    version=falld.__version__,
                    model=self._model,
                    seen_commands=self._keeper.commands,
                    on_sent=self._sent,
                    on_ack=self._acked,
                    on_response=self._receive,
                    on_command=self._receive,
                    on_state=self._linked,
                )
                self._wearables = [
                    Wearable(wearer.id, each.name, self._opener(each), self._keeper, observer=self._hear, now=boottime)
                    for wearer in self._config.wearers
                    for each in wearer.wearables
                ]
                await self._run_all()
            finally:
                await self._keeper.close()
        finally:
            self._disk.close()

    async def health(self) -> dict[str, Any]:
        """How the home is."""
        link, fault = self._publisher.link, self._publisher.fault
        return {
            "boot_id": self._boot_id,
            "model": self._model,
            "wearables": [wearable.health() for wearable in self._wearables],
            "open": [open_entry(alert) for alert in self._keeper.open_alerts()],
            "outbox": await self._disk(len, self._keeper.outbox),
            "link": {"up": link.up, "protocol": link.protocol, "fault": None if fault is None else str(fault)},
            "counters": asdict(self._publisher.counters) | {"inbox_dropped": self._dropped},
        }

    async def _run_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publisher.run())
                tasks.create_task(self._keeper.watch_deadlines())
                tasks.create_task(self._obey())
                tasks.create_task(self._tell_health())
                for wearable in self._wearables:
                    tasks.create_task(wearable.run())
        except BaseExceptionGroup as failed:
            first, *others = failed.exceptions
            for other in others:
                log.error("and at the same time: %r", other)
            raise first from None

    def _opener(self, config: WearableConfig) -> Opener:
        def opened() -> Opened:
            assert config.recording is not None  # as _check made sure
            source = RecordedWearable(
                CsvRecording(config.recording), now=boottime, speed=config.speed or 1.0, placement=config.placement
            )
            return Opened(source, *self._make_detector(source))

        return lambda: asyncio.to_thread(opened)

    async def _obey(self) -> None:
        """What persons and hubs say, one after another."""
        while True:
            match await self._inbox.get():
                case Response() as said:
                    if await self._keeper.respond(said.alert_id, said.response, said.hub, said.by):
                        text = f"{said.response}, by {said.by} at {said.hub}, alert {said.alert_id}"
                        self._tell("acknowledged", text, alert_id=said.alert_id, response=said.response, hub=said.hub)
                case Command(command="test_alarm") as command:
                    await self._keeper.obey_test(self._config.home.id, command.id)
                case Command() as command:
                    log.warning("command %s %s: this version does not keep clips", command.command, command.id)

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

    def _acked(self, ack: Ack) -> None:
        text = f"{ack.hub} has message {ack.seq} of alert {ack.alert_id}"
        self._tell("hub_committed", text, alert_id=ack.alert_id, seq=ack.seq, hub=ack.hub)

    def _linked(self, state: LinkState) -> None:
        if state.up:
            self._tell("link", f"up, MQTT {state.protocol}", up=True, protocol=state.protocol)
        fault = None if state.fault is None else str(state.fault)
        if fault is not None and fault != self._link_fault:
            self._tell("link", fault, up=state.up, protocol=state.protocol, fault=fault)
        self._link_fault = fault

    def _tell(self, kind: Kind, text: str, **data: Any) -> None:
        self._hear(Heard(kind, boottime(), text, data))

    def _hear(self, heard: Heard) -> None:
        if heard.kind != "samples":
            self._news.set()
        self._observer(heard)


def _check(config: Config) -> None:
    for wearer in config.wearers:
        for wearable in wearer.wearables:
            if wearable.recording is None:
                what = "a wearable with an `address` cannot be heard by this version"
                raise HomeError(f"wearable {wearable.name} of {wearer.id}", what, "give a `recording` instead")


def _state_dir(config: Config) -> Path:
    """The folder for what must not be lost; made if only it itself is missing."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd may name several
    folder = config.state_dir or (Path(given) if given else STATE_DIR)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        what = f"cannot be made: {error.strerror}"
        raise HomeError(str(folder), what, "make it for falld, or name another one as `state_dir`") from None
    return folder
