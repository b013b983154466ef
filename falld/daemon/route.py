"""One way to a monitoring hub: its publisher, whether a hub beats there, and what is told of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import falld
from falld.alert.clock import boottime
from falld.alert.outbox import Outbox, Row
from falld.alert.wire import Ack, Command, Response
from falld.daemon.heard import Tell
from falld.daemon.pulse import HubSilent, Pulse
from falld.errors import words
from falld.publish.broker import Broker
from falld.publish.clips import ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.faults import PublishResult
from falld.publish.link import LinkState
from falld.publish.publisher import Publisher
from falld.publish.worker import Call


@dataclass(frozen=True, slots=True)
class Shared:
    """What all routes of a home have in common."""

    home: str
    boot_id: str
    model: str
    outbox: Outbox
    disk: Call
    gate: CommandGate
    silent_s: float
    """Without a beat for so long nobody listens."""
    receive: Callable[[Response | Command], None]
    """What persons and hubs say."""
    acked: Callable[[Ack], None]
    """A hub has committed a message."""
    tell: Tell


class Route:
    """Keeps itself up.

    Args:
        wait_s: so long after its commit a message is tried here, if no hub has it by then.
        clips: where the clips are that go this way; None: none do.
        changed: called when it became of more use, or of less.
        alone: there is no other route; then it is not named in what is told.
    """

    def __init__(
        self,
        broker: Broker,
        shared: Shared,
        *,
        wait_s: Callable[[], float],
        clips: ClipRoute | None,
        changed: Callable[[], None],
        alone: bool,
    ) -> None:
        self.pulse = Pulse(broker.where, shared.silent_s, self._pulse_changed, boottime)
        self.publisher = Publisher(
            broker,
            shared.home,
            shared.outbox,
            shared.disk,
            boot_id=shared.boot_id,
            version=falld.__version__,
            model=shared.model,
            gate=shared.gate,
            wait_s=wait_s,
            on_sent=self._sent,
            on_ack=self._acked,
            on_response=shared.receive,
            on_command=shared.receive,
            on_hub=self.pulse.heard,
            on_state=self._linked,
            clips=clips,
        )
        self._shared = shared
        self._changed = changed
        self._at = "" if alone else f" at {broker.where}"
        self._link_fault: str | None = None

    @property
    def useless(self) -> bool:
        """Whether there is a reason to think that no hub hears of an alert here."""
        return self.publisher.in_vain or self.pulse.fault is not None

    def health(self) -> dict[str, Any]:
        link = self.publisher.link
        return {
            "route": self.publisher.route,
            "up": link.up,
            "protocol": link.protocol,
            "fault": words(self.publisher.fault),
            "hub_fault": words(self.pulse.fault),
            "beat_age_s": None if self.pulse.beat_t is None else boottime() - self.pulse.beat_t,
        }

    def _sent(self, row: Row, result: PublishResult) -> None:
        taken = "has" if result.accepted else f"refused ({result.name})"
        text = f"the broker{self._at} {taken} message {row.seq} of alert {row.alert_id}"
        self._shared.tell(
            "published",
            text,
            route=row.route,
            alert_id=row.alert_id,
            seq=row.seq,
            attempt=row.attempt + 1,
            result=result.name,
        )
        if (
            self.publisher.in_vain and row.attempt == 0
        ):  # once a message: it hurries the other route, which may back off
            self._changed()

    def _acked(self, ack: Ack) -> None:
        self._shared.acked(ack)
        text = f"{ack.hub}{self._at} has message {ack.seq} of alert {ack.alert_id}"
        route = self.publisher.route
        self._shared.tell("hub_committed", text, route=route, alert_id=ack.alert_id, seq=ack.seq, hub=ack.hub)

    def _linked(self, state: LinkState) -> None:
        route = self.publisher.route
        if state.up:
            text = f"up{self._at}, MQTT {state.protocol}"
            self._shared.tell("link", text, route=route, up=True, protocol=state.protocol)
        fault = words(state.fault)
        if fault is not None and fault != self._link_fault:
            self._shared.tell("link", fault, route=route, up=state.up, protocol=state.protocol, fault=fault)
        self._link_fault = fault

    def _pulse_changed(self, fault: HubSilent | None) -> None:
        route = self.publisher.route
        if fault is None:
            self._shared.tell("hub", f"a monitoring hub{self._at} is heard again", route=route)
        else:
            self._shared.tell("hub", str(fault), route=route, fault=str(fault))
        self._changed()
