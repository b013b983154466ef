"""One MQTT connection, kept up for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from falld.publish import faults
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker, Tls
from falld.publish.connection import Connection, OnMessage, Outgoing, Timing, Version
from falld.publish.faults import LinkDown, LinkError, PublishResult, Takeover, Unanswered

__all__ = ["Broker", "Link", "LinkDown", "LinkError", "LinkState", "Outgoing", "PublishResult", "Timing", "Tls"]

STABLE_S = 10.0
"""A connection that lasted so long was a good one: the back-off starts anew. One that a broker accepts and
drops at once counts as a failure, and is not tried more often than any other."""
SHORT_RUN = 3
"""So many connections in a row that broke sooner are no chance: most often two clients share an id, and the
broker does not say so (MQTT 3.1.1 cannot, mosquitto 2.0.11 does not)."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the link is at, and why."""

    up: bool
    protocol: Version | None = None
    """What is spoken; None: not connected."""
    fault: LinkError | None = None
    """Why it is down; while up, the first topic that the broker refuses."""
    retry_s: float | None = None
    """Seconds to the next try; None: up, or trying."""


class _Protocol:
    """Which version to speak next."""

    def __init__(self, wanted: Literal["auto", "5", "3.1.1"]) -> None:
        self._auto = wanted == "auto"
        self.version: Version = "5" if wanted == "auto" else wanted

    def fall_back(self, fault: LinkError) -> bool:
        """After a try that failed: whether the older version is worth one at once."""
        unanswered = isinstance(fault, Unanswered) and self.version == "5"
        if self._auto:
            self.version = "3.1.1" if unanswered else "5"
        return self._auto and unanswered


class Link:
    """Connects, subscribes, publishes the births, and does so again whenever the connection is lost.

    Nothing is queued while there is no connection. Callbacks run on the event loop.

    Args:
        will: topic and payload that the broker publishes, retained, once the connection breaks; the link
            itself publishes it at its own end.
        birth: makes the messages to publish on every connect, the first of them before anything else.
        on_message: called with topic, payload and retain flag.
        on_state: called on each change; a fault is a named one, and retries go on whatever it is.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        will: tuple[str, bytes],
        birth: Callable[[], Sequence[Outgoing]],
        subscribe: Sequence[str],
        on_message: OnMessage,
        on_state: Callable[[LinkState], None] = lambda state: None,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
        urgent: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._will = Outgoing(*will, retain=True)
        self._birth = birth
        self._subscribe = subscribe
        self._on_message = on_message
        self._on_state = on_state
        self._backoff = backoff or Backoff()
        self._timing = timing or Timing()
        self._urgent = urgent
        self._sleep = sleep
        self._protocol = _Protocol(broker.protocol)
        self._hurry = asyncio.Event()
        self._connection: Connection | None = None
        self._up_since: float | None = None
        self._state = LinkState(up=False)

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def connected(self) -> bool:
        """Whether `publish` has a connection to try."""
        return self._connection is not None

    async def run(self) -> None:
        """Until cancelled; then the last will is published, and the broker told goodbye."""
        short = 0
        while True:
            self._up_since = None
            self._hurry.clear()
            fault = await self._connect_until_lost()
            stood_s = self._stood_s()
            if stood_s is None:
                if self._protocol.fall_back(fault):
                    continue
            elif stood_s >= STABLE_S:
                self._backoff.reset()
                short = 0
            else:
                short += 1
                if short >= SHORT_RUN and not isinstance(fault, Takeover):
                    fault = faults.of_short_run(fault, short)
            taken = isinstance(fault, Takeover)
            delay = self._backoff.after_takeover() if taken else self._backoff.next(urgent=self._urgent())
            self._tell(LinkState(up=False, fault=fault, retry_s=delay))
            await self._pause(delay)

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> PublishResult:
        """Publishes with QoS 1 and waits for the PUBACK.

        Raises:
            LinkDown: there is no connection, or it broke first; nothing is kept for later.
        """
        if self._connection is None:
            raise LinkDown(self._broker.where, "there is no connection", "publish again when the link is up")
        return await self._connection.publish(Outgoing(topic, payload, retain))

    def log_in(self, broker: Broker) -> None:
        """From the next connection on as this says, which is the same broker; one that stands is left alone."""
        if broker != self._broker:
            self._broker = broker
            self.hurry()

    def hurry(self) -> None:
        """Something urgent is to be sent: where there is no connection, the next try comes without a wait."""
        if self._connection is None:
            self._hurry.set()

    async def _connect_until_lost(self) -> LinkError:
        """One connection from beginning to end; returns why it ended."""
        version = self._protocol.version
        connection = Connection(
            self._broker,
            self._client_id,
            version,
            will=self._will,
            on_message=self._on_message,
            timing=self._timing,
        )
        politely = False
        try:
            first_of_two = self._broker.protocol == "auto" and version == "5"
            await connection.open(self._timing.connack_5 if first_of_two else self._timing.answer)
            refused = await connection.subscribe(self._subscribe)
            # What comes in from now on may be answered at once; the first birth is written before that.
            self._connection = connection
            for message in self._birth():
                result = await connection.publish(message)
                if not result.accepted:
                    refused.append(self._refused(message.topic, result))
            self._up_since = asyncio.get_running_loop().time()
            self._tell(LinkState(up=True, protocol=version, fault=refused[0] if refused else None))
            return await connection.loss()
        except LinkDown:
            return await connection.loss()
        except LinkError as fault:
            # It is kept; the frames of its traceback would keep paho's sockets open with it.
            fault.__cause__ = fault.__context__ = None
            return fault.with_traceback(None)
        except asyncio.CancelledError:
            if self._connection is not None:
                politely = True
                await self._say_offline(connection)
            raise
        finally:
            self._connection = None
            await connection.close(politely=politely)

    def _stood_s(self) -> float | None:
        """How long the last connection was up; None: it never was."""
        return None if self._up_since is None else asyncio.get_running_loop().time() - self._up_since

    async def _say_offline(self, connection: Connection) -> None:
        """After a DISCONNECT the broker drops the last will, so it is published by hand."""
        with contextlib.suppress(LinkDown, TimeoutError):
            async with asyncio.timeout(self._timing.goodbye):
                await connection.publish(self._will)

    async def _pause(self, delay_s: float) -> None:
        waits = [asyncio.ensure_future(self._sleep(delay_s)), asyncio.ensure_future(self._hurry.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _refused(self, topic: str, result: PublishResult) -> LinkError:
        return faults.of_refused_topic(self._broker.where, "publish to", topic, result, result.name)

    def _tell(self, state: LinkState) -> None:
        self._state = state
        self._on_state(state)
