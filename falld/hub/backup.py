"""A copy of the store, made while the hub runs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from falld.hub.database import BUSY_S, StoreError, told


def back_up(store: Path, copy: Path) -> int:
    """Copy the store as it is at one moment; the copy appears whole and checked, or not at all.

    Returns:
        How many bytes it has.

    Raises:
        StoreError: the store is not there or damaged, or the copy cannot be written.
    """
    if not store.exists():
        raise StoreError(str(store), "there is no store", "name its file with --store")
    if copy.exists() and copy.samefile(store):
        raise StoreError(str(copy), "is the store itself", "name another file")
    temporary = copy.with_name(f".{copy.name}.{os.getpid()}.tmp")
    try:
        temporary.touch(mode=0o600)
        _copy(store, temporary)
        _sync(temporary)
        temporary.replace(copy)
        _sync(copy.parent)
        return copy.stat().st_size
    except OSError as error:
        raise StoreError(str(copy), f"cannot be written: {error.strerror}", "check folder and free space") from None
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                temporary.with_name(temporary.name + end).unlink(missing_ok=True)


def _copy(store: Path, to: Path) -> None:
    """In one step, a single reading transaction: the hub goes on committing and is not in it by halves."""
    with (
        told(store),
        closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_S)) as source,
        closing(sqlite3.connect(to, isolation_level=None)) as target,
    ):
        source.backup(target, pages=-1)
        # A file alone, without the log that a store in use has beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        (fault,) = target.execute("PRAGMA integrity_check(1)").fetchone()
        if fault != "ok":
            remedy = "keep the backups that there are; the hub sets the store aside when it starts"
            raise StoreError(str(store), f"is damaged: {' '.join(fault.split())}", remedy)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
