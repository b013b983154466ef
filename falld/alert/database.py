"""The file that the outbox is: its schema, and what is made sure of before it is used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falld.errors import FalldError

APPLICATION_ID = 0x66616C6C  # "fall"
MIGRATIONS = (
    """
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
    CREATE TABLE wall (
        boot_id TEXT PRIMARY KEY,
        t REAL NOT NULL,
        utc TEXT NOT NULL,
        synced INTEGER NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE offered (
        alert_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        route TEXT NOT NULL,
        acked INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (alert_id, seq, route)
    ) STRICT;
    """,
)
"""Script n brings the schema from number n to n + 1. The form of the life state changes with a number too."""


class OutboxError(FalldError):
    """The outbox cannot be opened, read or written; names the file."""


class NotOurs(OutboxError):
    """Another program holds the file, or wrote it; so may a newer falld."""


class Damaged(OutboxError):
    """The file is not what was written."""


_SET_ASIDE = "move the file away and start again; what it held may not have reached a hub: look after the wearers"
_REMEDIES = {
    "SQLITE_BUSY": "stop the other program that holds it: one falld, one outbox",
    "SQLITE_CANTOPEN": "make its folder, and let falld write there",
    "SQLITE_CORRUPT": _SET_ASIDE,
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_IOERR": "its disk is failing: replace it",
    "SQLITE_NOTADB": _SET_ASIDE,
    "SQLITE_PERM": "let falld write the file and its folder",
    "SQLITE_READONLY": "let falld write the file and its folder",
}
_CLASSES = {"SQLITE_BUSY": NotOurs, "SQLITE_CORRUPT": Damaged, "SQLITE_NOTADB": Damaged}


def open_database(path: Path) -> sqlite3.Connection:
    """Open or begin the file, in autocommit mode, for the thread that calls.

    Raises:
        NotOurs: it is held by another program, something else, or of a newer falld.
        Damaged: it is not whole.
        OutboxError: it cannot be read and written.
    """
    with told(path):
        db = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        with told(path):
            _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def database_in_memory() -> sqlite3.Connection:
    """An empty one, of the same schema."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript("".join(MIGRATIONS))
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make sure that this is an outbox, whole, ours alone, and that what is committed is on the disk."""
    # Two programs would send everything twice and overwrite each other's life of alerts.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    version, application, tables = (
        int(db.execute(question).fetchone()[0])
        for question in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    )
    if application != APPLICATION_ID and (application or version or tables):
        raise NotOurs(str(path), "is the database of another program", "name another file for the outbox")
    if version > len(MIGRATIONS):
        what = f"has schema {version}, and this falld knows up to {len(MIGRATIONS)}"
        raise NotOurs(str(path), what, "install the falld that wrote it, or a newer one")
    fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise damaged(path, fault)
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise OutboxError(str(path), "its file system cannot hold a write-ahead log", "put it on a local disk")
    db.execute("PRAGMA synchronous = FULL")
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        db.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT"
        )
    # Takes the lock, also where there was nothing to migrate, and shows a file that cannot be written.
    db.executescript(f"BEGIN IMMEDIATE; PRAGMA user_version = {len(MIGRATIONS)}; COMMIT")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An error of SQLite or of the disk as one that says what to do; a fault of the caller stays as it is."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"
        kind = "_".join(name.split("_")[:2])
        remedy = _REMEDIES.get(kind, "check its disk, and that falld may write there")
        raise _CLASSES.get(kind, OutboxError)(str(path), f"{error} ({name})", remedy) from error


def damaged(path: Path, what: str) -> Damaged:
    return Damaged(str(path), f"is damaged: {what}", _SET_ASIDE)
