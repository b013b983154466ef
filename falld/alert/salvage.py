"""What an outbox holds, carried from one database to another, as far as it can be read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

_READABLE: dict[str, Callable[[tuple[Any, ...]], object]] = {
    "outbox": lambda row: {**json.loads(row[3])},
    "wall": lambda row: datetime.fromisoformat(row[2]),
    "life": lambda row: json.loads(row[1])["boot_id"],
    "offered": lambda row: row,
}
"""The tables, and what fails for a row of each that cannot be used."""


def salvage(path: Path, into: sqlite3.Connection) -> str | None:
    """Copy what can be read of a file as it lies there, damaged or on a disk that cannot be written.

    Nobody else may hold it. Returns what kept the rest from being read; None: there is no rest.
    """
    try:
        if not path.exists():
            return None
        # Without locks and shared memory, for which SQLite would have to write. A log is read where there is one,
        # and must not be looked for where there is none: it would be made.
        how = "vfs=unix-none" if path.with_name(path.name + "-wal").exists() else "immutable=1"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&{how}", uri=True)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            return copy_readable(db, into)
    except (OSError, sqlite3.Error) as error:
        return str(error)


def copy_readable(source: sqlite3.Connection, into: sqlite3.Connection) -> str | None:
    """Copy the rows that can be read and used; what is there already stays. Returns what is wrong with the others."""
    fault: str | None = None
    for table, check in _READABLE.items():
        if not _has(source, table):
            continue
        for direction in ("ASC", "DESC"):  # a spoilt page ends each way; what is on either side of it is had
            try:
                rows = source.execute(f"SELECT * FROM {table} ORDER BY rowid {direction}")
                columns = [name for name, *_ in rows.description]  # an older schema has fewer
                insert = (
                    f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
                )
                for row in rows:
                    try:
                        check(row)
                        into.execute(insert, row)
                    except (ValueError, KeyError, TypeError, sqlite3.IntegrityError) as error:
                        fault = f"a row of {table} cannot be used: {error}"
                break
            except sqlite3.DatabaseError as error:
                fault = f"{table} cannot be read: {error}"
    return fault


def _has(source: sqlite3.Connection, table: str) -> bool:
    """An older schema has fewer; what cannot be known of a spoilt one shows when the table is read."""
    try:
        return bool(source.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])
    except sqlite3.DatabaseError:
        return True


def write_all(source: sqlite3.Connection, into: sqlite3.Connection) -> None:
    """Make one have what the other has, within the transaction that is open."""
    for table in _READABLE:
        into.execute(f"DELETE FROM {table}")
        rows = source.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        if rows:
            into.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
