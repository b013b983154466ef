"""Outbox, publisher, broker, hub and its store together; each of them dies at some time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import ALERT_ID, Mosquitto, amqtt_broker, an_alert, running, soon, until

from falld.alert.clock import utc_now
from falld.alert.outbox import Committed, Outbox
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Response
from falld.hub.service import Hub
from falld.hub.store import Store
from falld.publish.commands import CommandGate
from falld.publish.link import Broker, Timing
from falld.publish.publisher import Publisher
from falld.publish.resends import Resends
from falld.publish.worker import Worker

QUICK = Timing(connack_5=0.3, goodbye=0.2)


class Road:
    """A home and a hub with their files; their programs can be started more than once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox_thread, self.store_thread = Worker("outbox"), Worker("store")
        self.responses: list[Response] = []

    async def __aenter__(self) -> Road:
        self.outbox = await self.outbox_thread(Outbox.open, self.folder / "outbox.db")
        self.store = await self.store_thread(Store.open, self.folder / "hub.db")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.outbox_thread(self.outbox.close)
        await self.store_thread(self.store.close)
        self.outbox_thread.close()
        self.store_thread.close()

    def publisher(self, port: int) -> Publisher:
        return Publisher(
            Broker("127.0.0.1", port),
            "h1",
            self.outbox,
            self.outbox_thread,
            boot_id="b",
            version="1",
            model=None,
            gate=CommandGate("b"),
            on_response=self.responses.append,
            on_command=lambda command: None,
            resends=Resends(0.5, 1),
            backoff=soon(),
            timing=QUICK,
        )

    def hub(self, port: int) -> Hub:
        return Hub(
            Broker("127.0.0.1", port),
            "x",
            self.store,
            self.store_thread,
            show=lambda event: None,
            poll_s=0.05,
            backoff=soon(),
            timing=QUICK,
        )

    async def commit(self, publisher: Publisher, alert_id: str, seq: int = 1) -> None:
        row = Committed(alert_id, seq, an_alert(seq, alert_id=alert_id).payload().decode(), "b", None, None)
        await self.outbox_thread(self.outbox.commit, [row], {"boot_id": "b"}, 0.0)
        publisher.wake()

    async def left(self) -> int:
        return await self.outbox_thread(len, self.outbox)

    async def kept(self) -> list[str]:
        return [entry.alert_id for entry in await self.store_thread(self.store.entries)]

    async def drained(self, within_s: float = 30) -> None:
        async with asyncio.timeout(within_s):
            while await self.left():  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with Road(tmp_path) as road:
        yield road


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


async def there_and_back(road: Road, port: int) -> None:
    publisher, hub = road.publisher(port), road.hub(port)
    async with running(hub.run, publisher.run):
        await until(lambda: hub.link.up and publisher.link.up)
        for seq in (1, 2):
            await road.commit(publisher, ALERT_ID, seq)
        await road.drained()
        assert await road.kept() == [ALERT_ID]
        await road.store_thread(road.store.respond, ALERT_ID, "seen", "nurse", utc_now())
        await until(lambda: [(r.response, r.by, r.hub) for r in road.responses] == [("seen", "nurse", "x")])


async def test_an_alert_is_acknowledged_and_answered(road: Road, mosquitto: Mosquitto) -> None:
    await there_and_back(road, mosquitto.port)


async def test_the_same_over_a_broker_that_does_not_know_mqtt_5(road: Road) -> None:
    async with amqtt_broker() as port:
        await there_and_back(road, port)


async def test_nothing_is_lost_while_broker_hub_and_home_die_in_turn(road: Road, mosquitto: Mosquitto) -> None:
    committed: list[str] = []
    parts: dict[str, Any] = {}

    async def start(name: str) -> None:
        part = road.publisher(mosquitto.port) if name == "home" else road.hub(mosquitto.port)
        parts[name] = part, asyncio.create_task(part.run())

    async def stop(name: str) -> None:
        parts[name][1].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await parts[name][1]

    async def falls() -> None:
        while True:
            alert_id = uuid7()
            await road.commit(parts["home"][0], alert_id)
            committed.append(alert_id)
            await asyncio.sleep(0.01)

    async def more(n: int) -> None:
        wanted = len(committed) + n
        await until(lambda: len(committed) >= wanted)

    for name in ("home", "hub"):
        await start(name)
    async with running(falls):
        for name in ("broker", "hub", "home", "broker"):
            await more(10)
            if name == "broker":
                mosquitto.kill()
                await more(5)
                mosquitto.start()
            else:
                await stop(name)
                await more(5)
                await start(name)
    await road.drained()
    assert set(committed) <= set(await road.kept())
    for name in ("home", "hub"):
        await stop(name)
