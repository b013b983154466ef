from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from brokers import ALERT_ID, an_alert

from falld.alert.uuid7 import uuid7
from falld.alert.wire import Alert, WireError
from falld.hub.database import MIGRATIONS, StoreError
from falld.hub.incoming import Incoming, Receipt
from falld.hub.store import Store, UnknownAlert

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "hub.db")
    yield store
    store.close()


def incoming(alert: Alert | bytes, home: str = "h1") -> Incoming:
    payload = alert if isinstance(alert, bytes) else alert.payload()
    return Incoming.read(home, payload, f"falld/v1/{home}/alert")


def commit(store: Store, *alerts: Alert | bytes, home: str = "h1") -> list[Receipt]:
    return store.commit([incoming(alert, home) for alert in alerts], NOW)


def test_a_copy_is_known_whatever_changes_from_copy_to_copy(store: Store) -> None:
    first = commit(store, an_alert())
    again = commit(store, an_alert(age_s=99.0, attempt=7, late=True))
    assert [r.outcome for r in first + again] == ["new", "copy"]
    assert len(store.entries()) == 1


def test_the_key_is_home_alert_and_seq(store: Store) -> None:
    commit(store, an_alert(1), an_alert(2, "raised"), an_alert(1, alert_id=uuid7()))
    commit(store, an_alert(1), home="h2")
    assert [(e.home, e.standing.last_seq) for e in store.entries()] == [("h1", 2), ("h2", 1), ("h1", 1)]


def test_of_two_that_contradict_the_first_stands(store: Store) -> None:
    commit(store, an_alert(1))
    (receipt,) = commit(store, an_alert(1, "cancelled"))
    assert receipt.outcome == "conflict"
    assert receipt.after == receipt.before
    (entry,) = store.entries()
    assert entry.standing.state == "suspected"
    assert entry.latest is not None
    assert entry.latest.state == "suspected"


def test_an_older_one_is_kept_and_changes_nothing(store: Store) -> None:
    commit(store, an_alert(2, "cancelled"))
    (receipt,) = commit(store, an_alert(1))
    assert receipt.outcome == "new"
    assert receipt.after == receipt.before
    assert commit(store, an_alert(1))[0].outcome == "copy"
    assert store.waiting() == []


def test_without_a_valid_key_it_is_no_message() -> None:
    for payload in (b"", b"[]", b'{"seq": 1}', b'{"alert_id": "x", "seq": 1}', an_alert().payload() + b" " * 9000):
        with pytest.raises(WireError):
            incoming(payload)


def test_with_a_valid_key_alone_it_is_kept_and_raised(store: Store) -> None:
    (receipt,) = commit(store, b'{"alert_id": "%s", "seq": 1, "state": "?"}' % ALERT_ID.encode())
    assert receipt.after.raised_by == "hub"
    (entry,) = store.entries()
    assert entry.latest is None
    assert entry.open


def test_unknown_fields_are_ignored(store: Store) -> None:
    (receipt,) = commit(store, an_alert().payload()[:-1] + b',"new_in_v1_9": {"a": [1]}}')
    assert receipt.after.state == "suspected"
    assert incoming(an_alert()).alert == store.latest("h1", ALERT_ID)


def test_what_was_committed_outlives_the_program(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "deep" / "er" / "hub.db")
    commit(store, an_alert())
    store.respond(ALERT_ID, "seen", "nurse", NOW)
    copy = tmp_path / "copy.db"
    for suffix in ("", "-wal"):  # as a crash leaves it: not closed
        source = tmp_path / "deep" / "er" / f"hub.db{suffix}"
        Path(f"{copy}{suffix}").write_bytes(source.read_bytes())
    store.close()
    again = Store.open(copy)
    (entry,) = again.entries()
    assert entry.standing.state == "suspected"
    assert [reply.response for reply in entry.replies] == ["seen"]
    again.close()


def test_nobody_else_can_read_it(tmp_path: Path, store: Store) -> None:
    commit(store, an_alert())
    for file in tmp_path.glob("hub.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_is_durable(store: Store) -> None:
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_what_waits_is_told_with_when_its_wait_began(store: Store) -> None:
    commit(store, an_alert(1))
    store.commit([incoming(an_alert(2, "note"))], NOW + timedelta(seconds=9))
    (waiting,) = store.waiting()
    assert (waiting.home, waiting.alert_id, waiting.wait_s, waiting.since) == ("h1", ALERT_ID, 35, NOW)


def test_the_hub_raises_what_waits_and_nothing_else(store: Store) -> None:
    commit(store, an_alert(1))
    receipt = store.raise_waiting("h1", ALERT_ID)
    assert receipt is not None
    assert (receipt.after.state, receipt.after.raised_by) == ("raised", "hub")
    assert store.raise_waiting("h1", ALERT_ID) is None
    assert store.raise_waiting("h9", ALERT_ID) is None
    assert store.entries()[0].open
    assert store.waiting() == []


def test_responses_are_all_kept_and_close_the_alert(store: Store) -> None:
    commit(store, an_alert(1), an_alert(2, "raised"))
    store.respond(ALERT_ID, "seen", "a", NOW)
    assert store.entries()[0].open
    store.respond(ALERT_ID, "resolved", "b", NOW)
    store.respond(ALERT_ID, "attending", "c", NOW)
    (entry,) = store.entries()
    assert [reply.response for reply in entry.replies] == ["seen", "resolved", "attending"]
    assert not entry.open
    assert [reply.by for reply in store.last_replies("h1")] == ["c"]


def test_responses_wait_until_they_are_published(store: Store) -> None:
    commit(store, an_alert(1))
    first, second = store.respond(ALERT_ID, "seen", "a", NOW), store.respond(ALERT_ID, "resolved", "a", NOW)
    assert store.unpublished() == [first, second]
    store.published(first)
    assert store.unpublished() == [second]


def test_a_home_is_reminded_of_its_latest_alerts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falld.hub.store.REMINDERS", 3)
    ids = [uuid7() for _ in range(5)]
    for alert_id in ids:
        commit(store, an_alert(alert_id=alert_id))
        store.respond(alert_id, "seen", "a", NOW)
    assert [reply.alert_id for reply in store.last_replies("h1")] == ids[2:]
    assert store.last_replies("h2") == []


def test_an_answer_needs_an_alert_and_one_home(store: Store) -> None:
    with pytest.raises(UnknownAlert, match="not in the store"):
        store.respond(ALERT_ID, "seen", "a", NOW)
    commit(store, an_alert())
    commit(store, an_alert(), home="h2")
    with pytest.raises(UnknownAlert, match="--home"):
        store.respond(ALERT_ID, "seen", "a", NOW)
    assert store.respond(ALERT_ID, "seen", "a", NOW, "h2").home == "h2"
    with pytest.raises(UnknownAlert):
        store.respond(ALERT_ID, "seen", "a", NOW, "h3")


def test_two_programs_share_it(tmp_path: Path, store: Store) -> None:
    commit(store, an_alert())
    other = Store.open(tmp_path / "hub.db", create=False)
    other.respond(ALERT_ID, "seen", "a", NOW)
    assert [reply.by for reply in store.unpublished()] == ["a"]
    other.close()


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(tmp_path / "none.db", create=False)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(StoreError, match="another program"):
        Store.open(tmp_path / "other.db")
    (tmp_path / "text.db").write_bytes(b"not a database, and long enough to be seen as none" * 10)
    with pytest.raises(StoreError, match=r"text\.db.*move the file away"):
        Store.open(tmp_path / "text.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(tmp_path / "file" / "hub.db")


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "hub.db")
    store._db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    store.close()
    with pytest.raises(StoreError, match="newer"):
        Store.open(tmp_path / "hub.db")
