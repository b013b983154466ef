"""Four designs that lose alerts, to show that the campaign would see it. Each differs from falld in one thing."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any

from brokers import an_alert
from generator import Order, Restless, generate
from ledger import Ledger, read
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

import falld.cli.hub
from falld.alert.clock import boottime
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.cli import main
from falld.daemon.heard import Heard
from falld.hub.incoming import Incoming, Receipt
from falld.hub.standing import follow
from falld.hub.store import Store
from falld.publish.faults import PublishResult

HELD_BACK = 16
"""Messages that the hasty hub has acknowledged and not committed."""


def publish_directly(order: Order) -> None:
    """No outbox: the client's own queue and QoS 1, as most do it."""
    logging.basicConfig(filename=order.folder / f"{order.home}.log", level=logging.WARNING)
    client = Client(CallbackAPIVersion.VERSION2, f"falld-{order.home}", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_queued_messages_set(0)
    client.connect_async("127.0.0.1", order.port)
    client.loop_start()
    random = Random(f"{order.seed}/{order.home}/{order.run}")
    accepted = Ledger(order.accepted)
    for _ in range(len(list(read([order.accepted]))), order.alerts):
        alert_id = uuid7()
        alert = an_alert(alert_id=alert_id, wearer="w1", state="raised")
        client.publish(Topics(order.home).alert, alert.payload(), qos=1)
        accepted.write({"alert_id": alert_id, "seq": 1, "t": boottime()})
        time.sleep(random.expovariate(1 / order.apart_s))
    signal.pause()


class Trusting(Restless):
    """Lets a message go as soon as the broker has it."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._route = f"127.0.0.1:{order.port}"
        self._forgetting: set[asyncio.Future[bool]] = set()

    def write_down(self, heard: Heard) -> None:
        super().write_down(heard)
        if heard.kind == "published" and PublishResult[heard.data["result"]].accepted:
            key = heard.data["alert_id"], heard.data["seq"]
            self._forgetting.add(asyncio.ensure_future(self._disk(self._keeper.outbox.ack, *key, self._route)))


def delete_on_puback(order: Order) -> None:
    generate(order, Trusting)


class HastyStore(Store):
    """Returns at once, so that the hub acknowledges, and commits when some more messages have come."""

    def __init__(self, *connection: Any) -> None:
        super().__init__(*connection)
        self._waiting: list[tuple[Sequence[Incoming], datetime]] = []

    def commit(self, messages: Sequence[Incoming], utc: datetime) -> list[Receipt]:
        if sum(len(waiting) for waiting, _ in self._waiting) + len(messages) > HELD_BACK:
            self._flush()
        self._waiting.append((messages, utc))
        return [Receipt("new", None, follow(None, message.seq, message.alert)) for message in messages]

    def close(self) -> None:
        self._flush()
        super().close()

    def _flush(self) -> None:
        for messages, utc in self._waiting:
            super().commit(messages, utc)
        self._waiting = []


def acknowledge_before_commit(arguments: list[str]) -> None:
    """`falld hub` with such a store."""
    falld.cli.hub.Store = HastyStore  # type: ignore[misc]
    main(arguments)
