"""The hub's SQLite file: opened, brought up to date, its errors told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falld.errors import FalldError

APPLICATION_ID = 0x66616868  # "fahh": the hub's, not a home's outbox
BUSY_S = 5.0
"""`falld hub respond` and the service write to one file: a commit takes milliseconds, on a bad disk seconds."""
MIGRATIONS = (
    """
    CREATE TABLE alert (
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        state TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        raised_by TEXT,
        falls INTEGER NOT NULL,
        wait_s REAL,
        wait_seq INTEGER,
        PRIMARY KEY (home, alert_id)
    ) STRICT;
    CREATE TABLE message (
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        content BLOB NOT NULL,
        payload BLOB NOT NULL,
        received TEXT NOT NULL,
        PRIMARY KEY (home, alert_id, seq)
    ) STRICT;
    CREATE TABLE response (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        response TEXT NOT NULL,
        by TEXT NOT NULL,
        utc TEXT NOT NULL,
        published INTEGER NOT NULL DEFAULT 0,
        FOREIGN KEY (home, alert_id) REFERENCES alert (home, alert_id)
    ) STRICT;
    CREATE INDEX response_of ON response (home, alert_id);
    CREATE INDEX response_unpublished ON response (id) WHERE NOT published;
    """,
    """
    CREATE TABLE clip (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        payload BLOB NOT NULL,
        received TEXT NOT NULL,
        UNIQUE (home, alert_id)
    ) STRICT;
    """,
    """
    ALTER TABLE message DROP COLUMN content;
    """,
    """
    ALTER TABLE response ADD COLUMN hub TEXT;
    CREATE TABLE turn (
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        responder TEXT NOT NULL,
        utc TEXT NOT NULL,
        outcome TEXT,
        PRIMARY KEY (home, alert_id, number),
        FOREIGN KEY (home, alert_id) REFERENCES alert (home, alert_id)
    ) STRICT;
    CREATE TABLE home (
        home TEXT PRIMARY KEY,
        online INTEGER,
        since TEXT,
        health BLOB,
        health_utc TEXT
    ) STRICT;
    CREATE TABLE counter (name TEXT PRIMARY KEY, count INTEGER NOT NULL, last TEXT NOT NULL) STRICT;
    """,
    """
    CREATE TABLE gone (
        home TEXT NOT NULL,
        alert_id TEXT NOT NULL,
        state TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        PRIMARY KEY (home, alert_id)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""Script n brings the schema from number n to n + 1."""


class StoreError(FalldError):
    """The hub's store cannot be opened, read or written; names the file."""


class DamagedStore(StoreError):
    """It is not what was written."""


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the file, or with `create` begin a new one that its owner alone can read.

    Raises:
        StoreError: it is not there, not to be read and written, something else, or of a newer falld.
        DamagedStore: it is not whole; with `create` all of it is looked at.
    """
    if not create and not path.exists():
        raise StoreError(str(path), "there is no store", "start `falld hub` first, or name its file with --store")
    with told(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(str(path), f"cannot be made: {error.strerror}", _REMEDIES["SQLITE_CANTOPEN"]) from None
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            _prepare(db, path)
            fault = db.execute("PRAGMA quick_check(1)").fetchone()[0] if create else "ok"
            if fault != "ok":
                raise DamagedStore(str(path), f"is damaged: {' '.join(fault.split())}", _SET_ASIDE)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An error of SQLite as one that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"
        kind = "_".join(name.split("_")[:2])
        error_class = DamagedStore if kind in _DAMAGED else StoreError
        raise error_class(str(path), f"{error} ({name})", _REMEDIES.get(kind, _SET_ASIDE)) from error


@contextmanager
def transaction(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All of it is on the disk at the end, or nothing."""
    with told(path):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version, application, tables = (
        int(db.execute(question).fetchone()[0])
        for question in ("PRAGMA user_version", "PRAGMA application_id", "SELECT count(*) FROM sqlite_schema")
    )
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(str(path), "is the database of another program", "name another file with --store")
    if version > len(MIGRATIONS):
        what = f"has schema {version}, and this falld knows up to {len(MIGRATIONS)}"
        raise StoreError(str(path), what, "install the falld that wrote it, or a newer one")
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreError(str(path), "its file system cannot hold a write-ahead log", "put it on a local disk")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if version < len(MIGRATIONS):
        _migrate(db)


def _migrate(db: sqlite3.Connection) -> None:
    """Two programs may begin at once: the second finds it done."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_SET_ASIDE = "move the file away and start again; homes send what was not acknowledged, the rest is in that file"
_REMEDIES = {
    "SQLITE_BUSY": "stop the other program that holds it",
    "SQLITE_CANTOPEN": "make its folder writable, or name another file with --store",
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_IOERR": "its disk is failing: replace it",
    "SQLITE_PERM": "let this user write the file and its folder",
    "SQLITE_READONLY": "let this user write the file and its folder",
}
