"""The home's pump: status, health, alerts and clips out; acknowledgements, responses and commands in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from falld.alert.clock import boottime
from falld.alert.outbox import Outbox, Row
from falld.alert.topics import Topics, every_hub
from falld.alert.wire import Ack, Beat, ClipAck, Command, Health, HubStatus, Response, Status
from falld.errors import FalldError
from falld.publish import faults
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker
from falld.publish.clips import ClipPump, ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.connection import Outgoing, Timing
from falld.publish.counters import Counters
from falld.publish.faults import LinkDown, LinkError, PublishResult
from falld.publish.health import APART_S, AT_LEAST_S, HealthPump
from falld.publish.incoming import Incoming, Receivers
from falld.publish.link import Link, LinkState
from falld.publish.resends import Key, Resends
from falld.publish.worker import Call

IN_FLIGHT = 8
"""Alerts without a PUBACK: enough to fill a slow line, few enough that a lost connection costs few copies."""
ROWS = 1024
"""Messages of the outbox that are looked after at once: three a fall make 340 falls without any hub."""

log = logging.getLogger(__name__)


class Publisher:
    """Keeps one route to a monitoring hub up, and an outbox flowing into it. Its name there is that of the broker.

    The methods are called on the event loop, and the callbacks come there.

    Args:
        home: its id; with it the client id `falld-<home>`.
        outbox: it is used through `call` alone.
        call: runs the outbox's methods on the thread that opened it; commits must go through the same one.
        boot_id: the current boot.
        model: name of the detector bundle.
        gate: which commands are obeyed; one for all routes.
        wait_s: so long after its commit a message is tried here, if no hub has it by then and this route was
            offered nothing of its alert; looked at when something happens, so `wake` where it becomes less.
        clips: where the clips are; None: none are sent.
        on_sent: what the broker said to an alert.
        on_ack: a hub here has committed a message.
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
        gate: CommandGate,
        on_response: Callable[[Response], None],
        on_command: Callable[[Command], None],
        wait_s: Callable[[], float] = lambda: 0.0,
        on_sent: Callable[[Row, PublishResult], None] = lambda row, result: None,
        on_ack: Callable[[Ack], None] = lambda ack: None,
        on_hub: Callable[[HubStatus | Beat], None] = lambda said: None,
        on_state: Callable[[LinkState], None] = lambda state: None,
        now: Callable[[], float] = boottime,
        resends: Resends | None = None,
        clips: ClipRoute | None = None,
        clip_resends: Resends | None = None,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
        health_apart_s: float = APART_S,
        health_at_least_s: float = AT_LEAST_S,
    ) -> None:
        self.counters = Counters()
        self.route = broker.where
        self._topics = Topics(home)
        self._outbox = outbox
        self._call = call
        self._boot_id = boot_id
        self._status = Status(online=True, boot_id=boot_id, version=version, model=model)
        self._gate = gate
        self._wait_s = wait_s
        self._on_command = on_command
        self._tell_sent = on_sent
        self._on_ack = on_ack
        self._on_hub = on_hub
        self._on_state = on_state
        self._now = now
        self._resends = resends or Resends()
        self._up = asyncio.Event()
        self._nudge = asyncio.Event()
        self._acks: asyncio.Queue[Ack] = asyncio.Queue(ROWS)
        self._refusal: LinkError | None = None
        self._unheard = False
        self._waiting = False
        """Whether an alert is to go out here, when the outbox was last looked at."""
        to = Receivers(
            ack=self._acked,
            clip_ack=self._clip_acked,
            response=on_response,
            command=self._command,
            hub=self._hub_says,
            retained=self._count_dropped,
            invalid=self._count_invalid,
        )
        self._link = Link(
            broker,
            f"falld-{home}",
            will=(self._topics.status, Status(online=False, boot_id=boot_id).payload()),
            birth=lambda: [Outgoing(self._topics.status, self._status.payload(), retain=True)],
            subscribe=[
                self._topics.ack,
                self._topics.response,
                self._topics.command,
                every_hub("status"),
                every_hub("beat"),
            ],
            on_message=Incoming(self._topics, to).take,
            on_state=self._linked,
            backoff=backoff,
            timing=timing,
            urgent=lambda: self._waiting,
        )
        self._health = HealthPump(
            lambda payload: self._link.publish(self._topics.health, payload, retain=True),
            apart_s=health_apart_s,
            at_least_s=health_at_least_s,
        )
        self._clips: ClipPump | None = None
        if clips is not None:
            mine = self._alerts_here if clips.of_alerts_here else None
            self._clips = ClipPump(clips, self._topics, self.route, self._link.publish, now, clip_resends, mine)

    @property
    def link(self) -> LinkState:
        return self._link.state

    @property
    def fault(self) -> LinkError | None:
        """What keeps alerts from the broker; None: nothing that it told of."""
        return self._link.state.fault or self._refusal

    @property
    def in_vain(self) -> bool:
        """Whether the last alert came to nobody here: the broker refused it, or had no subscriber for it."""
        return self._refusal is not None or self._unheard

    @property
    def clip_fault(self) -> FalldError | None:
        """What keeps clips from a hub, be it the disk or the broker; no alert suffers from it."""
        return None if self._clips is None else self._clips.fault

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the disk does not do its part.
        """
        self._waiting = bool(await self._call(self._outbox.due, self.route, 1))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._settle())
                tasks.create_task(self._health.run())
                if self._clips is not None:
                    tasks.create_task(self._clips.run())
                await self._pump(tasks)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    def wake(self) -> None:
        """Something is to go out now, also if a try to connect was to come later."""
        self._waiting = True
        self._hold()
        self._nudge.set()
        self._link.hurry()

    def wake_clips(self) -> None:
        """A clip was kept: it goes out when no alert is to be sent."""
        if self._clips is not None:
            self._clips.wake()

    def set_health(self, health: Health) -> None:
        """What is published from now on."""
        self._health.set(health.payload())

    def _linked(self, state: LinkState) -> None:
        if state.up:
            self._resends.restart(self._now())
            self._up.set()
            self._nudge.set()
            self._health.connected()
        else:
            self._up.clear()
            self._hold()
        self._on_state(state)

    def _hold(self) -> None:
        """Alerts go before everything else."""
        self._health.hold()
        if self._clips is not None:
            self._clips.hold()

    def _release(self) -> None:
        self._health.release()
        if self._clips is not None:
            self._clips.release()

    async def _pump(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._up.wait()
            self._nudge.clear()
            found = await self._call(self._outbox.due, self.route, ROWS)
            self._waiting = bool(found)
            rows, later_s = self._now_due(found)
            self._resends.keep(rows, self._now())
            for key in self._resends.take(self._now(), IN_FLIGHT):
                tasks.create_task(self._send(key, rows[key]))
            if self._up.is_set() and self._resends.idle(self._now()):
                self._release()
            else:
                self._hold()
            due = self._resends.next_due()
            wait = later_s if due is None else min(later_s, due - self._now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait == float("inf") else max(wait, 0.0)):
                    await self._nudge.wait()

    def _now_due(self, rows: list[Row]) -> tuple[dict[Key, Row], float]:
        """Those that are to go over this route, and in how many seconds the next one may be."""
        now, wait = self._now(), self._wait_s()
        left = {row: wait - row.waited_s(now, self._boot_id) for row in rows if not row.begun}
        due = {(row.alert_id, row.seq): row for row in rows if left.get(row, 0.0) <= 0}
        return due, min((s for s in left.values() if s > 0), default=float("inf"))

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
            if not result.accepted or result is PublishResult.NO_SUBSCRIBER:
                await self._call(self._outbox.refused, row)
            self._resends.sent(key, self._now())
            self._count(row, result)
            self._tell_sent(row, result)
            if not row.begun:
                self.wake_clips()  # what is whole already has waited for it
        self._nudge.set()

    def _count(self, row: Row, result: PublishResult) -> None:
        self._unheard = result is PublishResult.NO_SUBSCRIBER
        if not result.accepted:
            self.counters.refused += 1
            self._refusal = faults.of_refused_topic(self.route, "publish to", self._topics.alert, result, result.name)
            log.warning("%s", self._refusal)
            return
        self._refusal = None
        self.counters.sent += row.attempt == 0
        self.counters.resent += row.attempt > 0
        self.counters.no_subscriber += self._unheard

    async def _settle(self) -> None:
        """What a hub has committed is not sent here again."""
        while True:
            ack = await self._acks.get()
            if await self._call(self._outbox.ack, ack.alert_id, ack.seq, self.route):
                self.counters.acked += 1
                self._resends.forget((ack.alert_id, ack.seq))
                self._on_ack(ack)
                self._nudge.set()

    async def _alerts_here(self) -> set[str]:
        return await self._call(self._outbox.offered, self.route)

    def _acked(self, ack: Ack) -> None:
        if (ack.alert_id, ack.seq) in self._resends:
            with contextlib.suppress(asyncio.QueueFull):  # its message is sent again, and gets another one
                self._acks.put_nowait(ack)

    def _clip_acked(self, ack: ClipAck) -> None:
        if self._clips is not None:
            self._clips.take(ack)

    def _hub_says(self, said: HubStatus | Beat, retain: bool) -> None:
        # Retained it is what a hub said before this home came, and all has just been sent.
        if not retain:
            self._unheard = False
        if isinstance(said, HubStatus) and said.online and not retain:
            self._resends.restart(self._now())
            self._nudge.set()
            if self._clips is not None:
                self._clips.restart()
        if isinstance(said, HubStatus) or not retain:
            self._on_hub(said)

    def _command(self, command: Command) -> None:
        refusal = self._gate.refusal(command)
        if refusal is None:
            self._on_command(command)
        else:
            self.counters.commands_refused += 1
            log.warning("%s: command %s is refused: %s", self._topics.command, command.id, refusal)

    def _count_dropped(self) -> None:
        self.counters.dropped += 1

    def _count_invalid(self) -> None:
        self.counters.invalid += 1
