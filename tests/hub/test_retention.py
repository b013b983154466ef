"""What is settled goes from a hub's store in time; what nobody has closed never does, and nothing is raised twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from brokers import Mosquitto, Peer, an_alert, running, soon, until
from click.testing import CliRunner, Result

from falld.alert.clip import encode
from falld.alert.draft import Answer
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.cli import main
from falld.hub import retention
from falld.hub.clips import IncomingClip
from falld.hub.incoming import Incoming, Receipt
from falld.hub.retention import STEADY_S, Calendar, Keep
from falld.hub.service import Hub
from falld.hub.show import Event
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker

OLD = datetime(2025, 1, 31, 12, tzinfo=UTC)
CUTOFF = OLD + timedelta(days=10)
KEPT = timedelta(days=30)
YOUNG = CUTOFF + timedelta(days=1)
HOME = Topics("h1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "hub.db")
    yield store
    store.close()


def come(
    store: Store, alert_id: str, *words: str, utc: datetime = OLD, first: int = 1, home: str = "h1"
) -> list[Receipt]:
    alerts = [an_alert(first + n, word, alert_id=alert_id) for n, word in enumerate(words)]
    return store.commit([Incoming.read(home, alert.payload(), "") for alert in alerts], utc)


def answer(store: Store, alert_id: str, word: Answer = "resolved", utc: datetime = OLD, told: bool = True) -> None:
    reply = store.respond(alert_id, word, "anna", utc)
    if told:
        store.published(reply)


def clip(store: Store, alert_id: str, utc: datetime = OLD) -> None:
    payload = encode(50.0, 1, np.zeros((3, 3), np.float32)).payload()
    assert store.clips.commit(IncomingClip.read("h1", alert_id, payload, HOME.clip(alert_id)), utc) == "new"


def forget(store: Store, before: datetime = CUTOFF) -> set[str]:
    """Which alerts are left."""
    position: int | None = 0
    while position is not None:
        position = store.retention.alerts(before + KEPT, KEPT, position)
    return {entry.alert_id for entry in store.entries()}


def closed(store: Store) -> str:
    alert_id = uuid7()
    come(store, alert_id, "suspected", "raised")
    answer(store, alert_id)
    return alert_id


def test_of_all_that_is_old_what_is_settled_goes(store: Store) -> None:
    waits, unanswered, seen, untold, late, said, cancelled, false = ids = [uuid7() for _ in range(8)]
    come(store, waits, "suspected")
    for alert_id in ids[1:6]:
        come(store, alert_id, "suspected", "raised")
    answer(store, seen, "seen")
    answer(store, untold, told=False)
    answer(store, late)
    come(store, late, "note", first=3, utc=YOUNG)
    answer(store, said, utc=YOUNG)
    come(store, cancelled, "suspected", "cancelled")
    come(store, false, "suspected", "raised")
    answer(store, false, "seen")
    answer(store, false, "false_alarm")
    assert forget(store, OLD) == {*ids}
    assert forget(store) == {waits, unanswered, seen, untold, late, said}
    tables = {table: store._db.execute(f"SELECT alert_id FROM {table}").fetchall() for table in ("message", "response")}
    assert not any((gone,) in rows for rows in tables.values() for gone in (cancelled, false))
    assert forget(store, YOUNG + timedelta(days=1)) == {waits, unanswered, seen, untold}


def test_what_went_is_not_raised_again_by_a_home_that_sends_it_again(store: Store) -> None:
    alert_id = closed(store)
    assert forget(store) == set()
    receipts = come(store, alert_id, "suspected", "raised", utc=YOUNG)
    assert [receipt.outcome for receipt in receipts] == ["copy", "copy"]
    assert store.entries() == []
    assert store.unanswered() == []
    assert [receipt.outcome for receipt in come(store, alert_id, "suspected", home="h2")] == ["new"]


def test_a_further_fall_in_an_alert_that_went_is_an_alert(store: Store) -> None:
    alert_id = closed(store)
    forget(store)
    (receipt,) = come(store, alert_id, "note", first=3, utc=YOUNG)
    assert receipt.outcome == "new"
    assert receipt.after.wait_s is not None
    assert [receipt.outcome for receipt in come(store, alert_id, "raised", first=4, utc=YOUNG)] == ["new"]
    assert [entry.alert_id for entry in store.unanswered()] == [alert_id]
    answer(store, alert_id, utc=YOUNG)
    assert forget(store, YOUNG + timedelta(days=1)) == set()
    assert [receipt.outcome for receipt in come(store, alert_id, "note", "raised", first=3)] == ["copy", "copy"]


def test_many_go_in_small_transactions_past_those_that_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    stay = uuid7()
    come(store, stay, "suspected", "raised", *["note"] * 4)
    for _ in range(10):
        closed(store)
    first = store.retention.alerts(CUTOFF + KEPT, KEPT)
    assert first is not None
    assert len(store.entries()) == 11
    second = store.retention.alerts(CUTOFF + KEPT, KEPT, first)
    assert second is not None
    assert 11 > len(store.entries()) >= 11 - 4
    assert forget(store) == {stay}


def test_what_is_remembered_of_a_home_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "GONE_MAX", 3)
    come(store, uuid7(), "suspected", "cancelled", home="h2")
    ids = [closed(store) for _ in range(5)]
    forget(store)
    remembered = store._db.execute("SELECT home, alert_id FROM gone WHERE home = 'h1' ORDER BY alert_id").fetchall()
    assert remembered == [("h1", alert_id) for alert_id in ids[-3:]]
    assert store._db.execute("SELECT count(*) FROM gone WHERE home = 'h2'").fetchone() == (1,)


def test_old_clips_go_but_none_of_an_open_alert(store: Store) -> None:
    near, gone, opened, fresh = uuid7(), closed(store), uuid7(), closed(store)
    come(store, opened, "suspected", "raised")
    for alert_id in (near, gone, opened):
        clip(store, alert_id)
    clip(store, fresh, YOUNG)
    assert store.clips.let_go(CUTOFF, 1)
    while store.clips.let_go(CUTOFF, 1):
        pass
    assert {alert_id for (alert_id,) in store._db.execute("SELECT alert_id FROM clip")} == {opened, fresh}
    assert forget(store, YOUNG) == {opened}
    assert store.clips.count() == 1


def test_a_home_is_forgotten_when_nothing_of_it_is_open(store: Store, tmp_path: Path) -> None:
    def forgotten(home: str) -> Result:
        return CliRunner().invoke(main, ["hub", "forget", home, "--store", str(tmp_path / "hub.db")])

    gone, opened, other = closed(store), uuid7(), uuid7()
    clip(store, gone)
    forget(store)
    closed(store)
    come(store, opened, "suspected", "raised")
    come(store, other, "suspected", "raised", home="h2")
    refused = forgotten("h1")
    assert (refused.exit_code, f"{opened} the first of 1" in refused.stderr) == (2, True)
    assert len(store.entries()) == 3
    answer(store, opened, "false_alarm")
    done = forgotten("h1")
    assert (done.exit_code, "with 2 alerts" in done.output) == (0, True)
    for table in ("alert", "message", "response", "turn", "clip", "home", "gone"):
        assert not store._db.execute(f"SELECT 1 FROM {table} WHERE home = 'h1'").fetchall(), table
    assert [entry.home for entry in store.entries()] == ["h2"]
    assert "no home h1" in forgotten("h1").stderr


def test_what_came_while_the_clock_was_years_ahead_holds_nothing_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    ahead = [uuid7() for _ in range(4)]
    for alert_id in ahead:
        come(store, alert_id, "suspected", "cancelled", utc=OLD + timedelta(days=3650))
    closed(store)
    assert forget(store) == set(ahead)


def test_a_clock_that_was_set_is_gone_by_when_it_has_run_evenly_for_long(caplog: pytest.LogCaptureFixture) -> None:
    now, utc = 100.0, OLD

    def later(seconds: float, set_by: timedelta = timedelta(0)) -> datetime | None:
        nonlocal now, utc
        now, utc = now + seconds, utc + timedelta(seconds=seconds) + set_by
        return calendar.today()

    calendar = Calendar(lambda: utc, lambda: now)
    assert calendar.today() is None
    assert later(STEADY_S - 1) is None
    assert later(1, timedelta(seconds=30)) == utc
    assert not caplog.text
    assert later(3600, timedelta(days=3650)) is None
    assert "the clock was set by 3650 days" in caplog.text
    assert later(3600, timedelta(days=-3650)) is None
    assert later(STEADY_S) == utc


async def test_a_running_hub_lets_go_and_acknowledges_what_comes_again(
    need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "EVERY_S", 0.05)
    monkeypatch.setattr(retention, "STEADY_S", 0.5)
    monkeypatch.setattr(retention, "PAUSE_S", 0.01)
    call, shown = Worker("store"), list[Event]()
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        broker = Broker("127.0.0.1", mosquitto.port)
        store = await call(Store.open, tmp_path / "hub.db")
        alert_id = await call(closed, store)
        hub = Hub(
            broker, "x", store, call, show=shown.append, backoff=soon(), timing=Timing(goodbye=0.2),
            keep=Keep(timedelta(days=30), timedelta(days=30)),
        )  # fmt: skip
        home = Peer(broker, "home", subscribe=[HOME.ack], births=[])
        async with running(hub.run, home.link.run):
            await until(lambda: hub.link.up and home.link.state.up)
            left = [alert_id]
            async with asyncio.timeout(60):
                while left:
                    await asyncio.sleep(0.02)
                    left = [entry.alert_id for entry in await call(store.entries)]
            await home.link.publish(HOME.alert, an_alert(2, "raised", alert_id=alert_id).payload())
            await until(lambda: home.heard(HOME.ack))
        assert [(ack["alert_id"], ack["seq"]) for ack in home.heard(HOME.ack)] == [(alert_id, 2)]
        assert await call(store.entries) == []
        await call(store.close)
    call.close()
    assert (shown, hub.counters.copies) == ([], 1)
