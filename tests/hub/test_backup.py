"""A copy of the store, and going back to an older one, with a real broker and a home that keeps what is unanswered."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from brokers import Mosquitto, Peer, an_alert, running, soon, until
from click.testing import CliRunner

from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Alert, Health, OpenEntry
from falld.cli import main
from falld.hub.backup import back_up
from falld.hub.database import StoreError
from falld.hub.incoming import Incoming
from falld.hub.service import Hub
from falld.hub.show import AlertChange, Event
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOME = Topics("h1")


def falld(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, ["hub", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_copy_made_while_it_is_written_is_whole_and_has_what_was_committed_before(tmp_path: Path) -> None:
    path, copy = tmp_path / "hub.db", tmp_path / "copy.db"
    Store.open(path).close()
    stop, committed = threading.Event(), [0]

    def write() -> None:
        store = Store.open(path)
        while not stop.is_set():
            store.commit([Incoming.read("h1", an_alert(alert_id=uuid7()).payload(), "") for _ in range(5)], NOW)
            committed[0] += 5
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            before = committed[0]
            assert back_up(path, copy) == copy.stat().st_size
            with contextlib.closing(sqlite3.connect(copy)) as db:
                (count,) = db.execute("SELECT count(*) FROM message").fetchone()
                assert db.execute("SELECT count(*) FROM alert").fetchone() == (count,)
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert count >= before
            assert count % 5 == 0
    finally:
        stop.set()
        writer.join()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir() if "copy" in file.name) == ["copy.db"]


def test_what_cannot_be_copied_leaves_the_older_copy(tmp_path: Path) -> None:
    path, copy = tmp_path / "hub.db", tmp_path / "copy.db"
    with pytest.raises(StoreError, match="there is no store"):
        back_up(path, copy)
    store = Store.open(path)
    for _ in range(200):
        store.commit([Incoming.read("h1", an_alert(alert_id=uuid7()).payload(), "")], NOW)
    store.close()
    with pytest.raises(StoreError, match="is the store itself"):
        back_up(path, path)
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(path, tmp_path / "none" / "copy.db")
    copy.write_text("older")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xa5" * 16384 + whole[8192 + 16384 :])
    with pytest.raises(StoreError, match=r"hub\.db"):
        back_up(path, copy)
    assert copy.read_text() == "older"
    assert sorted(file.name for file in tmp_path.iterdir() if "copy" in file.name) == ["copy.db"]


class Life:
    """One hub program from start to stop, on one store file."""

    def __init__(self, port: int, path: Path) -> None:
        self.port = port
        self.path = path
        self.shown: list[Event] = []

    @contextlib.asynccontextmanager
    async def running(self, home: Peer):  # type: ignore[no-untyped-def]
        call = Worker("hub-store")
        store = await call(Store.open, self.path)
        hub = Hub(
            Broker("127.0.0.1", self.port), "x", store, call,
            show=self.shown.append, poll_s=0.02, flush_s=0.05, backoff=soon(), timing=Timing(goodbye=0.2),
        )  # fmt: skip
        async with running(hub.run):
            await until(lambda: hub.link.up and home.link.state.up)
            yield hub
        await call(store.close)
        call.close()

    @property
    def words(self) -> list[tuple[str, str, bool]]:
        return [(e.alert_id, e.word, e.again) for e in self.shown if isinstance(e, AlertChange)]


async def test_a_hub_restored_from_an_older_copy_takes_resends_and_shows_nothing_twice(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    path, copy = tmp_path / "hub.db", tmp_path / "copy.db"
    old, between, waiting = (uuid7() for _ in range(3))

    async def send(home: Peer, *alerts: Alert) -> None:
        before = len(home.heard(HOME.ack))
        for alert in alerts:
            await home.link.publish(HOME.alert, alert.payload())
        await until(lambda: len(home.heard(HOME.ack)) == before + len(alerts))

    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        home = Peer(Broker("127.0.0.1", mosquitto.port), "home", subscribe=[HOME.ack, HOME.response], births=[])
        async with running(home.link.run):
            first = Life(mosquitto.port, path)
            async with first.running(home):
                await send(home, an_alert(1, alert_id=old), an_alert(2, "raised", alert_id=old))
                assert "whole" in falld("backup", copy, "--store", path)
                await send(home, an_alert(1, alert_id=between), an_alert(2, "raised", alert_id=between))
                falld("respond", old, "seen", "--by", "nurse", "--store", path)
                await until(lambda: len(home.heard(HOME.response)) == 1)
            # As docs/hub.md has it: the store aside with its log, the copy in its place.
            (tmp_path / "aside").mkdir()
            for part in tmp_path.glob("hub.db*"):
                part.rename(tmp_path / "aside" / part.name)
            shutil.copy(copy, path)
            second = Life(mosquitto.port, path)
            async with second.running(home) as hub:
                # All that a home may still send: what it sent before, and what no hub has acknowledged.
                await send(
                    home,
                    an_alert(1, alert_id=old, attempt=2),
                    an_alert(2, "raised", alert_id=old, attempt=2),
                    an_alert(2, "raised", alert_id=between, attempt=2),
                    an_alert(1, alert_id=waiting),
                    an_alert(2, "raised", alert_id=waiting),
                )
                assert hub.counters.copies == 2
                # The answer was given after the copy: the home tells it, and it is taken from there.
                lost = uuid7()
                seen = OpenEntry(
                    alert_id=old, wearer="w1", kind="fall", state="raised", response="seen", hub="x", by="nurse"
                )
                unknown = OpenEntry(alert_id=lost, wearer="w1", kind="fall", state="raised")
                health = Health(
                    boot_id="b", utc=NOW, clock_synced=True, outbox=0, wearables=(), open=(seen, unknown), faults=()
                )
                await home.link.publish(HOME.health, health.payload())
                await until(lambda: lost in falld("homes", "--json", "--store", path))
                await until(lambda: "seen by nurse" in falld("list", "--store", path))
                assert f"alert {lost}, fall of w1, is open there: no response" in falld("homes", "--store", path)
    assert first.words == [
        (old, "suspected", False), (old, "raised", False), (between, "suspected", False), (between, "raised", False),
    ]  # fmt: skip
    assert second.words == [
        (old, "raised", True), (between, "raised", False), (waiting, "suspected", False), (waiting, "raised", False),
    ]  # fmt: skip
