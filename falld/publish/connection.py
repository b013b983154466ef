"""One connection to a broker, from CONNECT to its end, as asyncio sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from falld.publish import faults
from falld.publish.broker import Broker
from falld.publish.faults import LinkDown, LinkError, PublishResult, Unanswered
from falld.publish.pump import Pump
from falld.publish.tls import tls_context

T = TypeVar("T")
Version = Literal["5", "3.1.1"]
OnMessage = Callable[[str, bytes, bool], None]
"""Topic, payload, retain flag; called on the event loop."""

WINDOW = 16
"""Messages without a PUBACK: below the 20 from which paho queues; a broker that takes fewer says so."""
LARGEST_PACKET = 131_072
"""Bytes, MQTT 5: twice the largest message on the wire (a clip of 64 KiB); the broker keeps back what is more."""


class Outgoing(NamedTuple):
    """A message to publish with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits in seconds."""

    keepalive: int = 30
    """The broker publishes the last will after 1.5 times this, 45 s; a ping costs 4 bytes and 5760 a day."""
    connect: float = 5.0
    """TCP, and again TLS: a SYN is repeated after 1 s and 3 s, so two may be lost."""
    connack_5: float = 3.0
    """For MQTT 5 in `auto`: some brokers never answer it. 3 s leave most of the 20 s until the home's own alarm."""
    answer: float = 10.0
    """CONNACK and SUBACK otherwise: a broker that is loaded answers late, a dead one never."""
    puback: float = 20.0
    """As long as the home waits for a hub before its own alarm: a connection that is silent so long is dead."""
    goodbye: float = 2.0
    """The offline status and the DISCONNECT at the end: more than a round trip, less than a stop may take."""


class Connection:
    """A paho client that lives for one connection: never reconnected, so it queues nothing.

    It connects on a worker thread, for that waits; all else is done on the event loop.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        version: Version,
        *,
        will: Outgoing | None,
        on_message: OnMessage,
        timing: Timing,
    ) -> None:
        self._broker = broker
        self._version = version
        self._on_message = on_message
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[tuple[int, str]] = self._loop.create_future()
        self._lost: asyncio.Future[LinkError] = self._loop.create_future()
        self._lost.add_done_callback(self._give_up_pubacks)
        self._alert: str | None = None
        self._window = asyncio.Semaphore(WINDOW)
        self._pubacks: dict[int, asyncio.Future[PublishResult]] = {}
        self._subacks: dict[int, asyncio.Future[list[tuple[int, str]]]] = {}
        five = version == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = timing.connect
        client.username_pw_set(
            broker.username, broker.password.get_secret_value() if broker.password is not None else None
        )
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect = self._paho_connack
        client.on_disconnect = self._paho_gone
        client.on_subscribe = self._paho_suback
        client.on_publish = self._paho_puback
        client.on_message = self._paho_message
        self._client = client
        self._pump = Pump(client)
        self._soon = self._loop.call_soon_threadsafe

    async def open(self, connack_s: float) -> None:
        """Connects and logs in.

        Raises:
            Unanswered: no CONNACK within `connack_s`, or the version is not spoken there.
            LinkError: everything else.
        """
        where = self._broker.where
        try:
            await _to_its_end(asyncio.to_thread(self._connect))
        except OSError as error:
            raise faults.of_connecting(where, error) from error
        except UnicodeError:
            raise LinkError(where, "this cannot be a host name", "mend the host name") from None
        self._soon = self._loop.call_soon
        self._pump.start()
        await self._answer(self._connack, connack_s)
        if self._connack.done():
            code, name = self._connack.result()
            if code >= 0x80:
                raise faults.of_connack(where, code, name)
        elif self._alert is not None:
            raise faults.of_alert(where, self._alert)
        elif self._lost.done():
            raise faults.of_silence(where, self._version, self._broker.tls)
        else:
            what = f"no answer to MQTT {self._version} within {connack_s:g} s"
            raise Unanswered(where, what, "check that an MQTT broker listens there, and its log")

    async def subscribe(self, topics: Sequence[str]) -> list[LinkError]:
        """Subscribes with QoS 1; returns what the broker refused.

        Raises:
            LinkError: no answer, or the connection is gone.
        """
        _, mid = self._client.subscribe([(topic, 1) for topic in topics])
        self._pump.flush()
        if mid is None:
            raise self._lose("the connection broke")
        answered = self._subacks[mid] = self._loop.create_future()
        await self._answer(answered, self._timing.answer)
        if not answered.done():
            raise self._lose("the broker does not answer a SUBSCRIBE")
        return [
            faults.of_refused_topic(self._broker.where, "subscribe to", topic, code, name)
            for topic, (code, name) in zip(topics, answered.result(), strict=False)
            if code >= 0x80
        ]

    async def publish(self, message: Outgoing) -> PublishResult:
        """Publishes with QoS 1; returns the PUBACK's reason code.

        Raises:
            LinkDown: the connection is gone; the broker may have the message or not.
        """
        async with self._window:
            if self._lost.done():
                raise self._down()
            info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            self._pump.flush()
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise self._lose("the connection broke")
            puback: asyncio.Future[PublishResult] = self._loop.create_future()
            self._pubacks[info.mid] = puback
            try:
                async with asyncio.timeout(self._timing.puback):
                    return await puback
            except TimeoutError:
                raise self._lose(f"the broker confirms nothing for {self._timing.puback:g} s") from None
            finally:
                del self._pubacks[info.mid]

    async def loss(self) -> LinkError:
        """Waits until the connection is gone, and says why."""
        await asyncio.wait({self._lost})
        return self._lost.result()

    async def close(self, *, politely: bool = False) -> None:
        """Ends the connection; without a DISCONNECT, unless `politely`, the broker publishes the will."""
        try:
            if politely and not self._lost.done():
                self._client.disconnect()
                self._pump.flush()
                await asyncio.wait({self._lost}, timeout=self._timing.goodbye)
        finally:
            self._pump.stop()
            # Without the cycle through the callbacks paho lets go of its sockets as soon as it is let go.
            client = self._client
            client.on_connect = client.on_disconnect = client.on_subscribe = None
            client.on_publish = client.on_message = None

    def _connect(self) -> None:
        """On a worker thread: name lookup, TCP, TLS, and CONNECT sent."""
        if self._broker.tls is not None:
            self._client.tls_set_context(tls_context(self._broker.tls, self._alerted))
        properties = None
        if self._version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
            properties.MaximumPacketSize = LARGEST_PACKET
        host, port = self._broker.host, self._broker.port
        self._client.connect(host, port, self._timing.keepalive, properties=properties)

    def _alerted(self, reason: str) -> None:
        """On the thread that connects, or in the middle of reading."""
        self._alert = reason

    async def _answer(self, answer: asyncio.Future[Any], timeout_s: float) -> None:
        """Waits for the answer, the loss of the connection, or the end of patience."""
        await asyncio.wait([answer, self._lost], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    def _lose(self, what: str) -> LinkDown:
        """The connection is of no more use."""
        if not self._lost.done():
            remedy = "nothing if it passes; else check the network and the broker"
            self._lost.set_result(LinkError(self._broker.where, what, remedy))
        return self._down()

    def _down(self) -> LinkDown:
        what = self._lost.result().what if self._lost.done() else "there is no connection"
        return LinkDown(self._broker.where, what, "publish again when the link is up")

    def _give_up_pubacks(self, lost: asyncio.Future[LinkError]) -> None:
        for puback in self._pubacks.values():
            if not puback.done():
                puback.set_exception(self._down())

    def _post(self, function: Callable[..., None], *args: Any) -> None:
        """From paho, which may be in the middle of something."""
        self._soon(function, *args)

    def _paho_connack(
        self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._post(self._connacked, reason.value, str(reason), getattr(properties, "ReceiveMaximum", WINDOW))

    def _paho_gone(
        self, client: Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._post(self._gone, flags.is_disconnect_packet_from_server, reason.value, str(reason))

    def _paho_suback(
        self, client: Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        self._post(self._subacked, mid, [(reason.value, str(reason)) for reason in reasons])

    def _paho_puback(
        self, client: Client, userdata: Any, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._post(self._pubacked, mid, reason.value)

    def _paho_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours, and the receiver counts it as such
        self._post(self._on_message, topic, bytes(message.payload), message.retain)

    def _connacked(self, code: int, name: str, receive_maximum: int) -> None:
        self._window = asyncio.Semaphore(max(1, min(WINDOW, receive_maximum)))
        if not self._connack.done():
            self._connack.set_result((code, name))

    def _gone(self, by_broker: bool, code: int, name: str) -> None:
        if not self._lost.done():
            self._lost.set_result(faults.of_loss(self._broker.where, by_broker, code, name))

    def _subacked(self, mid: int, reasons: list[tuple[int, str]]) -> None:
        answered = self._subacks.pop(mid, None)
        if answered is not None:
            answered.set_result(reasons)

    def _pubacked(self, mid: int, code: int) -> None:
        puback = self._pubacks.get(mid)
        if puback is not None and not puback.done():
            puback.set_result(PublishResult(code))


async def _to_its_end(work: Awaitable[T]) -> T:
    """Waits for a thread's work; cancelled, it still waits for the end, so that no thread is left behind."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise
