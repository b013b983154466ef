"""Clips at a hub: within bounds, none of an open alert lost, acknowledged once they are on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, soon, until
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falld.alert.clip import encode
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Alert, Clip, WireError
from falld.cli import main
from falld.hub import clips
from falld.hub.clips import IncomingClip, Outcome, UnknownClip
from falld.hub.database import MIGRATIONS
from falld.hub.incoming import Incoming
from falld.hub.service import Hub
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker
from falld.samples.csvfile import CsvRecording
from falld.samples.recording import Mark

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOME = Topics("h1")


def a_clip(x: float = 0.0) -> Clip:
    acc = np.tile(np.array([x, 0, 1], np.float32), (100, 1))
    acc[40:60] = np.nan
    return encode(50.0, 30, acc)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "hub.db")
    yield store
    store.close()


def keep(store: Store, alert_id: str, clip: Clip | None = None, home: str = "h1") -> Outcome:
    payload = (clip or a_clip()).payload()
    return store.clips.commit(IncomingClip.read(home, alert_id, payload, Topics(home).clip(alert_id)), NOW)


def commit(store: Store, alert: Alert, home: str = "h1") -> None:
    store.commit([Incoming.read(home, alert.payload(), "")], NOW)


def kept(store: Store, *ids: str, home: str | None = None) -> list[bool]:
    found = []
    for alert_id in ids:
        try:
            found.append(store.clips.find(alert_id, home).alert_id == alert_id)
        except UnknownClip:
            found.append(False)
    return found


def test_the_first_of_a_key_stands(store: Store) -> None:
    again = a_clip().payload().replace(b":50.0", b": 5e1")
    assert keep(store, ALERT_ID) == "new"
    assert store.clips.commit(IncomingClip("h1", ALERT_ID, again), NOW) == "copy"
    assert keep(store, ALERT_ID, a_clip(0.5)) == "conflict"
    assert keep(store, ALERT_ID, home="h2") == "new"
    assert store.clips.find(ALERT_ID, "h1").clip == a_clip()


def test_it_may_come_before_its_alert(store: Store) -> None:
    keep(store, ALERT_ID)
    assert store.entries() == []
    commit(store, an_alert())
    commit(store, an_alert(), "h2")
    assert [(entry.home, entry.clip) for entry in store.entries()] == [("h1", True), ("h2", False)]


def test_what_has_no_valid_key_or_is_no_clip() -> None:
    for alert_id, payload in (
        (str(ALERT_ID).upper(), a_clip().payload()),
        (ALERT_ID, b"{}"),
        (ALERT_ID, b"[" * 70_000),
    ):
        with pytest.raises(WireError):
            IncomingClip.read("h1", alert_id, payload, "t")


def test_the_oldest_of_a_home_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "PER_HOME", 3)
    ids = [uuid7() for _ in range(5)]
    keep(store, ids[0], home="h2")
    assert [keep(store, alert_id) for alert_id in ids] == ["new"] * 5
    assert kept(store, *ids, home="h1") == [False, False, True, True, True]
    assert kept(store, ids[0], home="h2") == [True]


def test_the_oldest_of_all_homes_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "IN_ALL", 3)
    ids = [uuid7() for _ in range(5)]
    for n, alert_id in enumerate(ids):
        keep(store, alert_id, home=f"h{n}")
    assert kept(store, *ids) == [False, False, True, True, True]


def test_none_of_an_open_alert_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "PER_HOME", 3)
    raised, suspected, closed, cancelled, new = (uuid7() for _ in range(5))
    commit(store, an_alert(2, "raised", alert_id=raised))
    commit(store, an_alert(alert_id=suspected))
    for alert_id in (raised, suspected, closed):
        assert keep(store, alert_id) == "new"
    commit(store, an_alert(2, "raised", alert_id=closed))
    assert keep(store, new) == "full"
    store.respond(closed, "false_alarm", "a", NOW)
    commit(store, an_alert(2, "cancelled", alert_id=cancelled))
    assert keep(store, cancelled) == "new"
    assert keep(store, new) == "new"
    assert kept(store, raised, suspected, closed, cancelled, new) == [True, True, False, False, True]
    store.respond(raised, "seen", "a", NOW)
    assert [keep(store, uuid7()) for _ in range(3)] == ["new"] * 3
    assert kept(store, raised, suspected) == [True, True]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=25))
def test_the_bounds_hold_and_no_open_one_is_lost(steps: list[tuple[int, bool]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "PER_HOME", 3)
        patch.setattr(clips, "IN_ALL", 5)
        store = _in_memory()
        held: list[tuple[str, str]] = []
        for n, is_open in steps:
            home, alert_id = f"h{n}", uuid7()
            if is_open:
                commit(store, an_alert(2, "raised", alert_id=alert_id), home)
            outcome = keep(store, alert_id, home=home)
            if is_open and outcome == "new":
                held.append((home, alert_id))
            assert store.clips.count() <= 5
            assert all(kept(store, one, home=where) == [True] for where, one in held)
            assert kept(store, alert_id, home=home) == [outcome == "new"]
        store.close()


def _in_memory() -> Store:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        db.executescript(script)
    return Store(db, Path("memory"))


def test_one_is_written_as_a_recording(tmp_path: Path, store: Store) -> None:
    commit(store, an_alert())
    keep(store, ALERT_ID)

    def falld(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["hub", *arguments, "--store", str(tmp_path / "hub.db")])
        return done.exit_code, done.output

    code, said = falld("clip", ALERT_ID, "-o", str(tmp_path / "it.csv"))
    assert code == 0
    assert "impact at 0.60 s" in said
    recording = CsvRecording(tmp_path / "it.csv")
    t = np.concatenate([block.t for block in recording.blocks()])
    assert np.array_equal(t, np.delete(np.arange(100), np.arange(40, 60)) / 50)
    assert (recording.meta.sample_rate_hz, recording.meta.is_fall) == (50.0, None)
    assert recording.meta.events == (Mark(0.6, "marker"),)
    assert '"clip": true' in falld("list", "--json")[1]
    code, said = falld("clip", uuid7(), "-o", str(tmp_path / "none.csv"))
    assert (code, "has no clip in the store" in said, (tmp_path / "none.csv").exists()) == (2, True, False)
    keep(store, ALERT_ID, home="h2")
    assert "say which with --home" in falld("clip", ALERT_ID, "-o", str(tmp_path / "it.csv"))[1]
    assert falld("clip", ALERT_ID, "-o", str(tmp_path / "it.csv"), "--home", "h2")[0] == 0


async def test_it_is_acknowledged_each_time_and_kept_once(
    need: Callable[[str], str], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Worker("hub-store")
    store = await call(Store.open, tmp_path / "hub.db")
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        broker = Broker("127.0.0.1", mosquitto.port)
        home = Peer(broker, "home", subscribe=[HOME.ack], births=[])
        hub = Hub(broker, "x", store, call, show=lambda event: None, backoff=soon(), timing=Timing(goodbye=0.2))
        async with running(hub.run, home.link.run):
            await until(lambda: hub.link.up and home.link.state.up)
            for clip in (a_clip(), a_clip(), a_clip(0.5)):
                await home.link.publish(HOME.clip(ALERT_ID), clip.payload())
            await until(lambda: len(home.heard(HOME.ack)) == 3)
            await home.link.publish(HOME.clip(ALERT_ID), b'{"canary": 1}')
            await home.link.publish(HOME.clip("not-a-uuid"), a_clip().payload())
            await until(lambda: hub.counters.invalid == 2)
            monkeypatch.setattr(clips, "PER_HOME", 1)
            await home.link.publish(HOME.alert, an_alert(2, "raised").payload())
            await until(lambda: len(home.heard(HOME.ack)) == 4)
            await home.link.publish(HOME.clip(uuid7()), a_clip().payload())
            await until(lambda: hub.counters.clips_full == 1)
            assert await call(store.clips.count) == 1
            hub._clips = asyncio.Queue(1)
            for _ in range(3):
                hub._message(HOME.clip(ALERT_ID), a_clip().payload(), False)
            assert hub.counters.overrun == 2
    await call(store.close)
    call.close()
    assert home.heard(HOME.ack)[:3] == [{"alert_id": ALERT_ID, "clip": True, "hub": "x"}] * 3
    assert len(home.heard(HOME.ack)) == 4
    assert (hub.counters.clips, hub.counters.copies, hub.counters.conflicts) == (1, 1, 1)
    assert "the first stands" in caplog.text
    assert "canary" not in caplog.text
