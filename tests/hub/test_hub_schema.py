"""Stores of earlier falld, of a later one, damaged ones, and a disk that is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from brokers import ALERT_ID, an_alert
from smalldisk import small_disk

from falld.alert.uuid7 import uuid7
from falld.hub.aside import ASIDE_MAX, damaged, set_aside
from falld.hub.database import APPLICATION_ID, MIGRATIONS, DamagedStore, StoreError
from falld.hub.incoming import Incoming
from falld.hub.store import Store

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DUMPS = Path(__file__).parent / "stores"


def old_store(path: Path, version: int) -> None:
    """As the falld of that schema left it: one alert raised, answered `seen` by nurse, from schema 2 on with a clip."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript((DUMPS / f"schema-{version}.sql").read_text())
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}")


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_store_of_each_earlier_schema_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "hub.db"
    old_store(path, version)
    store = Store.open(path)
    (entry,) = store.entries()
    assert (entry.home, entry.standing.state, entry.standing.last_seq, entry.open) == ("h1", "raised", 2, True)
    assert [(reply.response, reply.by, reply.hub) for reply in entry.replies] == [("seen", "nurse", None)]
    assert entry.clip is (version >= 2)
    outcomes = [
        store.commit([Incoming.read("h1", alert.payload(), "")], NOW)[0].outcome
        for alert in (an_alert(2, "raised", attempt=9, age_s=77.0), an_alert(2, "cancelled"), an_alert(3, "note"))
    ]
    assert outcomes == ["copy", "conflict", "new"]
    new = Store.open(tmp_path / "new.db")
    names = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    columns = "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY name"
    tables = [name for name, _ in new._db.execute(names)]
    assert [name for name, _ in store._db.execute(names)] == tables
    for table in tables:
        assert store._db.execute(columns, (table,)).fetchall() == new._db.execute(columns, (table,)).fetchall()
    store.close()
    new.close()


def test_the_dumps_cover_each_schema() -> None:
    assert sorted(path.name for path in DUMPS.iterdir()) == [f"schema-{n + 1}.sql" for n in range(len(MIGRATIONS))]


def filled(path: Path) -> None:
    store = Store.open(path)
    for _ in range(200):
        store.commit([Incoming.read("h1", an_alert(alert_id=uuid7()).payload(), "")], NOW)
    store.close()


def test_a_damaged_store_is_named_and_set_aside_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    filled(path)
    whole = path.read_bytes()
    spoilt = whole[:8192] + b"\xa5" * 16384 + whole[8192 + 16384 :]
    path.write_bytes(spoilt)
    assert damaged(path) is None
    with pytest.raises(DamagedStore, match=r"hub\.db"):
        Store.open(path)
    aside = set_aside(path)
    assert aside.read_bytes() == spoilt
    assert not path.exists()
    told = damaged(path)
    assert told is not None
    assert str(aside) in str(told)
    store = Store.open(path)
    assert store.entries() == []
    store.close()


def test_damaged_ones_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    for n in range(ASIDE_MAX + 2):
        path.write_text(str(n))
        path.with_name("hub.db-wal").write_text(str(n))
        set_aside(path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2 * ASIDE_MAX
    assert (tmp_path / f"hub.db.damaged-{ASIDE_MAX}").read_text() == str(ASIDE_MAX + 1)
    assert (tmp_path / f"hub.db.damaged-{ASIDE_MAX}-wal").read_text() == str(ASIDE_MAX + 1)


def test_a_full_disk_commits_nothing_by_halves_and_goes_on_when_there_is_room(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    with small_disk(tmp_path / "disk", missing) as disk:
        store = Store.open(disk.folder / "hub.db")
        first = [Incoming.read("h1", an_alert().payload(), "")]
        store.commit(first, NOW)
        disk.fill()
        many = [Incoming.read("h1", an_alert(alert_id=uuid7()).payload(), "") for _ in range(256)]
        with pytest.raises(StoreError, match="free space on its disk"):
            store.commit(many, NOW)
        assert [entry.alert_id for entry in store.entries()] == [ALERT_ID]
        disk.free()
        assert {receipt.outcome for receipt in store.commit(many, NOW)} == {"new"}
        assert len(store.entries()) == 257
        store.close()
