"""Clips on their way to a hub, against a real broker; the hub is played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, soon, until

from falld.alert.clip import encode
from falld.alert.clipbox import ClipBox
from falld.alert.outbox import Committed, Outbox
from falld.alert.topics import Topics, hub_status
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Clip, ClipAck, HubStatus, parse
from falld.publish.clips import ClipRoute
from falld.publish.commands import CommandGate
from falld.publish.link import Broker, LinkDown, Timing
from falld.publish.publisher import Publisher
from falld.publish.resends import Resends
from falld.publish.worker import Worker

HOME = Topics("h1")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
CLIP = encode(50.0, 1000, np.ones((3000, 3), np.float32))


class Home:
    """A publisher with its outbox and clips."""

    def __init__(self, folder: Path) -> None:
        self.disk, self.clip_disk = Worker("outbox"), Worker("clips")
        self.outbox = self.disk._executor.submit(Outbox.open, folder / "outbox.db").result()
        self.box = ClipBox.open(folder / "clips")

    def publisher(self, port: int, clip_resends: Resends | None = None) -> Publisher:
        return Publisher(
            Broker("127.0.0.1", port),
            "h1",
            self.outbox,
            self.disk,
            boot_id="b",
            version="1",
            model=None,
            gate=CommandGate("b"),
            on_response=lambda response: None,
            on_command=lambda command: None,
            backoff=soon(),
            timing=Timing(goodbye=0.2),
            resends=Resends(60, 60),
            clips=ClipRoute(self.box, self.clip_disk),
            clip_resends=clip_resends or Resends(60, 60),
        )

    async def commit(self, *keys: tuple[str, int]) -> None:
        rows = [
            Committed(alert_id, seq, an_alert(seq, alert_id=alert_id).payload().decode(), "b", None, None)
            for alert_id, seq in keys
        ]
        await self.disk(self.outbox.commit, rows, {"boot_id": "b"}, 0.0)

    async def due(self) -> list[str]:
        return await self.clip_disk(self.box.due)

    async def acknowledged(self, publisher: Publisher) -> None:
        pump = publisher._clips
        assert pump is not None
        await until(lambda: pump.acked >= 1)


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    home = Home(tmp_path)
    yield home
    await home.disk(home.outbox.close)
    home.disk.close()
    home.clip_disk.close()


class FakeHub(Peer):
    def __init__(self, port: int) -> None:
        super().__init__(Broker("127.0.0.1", port), "hub", subscribe=["falld/v1/h1/#"], births=[])

    async def ack(self, alert_id: str) -> None:
        await self.link.publish(HOME.ack, ClipAck(alert_id=alert_id, clip=True, hub="hub").payload())

    def order(self) -> list[str]:
        """Alerts and clips as they came."""
        return [topic.split("/")[3] for topic, _, _ in self.messages if topic.split("/")[3] in ("alert", "clip")]


async def test_it_is_sent_until_its_own_ack(home: Home, mosquitto: Mosquitto) -> None:
    home.box.keep(ALERT_ID, CLIP, "due")
    hub, publisher = FakeHub(mosquitto.port), home.publisher(mosquitto.port, Resends(0.05, 0.1))
    topic = HOME.clip(ALERT_ID)
    async with running(hub.link.run):
        await until(lambda: hub.link.state.up)
        async with running(publisher.run):
            await until(lambda: len(hub.heard(topic)) >= 3)
            await hub.ack(uuid7())
            await hub.link.publish(HOME.ack, b'{"alert_id":"%s","seq":1,"hub":"hub"}' % ALERT_ID.encode())
            so_far = len(hub.heard(topic))
            await until(lambda: len(hub.heard(topic)) > so_far)
            assert await home.due() == [ALERT_ID]
            await hub.ack(ALERT_ID)
            await home.acknowledged(publisher)
            assert await home.due() == []
    payload = next(payload for on, payload, _ in hub.messages if on == topic)
    assert parse(Clip, payload, topic) == CLIP
    assert not any(retain for on, _, retain in hub.messages if on == topic)


async def test_alerts_always_go_first(home: Home, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        home.box.keep(uuid7(), CLIP, "due")
    await home.commit(*[(ALERT_ID, seq) for seq in range(1, 31)])
    hub, publisher = FakeHub(mosquitto.port), home.publisher(mosquitto.port)
    publish = publisher._link.publish
    waiting = asyncio.Event()

    async def held_up(topic: str, *rest: Any) -> Any:
        if topic == HOME.alert:
            await waiting.wait()
        return await publish(topic, *rest)

    monkeypatch.setattr(publisher._link, "publish", held_up)
    async with running(hub.link.run):
        await until(lambda: hub.link.state.up)
        async with running(publisher.run):
            await until(lambda: publisher.link.up)
            await asyncio.sleep(0.2)
            assert hub.order() == []
            waiting.set()
            await until(lambda: len(hub.order()) == 33)
            assert hub.order() == ["alert"] * 30 + ["clip"] * 3
            waiting.clear()
            await home.commit((uuid7(), 1))
            publisher.wake()
            home.box.keep(uuid7(), CLIP, "due")
            publisher.wake_clips()
            await asyncio.sleep(0.2)
            assert len(hub.order()) == 33
            waiting.set()
            await until(lambda: hub.order()[33:] == ["alert", "clip"])


async def test_a_hub_that_comes_gets_it_and_so_does_one_that_asks(home: Home, mosquitto: Mosquitto) -> None:
    home.box.keep(ALERT_ID, CLIP, "due")
    hub, publisher = FakeHub(mosquitto.port), home.publisher(mosquitto.port)
    topic = HOME.clip(ALERT_ID)
    async with running(hub.link.run):
        await until(lambda: hub.link.state.up)
        async with running(publisher.run):
            await until(lambda: len(hub.heard(topic)) == 1)
            await hub.link.publish(hub_status("hub"), HubStatus(hub="hub", online=True).payload())
            await until(lambda: len(hub.heard(topic)) == 2)
            await hub.ack(ALERT_ID)
            await home.acknowledged(publisher)
            assert await home.clip_disk(home.box.again, ALERT_ID)
            publisher.wake_clips()
            await until(lambda: len(hub.heard(topic)) == 3)


async def test_one_that_a_line_cannot_carry_does_not_break_it_again_and_again(
    home: Home, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.box.keep(ALERT_ID, CLIP, "due")
    hub, publisher = FakeHub(mosquitto.port), home.publisher(mosquitto.port)
    tries = 0

    async def too_large(topic: str, payload: bytes) -> Any:
        nonlocal tries
        tries += 1
        mosquitto.kill()
        raise LinkDown("x", "the connection broke", "nothing")

    monkeypatch.setattr(publisher._clips, "_publish", too_large)
    async with running(hub.link.run, publisher.run):
        await until(lambda: tries == 1)
        await until(lambda: not publisher.link.up and not hub.link.state.up)
        mosquitto.start()
        await home.commit((ALERT_ID, 1))
        await until(lambda: hub.link.state.up and publisher.link.up)
        publisher.wake()
        await until(lambda: publisher.counters.sent >= 1)
        await asyncio.sleep(0.2)
    assert tries == 1


async def test_what_the_broker_refuses_and_a_broken_folder_are_told_and_alerts_go_on(
    need: Callable[[str], str], tmp_path: Path, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "acl").write_text("topic readwrite falld/v1/h1/status\ntopic readwrite falld/v1/h1/alert\n")
    home.box.keep(ALERT_ID, CLIP, "due")
    with Mosquitto(need("mosquitto"), folder, f"allow_anonymous true\nacl_file {folder / 'acl'}") as mosquitto:
        publisher = home.publisher(mosquitto.port, Resends(0.05, 0.1))
        async with running(publisher.run):
            await until(lambda: publisher.clip_fault is not None)
            assert HOME.clip(ALERT_ID) in str(publisher.clip_fault)
            (tmp_path / "clips").rename(tmp_path / "gone")  # at once: an empty folder would be no fault
            await until(lambda: "clips cannot be kept" in str(publisher.clip_fault))
            await home.commit((ALERT_ID, 1))
            publisher.wake()
            await until(lambda: publisher.counters.sent == 1)
    assert "clips cannot be kept" in caplog.text
