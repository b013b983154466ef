"""The home's pump: status, health, alerts and clips out; acknowledgements, responses and commands in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from falld.alert.clock import boottime
from falld.alert.outbox import Outbox, Row
from falld.alert.topics import Topics, every_hub, locate
from falld.alert.wire import Ack, Beat, Command, Health, HubStatus, Response, Status, WireError, parse, parse_ack
from falld.errors import FalldError
from falld.publish import faults
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker
from falld.publish.clips import ClipPump, ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.connection import Outgoing, Timing
from falld.publish.faults import LinkDown, LinkError, PublishResult
from falld.publish.link import Link, LinkState
from falld.publish.resends import Key, Resends
from falld.publish.worker import Call

IN_FLIGHT = 8
"""Alerts without a PUBACK: enough to fill a slow line, few enough that a lost connection costs few copies."""
ROWS = 1024
"""Messages of the outbox that are looked after at once: three a fall make 340 falls without any hub."""
HEALTH_APART_S = 5.0
"""A value that flutters then costs at most 17 280 messages a day, 17 MB of 1 kB each."""
HEALTH_AT_LEAST_S = 60.0
"""A reader knows within a minute that the home still says what it said."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What came and went since the start."""

    sent: int = 0
    """Alerts that the broker took the first time."""
    resent: int = 0
    acked: int = 0
    """Messages that left the outbox."""
    no_subscriber: int = 0
    """The broker took an alert, and nobody listened."""
    refused: int = 0
    """The broker did not take an alert."""
    dropped: int = 0
    """Came with the retain flag where none may."""
    invalid: int = 0
    """Came and were no message of falld/v1."""
    commands_refused: int = 0


class Publisher:
    """Keeps one route to a monitoring hub up, and an outbox flowing into it.

    The methods are called on the event loop, and the callbacks come there.

    Args:
        home: its id; with it the client id `falld-<home>`.
        outbox: it is used through `call` alone.
        call: runs the outbox's methods on the thread that opened it; commits must go through the same one.
        boot_id: the current boot.
        model: name of the detector bundle.
        seen_commands: ids of the commands that were obeyed earlier in this boot.
        clips: where the clips are; None: none are sent.
        on_sent: what the broker said to an alert.
        on_ack: a hub has committed a message, and it has left the outbox.
        on_response: what a person said; each comes at least once.
        on_command: one that is to be obeyed; each comes at most once.
        on_hub: a hub says that it is there, gone, or works.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        broker: Broker,
        home: str,
        outbox: Outbox,
        call: Call,
        *,
        boot_id: str,
        version: str,
        model: str | None,
        on_response: Callable[[Response], None],
        on_command: Callable[[Command], None],
        on_sent: Callable[[Row, PublishResult], None] = lambda row, result: None,
        on_ack: Callable[[Ack], None] = lambda ack: None,
        on_hub: Callable[[HubStatus | Beat], None] = lambda said: None,
        on_state: Callable[[LinkState], None] = lambda state: None,
        seen_commands: Iterable[str] = (),
        now: Callable[[], float] = boottime,
        resends: Resends | None = None,
        clips: ClipRoute | None = None,
        clip_resends: Resends | None = None,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
        health_apart_s: float = HEALTH_APART_S,
        health_at_least_s: float = HEALTH_AT_LEAST_S,
    ) -> None:
        self.counters = Counters()
        self._where = broker.where
        self._topics = Topics(home)
        self._outbox = outbox
        self._call = call
        self._boot_id = boot_id
        self._status = Status(online=True, boot_id=boot_id, version=version, model=model)
        self._gate = CommandGate(boot_id, seen_commands)
        self._on_response = on_response
        self._on_command = on_command
        self._tell_sent = on_sent
        self._on_ack = on_ack
        self._on_hub = on_hub
        self._on_state = on_state
        self._now = now
        self._resends = resends or Resends()
        self._health_apart_s = health_apart_s
        self._health_at_least_s = health_at_least_s
        self._health: bytes | None = None
        self._health_changed = asyncio.Event()
        self._up = asyncio.Event()
        self._nudge = asyncio.Event()
        self._acks: asyncio.Queue[Ack] = asyncio.Queue()
        self._refusal: LinkError | None = None
        self._link = Link(
            broker,
            f"falld-{home}",
            will=(self._topics.status, Status(online=False, boot_id=boot_id).payload()),
            birth=self._birth,
            subscribe=[
                self._topics.ack,
                self._topics.response,
                self._topics.command,
                every_hub("status"),
                every_hub("beat"),
            ],
            on_message=self._message,
            on_state=self._linked,
            backoff=backoff,
            timing=timing,
        )
        self._clips: ClipPump | None = None
        if clips is not None:
            self._clips = ClipPump(clips, self._topics, self._where, self._link.publish, now, clip_resends)

    @property
    def link(self) -> LinkState:
        return self._link.state

    @property
    def fault(self) -> LinkError | None:
        """What keeps alerts from the broker; None: nothing that it told of."""
        return self._link.state.fault or self._refusal

    @property
    def clip_fault(self) -> FalldError | None:
        """What keeps clips from a hub, be it the disk or the broker; no alert suffers from it."""
        return None if self._clips is None else self._clips.fault

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the disk does not do its part.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._settle())
                tasks.create_task(self._tell_health())
                if self._clips is not None:
                    tasks.create_task(self._clips.run())
                await self._pump(tasks)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def wake(self) -> None:
        """Something was committed to the outbox: it goes out now, also if a try to connect was to come later."""
        if self._clips is not None:
            self._clips.hold()
        self._nudge.set()
        self._link.hurry()

    def wake_clips(self) -> None:
        """A clip was kept: it goes out when no alert is to be sent."""
        if self._clips is not None:
            self._clips.wake()

    def set_health(self, health: Health) -> None:
        """What is published from now on."""
        payload = health.payload()
        if payload != self._health:
            self._health = payload
            self._health_changed.set()

    def _birth(self) -> list[Outgoing]:
        births = [Outgoing(self._topics.status, self._status.payload(), retain=True)]
        if self._health is not None:
            births.append(Outgoing(self._topics.health, self._health, retain=True))
        return births

    def _linked(self, state: LinkState) -> None:
        if state.up:
            self._resends.restart(self._now())
            self._up.set()
            self._nudge.set()
        else:
            self._up.clear()
            if self._clips is not None:
                self._clips.hold()
        self._on_state(state)

    async def _pump(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._up.wait()
            self._nudge.clear()
            rows = {(row.alert_id, row.seq): row for row in await self._call(self._outbox.due, ROWS)}
            self._resends.keep(rows, self._now())
            for key in self._resends.take(self._now(), IN_FLIGHT):
                tasks.create_task(self._send(key, rows[key]))
            if self._clips is not None and self._up.is_set() and self._resends.idle(self._now()):
                self._clips.release()
            elif self._clips is not None:
                self._clips.hold()
            due = self._resends.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(due - self._now(), 0.0)):
                    await self._nudge.wait()

    async def _send(self, key: Key, row: Row) -> None:
        try:
            payload = await self._call(self._outbox.sending, row, self._now(), self._boot_id)
            result = await self._link.publish(self._topics.alert, payload)
        except KeyError:
            self._resends.forget(key)
        except LinkDown:
            self._resends.failed(key)
            if not self._link.connected:  # the state follows when the connection is cleared away
                self._up.clear()
        else:
            self._resends.sent(key, self._now())
            self._count(row, result)
            self._tell_sent(row, result)
        self._nudge.set()

    def _count(self, row: Row, result: PublishResult) -> None:
        if not result.accepted:
            self.counters.refused += 1
            self._refusal = faults.of_refused_topic(self._where, "publish to", self._topics.alert, result.name)
            log.warning("%s", self._refusal)
            return
        self._refusal = None
        self.counters.sent += row.attempt == 0
        self.counters.resent += row.attempt > 0
        self.counters.no_subscriber += result is PublishResult.NO_SUBSCRIBER

    async def _settle(self) -> None:
        """What a hub has committed leaves the outbox."""
        while True:
            ack = await self._acks.get()
            if await self._call(self._outbox.ack, ack.alert_id, ack.seq):
                self.counters.acked += 1
                self._resends.forget((ack.alert_id, ack.seq))
                self._on_ack(ack)

    async def _tell_health(self) -> None:
        """On change, but not more often than a reader can use; and from time to time anyway."""
        while True:
            await self._up.wait()
            if self._health is not None:
                self._health_changed.clear()
                with contextlib.suppress(LinkDown):
                    await self._link.publish(self._topics.health, self._health, retain=True)
            await asyncio.sleep(self._health_apart_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._health_at_least_s - self._health_apart_s):
                    await self._health_changed.wait()

    def _message(self, topic: str, payload: bytes, retain: bool) -> None:
        try:
            self._take(topic, payload, retain)
        except WireError as error:
            self.counters.invalid += 1
            log.warning("%s", error)

    def _take(self, topic: str, payload: bytes, retain: bool) -> None:
        place = locate(topic)
        if place is not None and place.hub is not None:
            said = parse(Beat, payload, topic) if place.name == "beat" else parse(HubStatus, payload, topic)
            self._hub_says(place.hub, said, retain)
        elif retain:
            self.counters.dropped += 1
            log.warning("%s: dropped, for it came with the retain flag; clear it on the broker", topic[:200])
        elif topic == self._topics.ack:
            ack = parse_ack(payload, topic)
            if not isinstance(ack, Ack):
                if self._clips is not None:
                    self._clips.take(ack)
            elif (ack.alert_id, ack.seq) in self._resends:
                self._acks.put_nowait(ack)
        elif topic == self._topics.response:
            self._on_response(parse(Response, payload, topic))
        elif topic == self._topics.command:
            self._command(parse(Command, payload, topic))

    def _hub_says(self, hub: str, said: HubStatus | Beat, retain: bool) -> None:
        # Retained it is what a hub said before this home came, and all has just been sent.
        if isinstance(said, HubStatus) and said.online and not retain:
            self._resends.restart(self._now())
            self._nudge.set()
            if self._clips is not None:
                self._clips.restart()
        if said.hub == hub and (isinstance(said, HubStatus) or not retain):
            self._on_hub(said)

    def _command(self, command: Command) -> None:
        refusal = self._gate.refusal(command)
        if refusal is None:
            self._on_command(command)
        else:
            self.counters.commands_refused += 1
            log.warning("%s: command %s is refused: %s", self._topics.command, command.id, refusal)
