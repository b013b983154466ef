"""An outbox that works on where the disk does not do its part."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Self

from falld.alert.committed import Committed
from falld.alert.database import Damaged, NotOurs, OutboxError, damaged, database_in_memory
from falld.alert.outbox import Outbox, Row
from falld.alert.salvage import copy_readable, salvage, write_all

ASIDE_MAX = 8
"""Damaged files that are kept, each at most as large as an outbox; of more, the last in place of the one before."""

log = logging.getLogger(__name__)


class EnduringOutbox(Outbox):
    """Does everything in memory, and then on the disk before the method returns, as long as the disk takes it.

    From the first failure on it lives in memory alone, `fault` says so, and `mend` brings everything to the disk
    once that can be written again. Nothing but `open` raises `OutboxError`.
    """

    def __init__(self, memory: sqlite3.Connection, path: Path) -> None:
        super().__init__(memory, path)
        self._disk: Outbox | None = None
        self._disk_fault: OutboxError | None = None
        self._all_read = False
        """Whether all that can be read of the file is in memory."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Go on with what is on the disk, as far as that can be read and written.

        Raises:
            NotOurs: the file is held by another program, something else, or of a newer falld.
        """
        box = cls(database_in_memory(), path)
        try:
            box._begin()
        except NotOurs:
            raise
        except OutboxError as error:
            box._all_read = box._put_before(lambda memory: salvage(path, memory)) is None
            box._failed(error)
            box.mend()
        return box

    def fault(self) -> OutboxError | None:
        """Why alerts are not safe on the disk, or were not; None: they are."""
        if self._disk_fault is not None:
            return self._disk_fault
        try:
            aside = [path for path in self._aside() if path.exists()]
        except OSError as error:
            return OutboxError(str(self._path), f"cannot be looked at: {error.strerror}", "look after its disk")
        if not aside:
            return None
        what = "is a damaged outbox; what could not be read of it may not have reached a hub"
        return Damaged(str(aside[-1]), what, "look after the wearers, then move it away")

    def mend(self) -> None:
        """Try the disk again where it failed."""
        fault = self._disk_fault
        if fault is None:
            return
        try:
            self._leave_disk()
            if isinstance(fault, Damaged):
                if not self._all_read:
                    self._put_before(lambda memory: salvage(self._path, memory))
                    self._all_read = True  # once: what has been acknowledged since must not come back
                self._set_aside()
            self._begin()
        except OutboxError as error:
            self._failed(error)
        else:
            self._disk_fault = None
            log.warning("%s: is written again, with %d messages", self._path, len(self))

    def commit(self, alerts: Sequence[Committed], life: dict[str, Any], now: float) -> None:
        super().commit(alerts, life, now)
        self._keep(lambda disk: disk.commit(alerts, life, now))

    def sending(self, row: Row, now: float, boot_id: str) -> bytes:
        payload = super().sending(row, now, boot_id)
        self._keep(lambda disk: disk.sending(row, now, boot_id))
        return payload

    def refused(self, row: Row) -> None:
        super().refused(row)
        self._keep(lambda disk: disk.refused(row))

    def ack(self, alert_id: str, seq: int, route: str) -> bool:
        there = super().ack(alert_id, seq, route)
        if there:
            self._keep(lambda disk: disk.ack(alert_id, seq, route))
        return there

    def keep_routes(self, routes: Collection[str]) -> None:
        super().keep_routes(routes)
        self._keep(lambda disk: disk.keep_routes(routes))

    def close(self) -> None:
        """After a last try to bring to the disk what is not there."""
        self.mend()
        self._leave_disk()
        super().close()

    def _keep(self, change: Callable[[Outbox], object]) -> None:
        if self._disk is None or self._disk_fault is not None:
            return
        try:
            change(self._disk)
        except OutboxError as error:
            self._failed(error)

    def _begin(self) -> None:
        """From here on memory and disk have the same."""
        disk = Outbox.open(self._path)
        try:
            if not self._all_read:
                fault = self._put_before(lambda memory: copy_readable(disk._db, memory))
                if fault is not None:
                    raise damaged(self._path, fault)
                self._all_read = True
            if self._disk_fault is not None:
                with disk._transaction() as db:
                    write_all(self._db, db)
        except OutboxError:
            _close(disk)
            raise
        self._disk = disk

    def _put_before(self, copy: Callable[[sqlite3.Connection], str | None]) -> str | None:
        """Copy older messages into memory, ahead of those that were committed since."""
        since = self._db.execute("SELECT * FROM outbox ORDER BY position").fetchall()
        self._db.execute("DELETE FROM outbox")
        fault = copy(self._db)
        (last,) = self._db.execute("SELECT coalesce(max(position), 0) FROM outbox").fetchone()
        for position, (_, *row) in enumerate(since, start=last + 1):
            self._db.execute(f"INSERT OR IGNORE INTO outbox VALUES (?{', ?' * len(row)})", (position, *row))
        return fault

    def _failed(self, error: OutboxError) -> None:
        if str(error) != str(self._disk_fault):
            log.error("%s; alerts are kept in memory and sent all the same", error)
        self._disk_fault = error

    def _leave_disk(self) -> None:
        if self._disk is not None:
            _close(self._disk)
            self._disk = None

    def _aside(self) -> list[Path]:
        return [self._path.with_name(f"{self._path.name}.damaged-{n}") for n in range(1, ASIDE_MAX + 1)]

    def _set_aside(self) -> None:
        try:
            aside = next((path for path in self._aside() if not path.exists()), self._aside()[-1])
            for end in ("-wal", ""):  # the log first: with a new file it must never be
                part = self._path.with_name(self._path.name + end)
                if part.exists():
                    part.replace(aside.with_name(aside.name + end))
        except OSError as error:
            what = f"is damaged and cannot be set aside: {error.strerror}"
            raise Damaged(str(self._path), what, "let falld write its folder") from None
        log.error("%s: the damaged outbox is kept there; %d messages could be read of it", aside, len(self))


def _close(disk: Outbox) -> None:
    """The file is left as it is, also by a disk that fails at that."""
    try:
        disk.close()
    except OutboxError as error:
        log.warning("%s", error)
