"""The hub against a real broker; the home is played by the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, soon, until

from falld.alert.topics import Topics, hub_beat, hub_status
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Fault, Health, Message, Status
from falld.hub import standing
from falld.hub.database import StoreError
from falld.hub.incoming import Incoming
from falld.hub.service import Hub
from falld.hub.show import AlertChange, Event, HomeChange, ResponseSent
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker

HOME = Topics("h1")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Bench:
    """A hub on a broker, and a client that plays a home."""

    def __init__(self, store: Store, call: Worker, port: int) -> None:
        self.store = store
        self.call = call
        self.shown: list[Event] = []
        self.home = Peer(
            Broker("127.0.0.1", port), "home", subscribe=[HOME.ack, HOME.response, "falld/v1/_hub/+/+"], births=[]
        )
        self.hub = self.another(port)

    def another(self, port: int, **options: Any) -> Hub:
        return Hub(
            Broker("127.0.0.1", port),
            "x",
            self.store,
            self.call,
            show=self.shown.append,
            backoff=soon(),
            timing=Timing(goodbye=0.2),
            **({"poll_s": 0.02} | options),
        )

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        async with running(self.hub.run, self.home.link.run):
            await until(lambda: self.hub.link.up and self.home.link.state.up)
            yield

    async def send(self, message: Message | bytes, topic: str = HOME.alert, retain: bool = False) -> None:
        payload = message if isinstance(message, bytes) else message.payload()
        await self.home.link.publish(topic, payload, retain)

    @property
    def acks(self) -> list[tuple[str, int]]:
        return [(ack["alert_id"], ack["seq"]) for ack in self.home.heard(HOME.ack)]

    @property
    def words(self) -> list[tuple[str, bool]]:
        return [(event.word, event.sounds) for event in self.shown if isinstance(event, AlertChange)]


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


@pytest.fixture
async def bench(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Bench]:
    call = Worker("hub-store")
    store = await call(Store.open, tmp_path / "hub.db")
    try:
        yield Bench(store, call, mosquitto.port)
        await call(store.close)
    finally:
        call.close()


async def test_every_copy_is_acknowledged_and_one_is_kept(bench: Bench) -> None:
    async with bench.connected():
        for attempt in (1, 2, 3):
            await bench.send(an_alert(attempt=attempt))
        await until(lambda: bench.acks == [(ALERT_ID, 1)] * 3)
        assert bench.home.heard(HOME.ack)[0] == {"alert_id": ALERT_ID, "seq": 1, "hub": "x"}
        assert len(await bench.call(bench.store.entries)) == 1
        await until(lambda: bench.hub.counters.acks == 3)
    assert (bench.hub.counters.new, bench.hub.counters.copies) == (1, 2)
    assert bench.words == [("suspected", False)]


async def test_all_that_a_home_ever_sent_ten_times_over_makes_one_incident_of_each(bench: Bench) -> None:
    lives = [("suspected", "raised"), ("suspected", "cancelled"), ("suspected", "raised", "note", "recovered")]
    sent = [
        an_alert(seq, state, alert_id=alert_id)
        for alert_id, life in ((uuid7(), life) for life in lives)
        for seq, state in enumerate(life, start=1)
    ]
    async with bench.connected():
        for alert in sent:
            await bench.send(alert)
        await until(lambda: len(bench.acks) == len(sent))
        shown, kept = list(bench.shown), await bench.call(bench.store.entries)
        for attempt in range(2, 12):
            for alert in sent:
                await bench.send(alert.model_copy(update={"attempt": attempt, "late": True}))
        await until(lambda: len(bench.acks) == 11 * len(sent))
        assert bench.shown == shown
        assert await bench.call(bench.store.entries) == kept
        assert len(kept) == len(lives)


async def test_a_life_is_shown_as_it_goes(bench: Bench) -> None:
    async with bench.connected():
        for alert in (an_alert(1), an_alert(2, "raised"), an_alert(3, "note", falls=2), an_alert(4, "cancelled")):
            await bench.send(alert)
        await until(lambda: len(bench.acks) == 4)
    assert bench.words == [("suspected", False), ("raised", True), ("note", True), ("cancelled", False)]


async def test_a_conflict_is_acknowledged_and_counted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async with bench.connected():
        await bench.send(an_alert(1))
        await bench.send(an_alert(1, "cancelled"))
        await until(lambda: len(bench.acks) == 2)
    assert bench.hub.counters.conflicts == 1
    assert "the first stands" in caplog.text
    assert bench.words == [("suspected", False)]


async def test_without_a_valid_key_nothing_is_acknowledged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async with bench.connected():
        for payload in (b"", b"canary", b'{"alert_id": "canary", "seq": 1}', b"[" * 9000):
            await bench.send(payload)
        await bench.send(an_alert(), "falld/v1/not a home/alert")
        await bench.send(an_alert())
        await until(lambda: bench.acks == [(ALERT_ID, 1)])
    assert bench.hub.counters.invalid == 5
    assert HOME.alert in caplog.text
    assert "canary" not in caplog.text


async def test_with_a_valid_key_alone_it_is_raised(bench: Bench) -> None:
    async with bench.connected():
        await bench.send(b'{"alert_id": "%s", "seq": 1, "state": "something new"}' % ALERT_ID.encode())
        await until(lambda: bench.acks == [(ALERT_ID, 1)])
    assert bench.words == [("raised", True)]
    assert bench.hub.counters.unreadable == 1


async def test_a_retained_alert_is_one_like_any_other(bench: Bench) -> None:
    async with running(bench.home.link.run):
        await until(lambda: bench.home.link.state.up)
        await bench.send(an_alert(), retain=True)
        async with running(bench.hub.run):
            await until(lambda: bench.acks == [(ALERT_ID, 1)])


async def test_what_the_disk_is_too_slow_for_is_left_to_the_home(bench: Bench) -> None:
    bench.hub._intake._received = asyncio.Queue(1)
    for _ in range(3):
        bench.hub._message(HOME.alert, an_alert().payload(), False)
    assert bench.hub.counters.overrun == 2


async def test_homes_are_kept_apart(bench: Bench) -> None:
    async with bench.connected():
        await bench.send(an_alert())
        await bench.send(an_alert(), Topics("h2").alert)
        await until(lambda: bench.hub.counters.acks == 2 and bench.acks)
    assert bench.acks == [(ALERT_ID, 1)]


async def test_many_at_once_are_all_kept_before_they_are_acknowledged(bench: Bench) -> None:
    alerts = [an_alert(alert_id=uuid7()) for _ in range(300)]
    async with bench.connected():
        await asyncio.gather(*(bench.send(alert) for alert in alerts))
        await until(lambda: len(bench.acks) == 300)
        assert len(await bench.call(bench.store.entries)) == 300


async def test_nothing_is_acknowledged_that_the_disk_did_not_take(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(messages: list[Incoming], utc: datetime) -> list[Any]:
        raise StoreError("hub.db", "database or disk is full", "free space on its disk")

    monkeypatch.setattr(bench.store, "commit", full)
    async with running(bench.home.link.run):
        await until(lambda: bench.home.link.state.up)
        serving = asyncio.create_task(bench.hub.run())
        await until(lambda: bench.hub.link.up)
        await bench.send(an_alert())
        with pytest.raises(StoreError, match="free space"):
            await serving
        await until(lambda: bench.home.heard(hub_status("x"))[-1:] == [{"hub": "x", "online": False}])
    assert bench.acks == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "EXTRA_S", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["fall", "test"])
async def test_what_falls_silent_is_raised_by_the_hub(bench: Bench, kind: str) -> None:
    async with bench.connected():
        await bench.send(an_alert(raise_after_s=0.1, kind=kind))
        await until(lambda: bench.words == [("suspected", False), ("raised", True)])
        assert isinstance(bench.shown[-1], AlertChange)
        assert bench.shown[-1].raised_by == "hub"
        await bench.send(an_alert(2, "raised", kind=kind))
        await until(lambda: len(bench.acks) == 2)
        (entry,) = await bench.call(bench.store.entries)
        assert entry.standing.raised_by == "hub"


async def test_what_is_settled_in_time_is_not_raised_by_the_hub(bench: Bench, mosquitto: Mosquitto) -> None:
    ids = [uuid7() for _ in range(4)]
    offset = 0.0
    bench.hub = bench.another(mosquitto.port, now=lambda: asyncio.get_running_loop().time() + offset)
    async with bench.connected():
        for alert_id, state in zip(ids, ("raised", "cancelled", "recovered", None), strict=True):
            await bench.send(an_alert(1, alert_id=alert_id, raise_after_s=120.0))
            if state is not None:
                await bench.send(an_alert(2, state, alert_id=alert_id))
        await until(lambda: len(bench.acks) == 7)
        offset = 200.0
        bench.hub._waits_changed.set()
        await until(lambda: [e.raised_by for e in bench.shown if isinstance(e, AlertChange)].count("hub"))
        entries = await bench.call(bench.store.entries)
    assert [entry.standing.raised_by for entry in entries] == ["home", None, None, "hub"]


@pytest.mark.usefixtures("impatient")
async def test_a_further_fall_after_a_cancelled_one_is_raised_by_the_hub(bench: Bench) -> None:
    async with bench.connected():
        for alert in (
            an_alert(1, raise_after_s=0.1),
            an_alert(2, "cancelled"),
            an_alert(3, "note", falls=2, raise_after_s=0.1),
        ):
            await bench.send(alert)
        await until(lambda: bench.words[-1:] == [("raised", True)])


async def test_a_restarted_hub_raises_what_waited(bench: Bench, mosquitto: Mosquitto) -> None:
    await bench.call(bench.store.commit, [Incoming.read("h1", an_alert().payload(), HOME.alert)], NOW)
    offset = 0.0
    hub = bench.another(
        mosquitto.port,
        now=lambda: asyncio.get_running_loop().time() + offset,
        utc=lambda: NOW + timedelta(seconds=30),
    )
    async with running(hub.run):
        await until(lambda: hub.link.up)
        assert bench.words == []
        offset = 5.5  # 35 s after it came
        hub._waits_changed.set()
        await until(lambda: bench.words == [("raised", True)])


async def test_a_restarted_hub_shows_what_nobody_has_answered(bench: Bench, mosquitto: Mosquitto) -> None:
    silent, answered, cancelled, waiting = uuid7(), uuid7(), uuid7(), uuid7()
    said = [(silent, "raised"), (answered, "raised"), (cancelled, "raised"), (cancelled, "cancelled")]
    messages = [an_alert(seq, word, alert_id=alert_id) for seq, (alert_id, word) in enumerate(said, start=1)]
    messages.append(an_alert(1, alert_id=waiting, raise_after_s=20.0))
    incoming = [Incoming.read("h1", message.payload(), "") for message in messages]
    await bench.call(bench.store.commit, incoming, NOW)  # and the hub was killed before it had shown them
    await bench.call(bench.store.respond, answered, "seen", "nurse", NOW)
    again = bench.another(mosquitto.port)
    async with running(again.run):
        await until(lambda: again.link.up)
    shown = [event for event in bench.shown if isinstance(event, AlertChange)]
    assert [(event.alert_id, event.word, event.sounds, event.again) for event in shown] == [
        (silent, "raised", True, True),
        (cancelled, "cancelled", False, True),
    ]
    assert all("still open" in event.line() and event.age_s is None for event in shown)


async def test_says_that_it_is_there_and_beats(bench: Bench, mosquitto: Mosquitto) -> None:
    bench.hub = bench.another(mosquitto.port, beat_s=0.05)
    async with running(bench.home.link.run):
        await until(lambda: bench.home.link.state.up)
        async with running(bench.hub.run):
            await until(lambda: len(bench.home.heard(hub_beat("x"))) >= 3)
            assert bench.home.heard(hub_beat("x"))[0]["hub"] == "x"
            assert bench.home.heard(hub_status("x")) == [{"hub": "x", "online": True}]
        await until(lambda: bench.home.heard(hub_status("x"))[-1] == {"hub": "x", "online": False})


async def test_responses_go_to_the_home_and_again_when_it_comes_back(bench: Bench) -> None:
    async with bench.connected():
        await bench.send(an_alert())
        await until(lambda: len(bench.acks) == 1)
        await bench.call(bench.store.respond, ALERT_ID, "seen", "nurse", NOW)
        await until(lambda: len(bench.home.heard(HOME.response)) == 1)
        await until(lambda: any(isinstance(event, ResponseSent) for event in bench.shown))
        await bench.call(bench.store.respond, ALERT_ID, "resolved", "nurse", NOW)
        await until(lambda: len(bench.home.heard(HOME.response)) == 2)
        await bench.send(Status(online=True, boot_id="b"), HOME.status, retain=True)
        await until(lambda: len(bench.home.heard(HOME.response)) == 3)
        await asyncio.sleep(0.1)
    responses = bench.home.heard(HOME.response)
    assert [r["response"] for r in responses] == ["seen", "resolved", "resolved"]
    assert responses[0] == {
        "alert_id": ALERT_ID, "response": "seen", "hub": "x", "by": "nurse", "utc": "2026-01-31T12:00:00.000Z",
    }  # fmt: skip
    assert not [retained for topic, _, retained in bench.home.messages if topic == HOME.response and retained]


async def test_homes_that_come_and_go_are_shown_once(bench: Bench) -> None:
    fault = Fault(code="broker", what="the battery of w1 is empty")
    health = Health(boot_id="b", utc=NOW, clock_synced=True, outbox=0, wearables=(), open=(), faults=(fault,))
    async with bench.connected():
        for _ in range(2):
            await bench.send(Status(online=True, boot_id="b"), HOME.status)
            await bench.send(health, HOME.health)
        await bench.send(Status(online=False, boot_id="b"), HOME.status)
        await until(lambda: len(bench.shown) == 3)
    homes = [event for event in bench.shown if isinstance(event, HomeChange)]
    assert [(home.online, home.faults) for home in homes] == [
        (True, ()), (True, (fault.what,)), (False, (fault.what,)),
    ]  # fmt: skip
