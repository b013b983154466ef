"""The home's pump: status, health, alerts and clips out; acknowledgements, responses and commands in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from falld.alert.clock import boottime
from falld.alert.outbox import Outbox, Row
from falld.alert.topics import Topics, every_hub
from falld.alert.wire import Ack, Beat, ClipAck, Command, Health, HubStatus, Response, Status
from falld.errors import FalldError, first_of
from falld.publish.alerts import AlertPump
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker
from falld.publish.clips import ClipPump, ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.connection import Outgoing, Timing
from falld.publish.counters import Counters
from falld.publish.faults import LinkError, PublishResult
from falld.publish.health import APART_S, AT_LEAST_S, HealthPump
from falld.publish.incoming import Incoming, Receivers
from falld.publish.link import Link, LinkState
from falld.publish.resends import Resends
from falld.publish.worker import Call

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
        self._status = Status(online=True, boot_id=boot_id, version=version, model=model)
        self._gate = gate
        self._on_command = on_command
        self._on_hub = on_hub
        self._on_state = on_state
        to = Receivers(
            ack=lambda ack: self._alerts.acked(ack),
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
            urgent=lambda: self._alerts.waiting,
        )
        self._alerts = AlertPump(
            self._link,
            self._topics.alert,
            outbox,
            call,
            route=self.route,
            boot_id=boot_id,
            counters=self.counters,
            resends=resends or Resends(),
            wait_s=wait_s,
            on_idle=lambda idle: self._release() if idle else self._hold(),
            on_first=self.wake_clips,
            on_sent=on_sent,
            on_ack=on_ack,
            now=now,
        )
        self._health = HealthPump(
            lambda payload: self._link.publish(self._topics.health, payload, retain=True),
            apart_s=health_apart_s,
            at_least_s=health_at_least_s,
        )
        self._clips: ClipPump | None = None
        if clips is not None:
            mine = partial(call, outbox.offered, self.route) if clips.of_alerts_here else None
            self._clips = ClipPump(clips, self._topics, self.route, self._link.publish, now, clip_resends, mine)

    def log_in(self, broker: Broker) -> None:
        """As `Link.log_in`."""
        self._link.log_in(broker)

    @property
    def link(self) -> LinkState:
        return self._link.state

    @property
    def fault(self) -> LinkError | None:
        """What keeps alerts from the broker; None: nothing that it told of."""
        return self._link.state.fault or self._alerts.refusal

    @property
    def in_vain(self) -> bool:
        """Whether the last alert came to nobody here: the broker refused it, or had no subscriber for it."""
        return self._alerts.refusal is not None or self._alerts.unheard

    @property
    def clip_fault(self) -> FalldError | None:
        """What keeps clips from a hub, be it the disk or the broker; no alert suffers from it."""
        return None if self._clips is None else self._clips.fault

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the disk does not do its part.
        """
        await self._alerts.look()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._health.run())
                if self._clips is not None:
                    tasks.create_task(self._clips.run())
                await self._alerts.run()
        except BaseExceptionGroup as group:
            raise first_of(group) from None

    def wake(self) -> None:
        """Something is to go out now, also if a try to connect was to come later."""
        self._hold()
        self._alerts.wake()
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
            self._alerts.connected()
            self._health.connected()
        else:
            self._alerts.lost()
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

    def _clip_acked(self, ack: ClipAck) -> None:
        if self._clips is not None:
            self._clips.take(ack)

    def _hub_says(self, said: HubStatus | Beat, retain: bool) -> None:
        # Retained it is what a hub said before this home came, and all has just been sent.
        came = isinstance(said, HubStatus) and said.online
        if not retain:
            self._alerts.heard(came=came)
            if came and self._clips is not None:
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
