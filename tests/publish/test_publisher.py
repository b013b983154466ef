"""The home's pump against a real broker; the hub is played by the test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, soon, until

from falld.alert.outbox import Committed, Outbox, OutboxError
from falld.alert.topics import Topics, hub_beat, hub_status
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Ack, Beat, Command, Health, HubStatus, Message, Response
from falld.publish.alerts import IN_FLIGHT
from falld.publish.backoff import Backoff
from falld.publish.commands import CommandGate
from falld.publish.incoming import Incoming, Receivers
from falld.publish.link import Broker, Outgoing, PublishResult, Timing
from falld.publish.publisher import Publisher
from falld.publish.resends import Resends
from falld.publish.worker import Worker

HOME = Topics("h1")
BOOT = "boot-1"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Home:
    """A publisher with its outbox, and what it called back."""

    def __init__(self, outbox: Outbox, call: Worker, port: int, **options: Any) -> None:
        self.told: list[Message] = []
        self.outbox = outbox
        self.call = call
        self.publisher = Publisher(
            Broker("127.0.0.1", port),
            "h1",
            outbox,
            call,
            boot_id=BOOT,
            version="1.2.3",
            model="m",
            gate=CommandGate(BOOT),
            on_response=self.told.append,
            on_command=self.told.append,
            on_ack=self.told.append,
            on_hub=self.told.append,
            **{"backoff": soon(), "timing": Timing(goodbye=0.2)} | options,
        )

    @property
    def counters(self) -> Any:
        return self.publisher.counters

    async def commit(self, *keys: tuple[str, int]) -> None:
        rows = [
            Committed(alert_id, seq, an_alert(seq, alert_id=alert_id).payload().decode(), BOOT, None, None)
            for alert_id, seq in keys
        ]
        await self.call(self.outbox.commit, rows, {"boot_id": BOOT}, 0.0)
        self.publisher.wake()

    def beside(self, port: int, **options: Any) -> Home:
        """Another route of the same home."""
        return Home(self.outbox, self.call, port, **options)

    async def left(self) -> int:
        return await self.call(len, self.outbox)


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


@pytest.fixture
async def home(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Home]:
    call = Worker("outbox")
    outbox = await call(Outbox.open, tmp_path / "outbox.db")
    try:
        # Longer than a test: what is sent again here has a reason other than the time.
        yield Home(outbox, call, mosquitto.port, resends=Resends(60, 60))
        await call(outbox.close)
    finally:
        call.close()


class FakeHub(Peer):
    """Acknowledges what it is told to, and says what it is told to."""

    def __init__(self, port: int, acks: bool = True) -> None:
        online = Outgoing(hub_status("hub"), HubStatus(hub="hub", online=True).payload(), retain=True)
        super().__init__(Broker("127.0.0.1", port), "hub", subscribe=["falld/v1/h1/#"], births=[online])
        self.acks = acks

    async def run(self) -> None:
        answered = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.link.run())
            while True:
                await asyncio.sleep(0.01)
                alerts = self.heard(HOME.alert)
                while self.acks and answered < len(alerts):
                    alert = alerts[answered]
                    answered += 1
                    await self.say(HOME.ack, Ack(alert_id=alert["alert_id"], seq=alert["seq"], hub="hub"))

    async def say(self, topic: str, message: Message | bytes, retain: bool = False) -> None:
        payload = message if isinstance(message, bytes) else message.payload()
        await self.link.publish(topic, payload, retain)


@contextlib.asynccontextmanager
async def connected(home: Home, hub: FakeHub) -> AsyncIterator[None]:
    async with running(hub.run):
        await until(lambda: hub.link.state.up)
        async with running(home.publisher.run):
            await until(lambda: home.publisher.link.up)
            yield


async def test_an_alert_leaves_the_outbox_on_the_hubs_ack_alone(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(home, hub):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.sent == 1)
        await asyncio.sleep(0.05)
        assert await home.left() == 1
        hub.acks = True
        await until(lambda: home.counters.acked == 1)
        assert await home.left() == 0
    sent = hub.heard(HOME.alert)
    assert [(a["alert_id"], a["seq"], a["attempt"], a["late"]) for a in sent] == [(ALERT_ID, 1, 1, sent[0]["late"])]
    assert home.told[-1] == Ack(alert_id=ALERT_ID, seq=1, hub="hub")


async def test_what_was_committed_before_a_start_goes_out_in_order(home: Home, mosquitto: Mosquitto) -> None:
    keys = [(ALERT_ID, seq) for seq in range(1, 41)]
    await home.commit(*keys)
    hub = FakeHub(mosquitto.port)
    async with connected(home, hub):
        await until(lambda: home.counters.acked == 40)
    assert [a["seq"] for a in hub.heard(HOME.alert)] == list(range(1, 41))
    assert home.counters.resent == 0


async def test_few_are_in_flight(home: Home, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    flying, most = 0, 0
    publish = home.publisher._link.publish

    async def slow(*message: Any) -> Any:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.01)
        result = await publish(*message)
        flying -= 1
        return result

    monkeypatch.setattr(home.publisher._link, "publish", slow)
    await home.commit(*[(ALERT_ID, seq) for seq in range(1, 31)])
    async with connected(home, FakeHub(mosquitto.port)):
        await until(lambda: home.counters.acked == 30)
    assert 1 < most <= IN_FLIGHT


async def test_rows_that_no_hub_takes_do_not_stand_in_the_way(home: Home, mosquitto: Mosquitto) -> None:
    await home.commit(*[(uuid7(), 1) for _ in range(20)])
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(home, hub):
        await until(lambda: home.counters.sent == 20)
        await home.commit((ALERT_ID, 1))
        await until(lambda: ALERT_ID in [a["alert_id"] for a in hub.heard(HOME.alert)])


async def test_sent_anew_by_time_until_the_hub_has_it(mosquitto: Mosquitto, home: Home) -> None:
    home = Home(home.outbox, home.call, mosquitto.port, resends=Resends(0.05, 0.1))
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(home, hub):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.resent >= 3)
        hub.acks = True
        await until(lambda: home.counters.acked == 1)
    sent = hub.heard(HOME.alert)
    assert [a["attempt"] for a in sent] == list(range(1, len(sent) + 1))


async def test_sent_anew_as_soon_as_the_broker_is_back(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(home, hub):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.sent == 1)
        mosquitto.kill()
        await until(lambda: not home.publisher.link.up)
        await home.commit((ALERT_ID, 2))
        mosquitto.start()
        await until(lambda: {a["seq"] for a in hub.heard(HOME.alert)} == {1, 2})
        assert home.counters.resent >= 1
        assert max(a["attempt"] for a in hub.heard(HOME.alert)) <= 4  # none is spent while there is no connection
        hub.acks = True
        await until(lambda: home.counters.acked == 2)


async def test_its_next_try_is_urgent_where_an_alert_waits(home: Home, mosquitto: Mosquitto) -> None:
    asked: list[bool] = []

    class Told(Backoff):
        def next(self, *, urgent: bool = False) -> float:
            asked.append(urgent)
            return 0.02

    mosquitto.stop()
    idle = home.beside(mosquitto.port, backoff=Told())
    async with running(idle.publisher.run):
        await until(lambda: len(asked) >= 2)
        assert not any(asked)
        await idle.commit((ALERT_ID, 1))
        asked.clear()
        await until(lambda: len(asked) >= 2)
        assert all(asked[1:])
    asked.clear()
    async with running(home.beside(mosquitto.port, backoff=Told()).publisher.run):  # it was there before
        await until(lambda: asked)
        assert asked[0]
    mosquitto.start()
    begun = home.beside(mosquitto.port, backoff=Told())
    async with running(begun.publisher.run, FakeHub(mosquitto.port).run):
        await until(lambda: begun.counters.acked == 1)
        mosquitto.stop()
        await until(lambda: asked and not asked[-1])
        mosquitto.start()


async def test_sent_anew_as_soon_as_a_hub_comes(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(home, hub):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.sent == 1)
        await hub.say(hub_status("x"), HubStatus(hub="x", online=True), retain=True)
        await until(lambda: home.counters.resent == 1)
        await hub.say(hub_beat("x"), Beat(hub="x", utc=NOW))
        await until(lambda: Beat(hub="x", utc=NOW) in home.told)
    assert HubStatus(hub="x", online=True) in home.told


async def test_that_nobody_listens_is_seen(home: Home) -> None:
    sent: list[tuple[int, PublishResult]] = []
    home.publisher._alerts._on_sent = lambda row, result: sent.append((row.seq, result))
    async with running(home.publisher.run):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.no_subscriber == 1)
        assert await home.left() == 1
    assert sent == [(1, PublishResult.NO_SUBSCRIBER)]


async def test_birth_and_will(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port)
    async with connected(home, hub):
        await until(lambda: len(hub.heard(HOME.status)) == 1)
        hub.messages.clear()
        mosquitto.kill()
        mosquitto.start()
        await until(lambda: len(hub.heard(HOME.status)) == 1)
        assert hub.heard(HOME.status) == [{"online": True, "boot_id": BOOT, "version": "1.2.3", "model": "m"}]
        hub.messages.clear()
    async with running(hub.run):
        await until(lambda: hub.heard(HOME.status) == [{"online": False, "boot_id": BOOT}])


def some_health(outbox: int) -> Health:
    return Health(boot_id=BOOT, utc=NOW, clock_synced=True, outbox=outbox, wearables=(), open=(), faults=())


async def test_health_is_told_on_change_but_not_more_often_than_is_of_use(home: Home, mosquitto: Mosquitto) -> None:
    home = Home(home.outbox, home.call, mosquitto.port, health_apart_s=0.15, health_at_least_s=0.5)
    hub = FakeHub(mosquitto.port)
    loop = asyncio.get_running_loop()
    home.publisher.set_health(some_health(0))
    async with connected(home, hub):
        await until(lambda: hub.heard(HOME.health)[-1:] != [])
        begun = loop.time()
        for n in range(20):
            home.publisher.set_health(some_health(n))
            await asyncio.sleep(0.03)
        await until(lambda: hub.heard(HOME.health)[-1]["outbox"] == 19)
        assert len(hub.heard(HOME.health)) <= 3 + (loop.time() - begun) / 0.15
        before = len(hub.heard(HOME.health))
        await until(lambda: len(hub.heard(HOME.health)) > before)
    late = FakeHub(mosquitto.port)
    async with running(late.run):
        await until(lambda: [m for m in late.messages if m[0] == HOME.health and m[2]])


async def test_responses_and_commands_come_in(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port)
    response = Response(alert_id=ALERT_ID, response="seen", hub="hub", by="nurse", utc=NOW)
    command = Command(id=uuid7(), boot_id=BOOT, command="test_alarm")
    replayed = Command(id=uuid7(), boot_id="an-earlier-boot", command="test_alarm")
    async with connected(home, hub):
        await hub.say(HOME.response, response)
        for message in (command, command, replayed):
            await hub.say(HOME.command, message)
        await until(lambda: home.counters.commands_refused == 2)
    assert [m for m in home.told if not isinstance(m, HubStatus)] == [response, command]


async def test_retained_orders_are_dropped(home: Home, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    hub = FakeHub(mosquitto.port, acks=False)
    async with running(hub.run):
        await until(lambda: hub.link.state.up)
        await hub.say(HOME.ack, Ack(alert_id=ALERT_ID, seq=1, hub="hub"), retain=True)
        await hub.say(HOME.command, Command(id=uuid7(), boot_id=BOOT, command="test_alarm"), retain=True)
        await hub.say(
            HOME.response, Response(alert_id=ALERT_ID, response="seen", hub="h", by="b", utc=NOW), retain=True
        )
        await home.commit((ALERT_ID, 1))
        async with running(home.publisher.run):
            await until(lambda: home.counters.dropped == 3 and home.counters.sent == 1)
            assert await home.left() == 1
    assert [m for m in home.told if not isinstance(m, HubStatus)] == []
    assert HOME.ack in caplog.text


async def test_what_is_invalid_is_counted_and_not_repeated(
    home: Home, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub = FakeHub(mosquitto.port)
    async with connected(home, hub):
        for topic in (HOME.ack, HOME.response, HOME.command, hub_status("x"), hub_beat("x")):
            await hub.say(topic, b'{"canary-4d": 1}')
        await hub.say(HOME.response, b"\xff" * 5000)
        await until(lambda: home.counters.invalid == 6)
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.acked == 1)
    assert all(topic in caplog.text for topic in (HOME.ack, HOME.response, HOME.command, hub_status("x")))
    assert "canary" not in caplog.text


async def test_every_order_that_is_none_is_refused_and_counted(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port)
    good = Command(id=uuid7(), boot_id=BOOT, command="test_alarm")
    stale = Command(id=uuid7(), boot_id="an-earlier-boot", command="test_alarm")
    payload = good.payload()
    no_message = [
        payload.replace(b"test_alarm", b"open_door"),
        payload[:-1] + b',"x":"' + b"x" * 4096 + b'"}',
        payload[:-1],
        payload[:-1] + b',"x":' + b"[" * 2000 + b"}",
        payload.replace(BOOT.encode(), b"\xff"),
        b"",
    ]
    async with connected(home, hub):
        for no_order in (stale, *no_message):
            await hub.say(HOME.command, no_order)
        for topic in (HOME.ack, HOME.response):
            await hub.say(topic, b'{"alert_id":"' + b"x" * 4096)
        for _ in range(3):
            await hub.say(HOME.command, good)
        await until(lambda: home.counters.commands_refused == 3)
    assert (home.counters.invalid, home.counters.dropped) == (len(no_message) + 2, 0)
    assert [m for m in home.told if isinstance(m, Command)] == [good]


def test_what_comes_where_nothing_is_expected_is_counted() -> None:
    counted: list[str] = []
    nobody = dict.fromkeys(("ack", "clip_ack", "response", "command", "hub", "retained"), pytest.fail)
    incoming = Incoming(HOME, Receivers(**nobody, invalid=lambda: counted.append("invalid")))  # type: ignore[arg-type]
    for topic in (HOME.status, "falld/v1/h2/command", "falld/v2/h1/command", "", "x" * 70_000):
        incoming.take(topic, b"{}", False)
    incoming.take(hub_status("x"), HubStatus(hub="y", online=True).payload(), False)
    assert len(counted) == 6


async def test_what_the_broker_refuses_is_a_fault_and_stays(
    need: Callable[[str], str], tmp_path: Path, home: Home
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    (folder / "acl").write_text("topic readwrite falld/v1/h1/status\ntopic read falld/#\n")
    with Mosquitto(need("mosquitto"), folder, f"allow_anonymous true\nacl_file {folder / 'acl'}") as mosquitto:
        home = Home(home.outbox, home.call, mosquitto.port)
        async with running(home.publisher.run):
            await home.commit((ALERT_ID, 1))
            await until(lambda: home.counters.refused == 1)
            assert HOME.alert in str(home.publisher.fault)
            assert "access list" in str(home.publisher.fault)
            assert home.publisher.in_vain
            assert await home.left() == 1


async def test_a_disk_that_fails_ends_it(home: Home, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(route: str, limit: int) -> list[Any]:
        raise OutboxError("outbox.db", "disk I/O error", "replace the disk") from sqlite3.OperationalError()

    monkeypatch.setattr(home.outbox, "due", broken)
    with pytest.raises(OutboxError, match="replace the disk"):
        async with asyncio.timeout(60):
            await home.publisher.run()


async def test_alerts_go_before_everything_else(home: Home, mosquitto: Mosquitto) -> None:
    await home.commit(*[(ALERT_ID, seq) for seq in range(1, 21)])
    home.publisher.set_health(some_health(20))
    hub = FakeHub(mosquitto.port)
    async with connected(home, hub):
        await until(lambda: hub.heard(HOME.health))
    order = [topic for topic, _, _ in hub.messages if topic != HOME.ack]
    assert order[: order.index(HOME.health) + 1] == [HOME.status, *[HOME.alert] * 20, HOME.health]


async def test_the_health_is_told_anew_to_a_broker_that_forgot_it(home: Home, mosquitto: Mosquitto) -> None:
    home = home.beside(mosquitto.port, health_apart_s=0.05, health_at_least_s=60)
    home.publisher.set_health(some_health(0))
    hub = FakeHub(mosquitto.port)
    async with connected(home, hub):
        await until(lambda: hub.heard(HOME.health))
        hub.messages.clear()
        mosquitto.kill()
        mosquitto.start()
        await until(lambda: hub.heard(HOME.health))


async def test_another_route_is_tried_when_the_time_is_over(home: Home, mosquitto: Mosquitto) -> None:
    clock = [0.0]
    second = home.beside(mosquitto.port, now=lambda: clock[0], wait_s=lambda: 8.0)
    async with running(second.publisher.run):
        await until(lambda: second.publisher.link.up)
        await second.commit((ALERT_ID, 1))
        await asyncio.sleep(0.1)
        assert second.counters.no_subscriber == 0
        clock[0] = 8.0
        second.publisher.wake()
        await until(lambda: second.counters.no_subscriber == 1)


async def test_the_time_runs_out_by_itself_and_later_messages_follow_at_once(home: Home, mosquitto: Mosquitto) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    second = home.beside(mosquitto.port, now=lambda: loop.time() - begun, wait_s=lambda: 0.5)
    hub = FakeHub(mosquitto.port, acks=False)
    async with connected(second, hub):
        await second.commit((ALERT_ID, 1))
        await until(lambda: second.counters.sent == 1)
        assert loop.time() - begun >= 0.5
        await home.call(home.outbox.ack, ALERT_ID, 1, "another:1883")
        second.publisher._alerts._wait_s = lambda: 1e9
        await second.commit((ALERT_ID, 2), (uuid7(), 1))
        await until(lambda: second.counters.sent == 2)
        hub.acks = True
        await until(lambda: second.counters.acked == 1)
    assert [a["seq"] for a in hub.heard(HOME.alert)] == [1, 2]


async def test_what_came_to_nobody_is_in_vain_until_somebody_is_there(home: Home, mosquitto: Mosquitto) -> None:
    hub = FakeHub(mosquitto.port)
    async with running(home.publisher.run):
        await home.commit((ALERT_ID, 1))
        await until(lambda: home.counters.no_subscriber == 1)
        assert home.publisher.in_vain
        assert await home.call(home.outbox.offered, home.publisher.route) == set()
        async with running(hub.run):
            await until(lambda: home.counters.acked == 1)
        assert not home.publisher.in_vain
