"""Outboxes of older schemas, as they lie on the disks of homes."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from falld.alert import database
from falld.alert.enduring import EnduringOutbox
from falld.alert.outbox import Outbox, OutboxError, Wall
from falld.alert.wire import Alert, parse

ID = "0190163d-8694-739b-aea5-966c26f8ad90"
SCHEMA_1 = f"""
PRAGMA application_id = 1717660780;
PRAGMA user_version = 1;
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    impact_t REAL,
    commit_boot_id TEXT NOT NULL,
    commit_t REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    late INTEGER,
    UNIQUE (alert_id, seq)
) STRICT;
CREATE TABLE life (only INTEGER PRIMARY KEY CHECK (only = 1), state TEXT NOT NULL) STRICT;
CREATE TABLE wall (boot_id TEXT PRIMARY KEY, t REAL NOT NULL, utc TEXT NOT NULL, synced INTEGER NOT NULL) STRICT;
INSERT INTO outbox VALUES (7, '{ID}', 1, '{{"alert_id":"{ID}","seq":1,"wearer":"anna","sources":["watch"],'
    || '"kind":"fall","state":"suspected","raise_after_s":20.0,"boot_id":"boot-1",'
    || '"impact_utc":"2026-01-31T11:59:57.5Z","age_s":null,"attempt":1,"late":false,"clock_synced":true,'
    || '"probability":0.9,"why":"turned","model":"m-1","falls":1}}', 'boot-1', 97.5, 'boot-1', 100.0, 3, 1);
INSERT INTO life VALUES (1, '{{"boot_id":"boot-1"}}');
INSERT INTO wall VALUES ('boot-1', 100.0, '2026-01-31T12:00:00+00:00', 1);
"""
SCHEMA_2 = f"""
{SCHEMA_1}
PRAGMA user_version = 2;
CREATE TABLE offered (
    alert_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    route TEXT NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (alert_id, seq, route)
) STRICT;
INSERT INTO offered VALUES ('{ID}', 1, 'first:8883', 0);
"""
SCHEMAS = (SCHEMA_1, SCHEMA_2)
ROUTE = "first:8883"
NEXT = "ALTER TABLE outbox ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';"


@pytest.fixture(params=range(1, len(SCHEMAS) + 1))
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def path(tmp_path: Path, number: int) -> Path:
    path = tmp_path / "outbox.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMAS[number - 1])
    return path


def version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def look(box: Outbox) -> None:
    assert box.life() == ({"boot_id": "boot-1"}, "boot-1")
    assert box.walls() == {"boot-1": Wall(100.0, datetime(2026, 1, 31, 12, tzinfo=UTC), True)}
    (row,) = box.due(ROUTE, 10)
    alert = parse(Alert, box.sending(row, 107.5, "boot-1"), "alert")
    assert (alert.alert_id, alert.attempt, alert.late, alert.age_s) == (ID, 4, True, 10.0)


@pytest.mark.parametrize("kind", [Outbox, EnduringOutbox])
def test_an_outbox_of_an_older_schema_goes_on(path: Path, kind: type[Outbox]) -> None:
    box = kind.open(path)
    look(box)
    box.close()
    assert version(path) == len(database.MIGRATIONS)


@pytest.mark.parametrize("kind", [Outbox, EnduringOutbox])
def test_each_script_brings_it_one_number_further(
    path: Path, kind: type[Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, NEXT))
    box = kind.open(path)
    assert box._db.execute("SELECT colour FROM outbox").fetchall() == [("red",)]
    look(box)
    box.close()
    assert version(path) == len(database.MIGRATIONS)


def test_every_schema_there_was_is_tried() -> None:
    assert len(SCHEMAS) == len(database.MIGRATIONS)


def test_a_script_that_fails_leaves_all_as_it_was(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        before = database.MIGRATIONS[:number]
        patch.setattr(database, "MIGRATIONS", (*before, NEXT + "CREATE TABLE life (state TEXT);"))
        with pytest.raises(OutboxError, match="already exists"):
            Outbox.open(path)
    assert version(path) == number
    box = Outbox.open(path)
    look(box)
    box.close()


def test_what_can_be_read_of_an_older_one_that_is_damaged_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = path.read_bytes()
    start = content.rindex(b"boot-1", 0, content.rindex(b"boot-1")) // 4096 * 4096
    spoilt = content[:start] + b"\xff" * 4096 + content[start + 4096 :]
    path.write_bytes(spoilt)
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, NEXT))
    box = EnduringOutbox.open(path)
    assert [row.alert_id for row in box.due(ROUTE, 10)] == [ID]
    box.close()
    assert path.with_name("outbox.db.damaged-1").read_bytes() == spoilt
    assert version(path) == len(database.MIGRATIONS)
