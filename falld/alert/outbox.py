"""What must reach a hub, on disk until the hub says that it has it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from falld.alert.committed import Committed as Committed
from falld.alert.committed import Wall as Wall
from falld.alert.committed import join as join
from falld.alert.database import OutboxError as OutboxError
from falld.alert.database import damaged, open_database, told

LATE_S = 10.0
"""First sent so long after its commit, a message is late."""
_SENDING = """
    UPDATE outbox SET attempt = attempt + 1, late = coalesce(late, commit_boot_id != :boot OR :now - commit_t > :late)
    WHERE alert_id = :alert_id AND seq = :seq RETURNING body, boot_id, impact_t, attempt, late
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An alert message that no hub has acknowledged."""

    alert_id: str
    seq: int
    attempt: int
    """Sendings so far."""


class Outbox:
    """Alert messages and the life of alerts, in one SQLite file that one program holds at a time.

    Every change is on the disk when its method returns. Used from the thread that opened it. All methods raise
    `OutboxError` where the disk does not do its part; what they were to change is then as before.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the outbox, or begin a new one.

        Raises:
            OutboxError: it cannot be read and written, is held by another program, is damaged, something else,
                or of a newer falld.
        """
        return cls(open_database(path), path)

    def commit(self, alerts: Sequence[Committed], life: dict[str, Any], now: float) -> None:
        """Keep messages, and with them the state that they came from; both or neither.

        Args:
            life: what `Life.dump` gave; its `boot_id` is the current boot.
            now: CLOCK_BOOTTIME, from which `late` counts.

        Raises:
            sqlite3.IntegrityError: one of the messages was committed before and is still here.
        """
        boot = life["boot_id"]
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO outbox (alert_id, seq, body, boot_id, impact_t, commit_boot_id, commit_t) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(a.alert_id, a.seq, a.body, a.boot_id, a.impact_t, boot, now) for a in alerts],
            )
            db.executemany(
                "INSERT OR REPLACE INTO wall VALUES (?, ?, ?, ?)",
                [(a.boot_id, a.wall.t, a.wall.utc.isoformat(), a.wall.synced) for a in alerts if a.wall],
            )
            db.execute("INSERT OR REPLACE INTO life VALUES (1, ?)", (json.dumps(life),))

    def life(self) -> tuple[dict[str, Any], str] | None:
        """The last state, and the boot in which it was kept; None: there is none yet."""
        with told(self._path):
            row = self._db.execute("SELECT state FROM life").fetchone()
        if row is None:
            return None
        state = self._object(row[0])
        return state, str(state["boot_id"])

    def walls(self) -> dict[str, Wall]:
        """Wall time of each boot that saw a fall: some 100 bytes a boot, kept for ever."""
        with told(self._path):
            rows = self._db.execute("SELECT boot_id, t, utc, synced FROM wall").fetchall()
        return {boot: Wall(t, datetime.fromisoformat(utc), bool(synced)) for boot, t, utc, synced in rows}

    def due(self, limit: int) -> list[Row]:
        """What no hub has acknowledged, in the order of commit."""
        with told(self._path):
            rows = self._db.execute(
                "SELECT alert_id, seq, attempt FROM outbox ORDER BY position LIMIT ?", (limit,)
            ).fetchall()
        return [Row(*row) for row in rows]

    def sending(self, row: Row, now: float, boot_id: str) -> bytes:
        """Count an attempt, and give what is to be sent now.

        `late` is settled by the first one: whether it comes more than 10 s after the commit. After a reboot that
        cannot be measured and is true, for a reboot takes longer.

        Raises:
            KeyError: it has been acknowledged meanwhile.
        """
        given = {"boot": boot_id, "now": now, "late": LATE_S, "alert_id": row.alert_id, "seq": row.seq}
        with self._transaction() as db:
            found = db.execute(_SENDING, given).fetchall()
        if not found:
            raise KeyError((row.alert_id, row.seq))
        body, impact_boot, impact_t, attempt, late = found[0]
        age_s = None
        if impact_t is not None and impact_boot == boot_id:
            age_s = round(max(now - impact_t, 0.0), 3)
        message = self._object(body) | {"age_s": age_s, "attempt": attempt, "late": bool(late)}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()

    def ack(self, alert_id: str, seq: int) -> bool:
        """A hub has committed this message: the only way in which it leaves. False: it was not there."""
        with self._transaction() as db:
            return db.execute("DELETE FROM outbox WHERE alert_id = ? AND seq = ?", (alert_id, seq)).rowcount == 1

    def __len__(self) -> int:
        """Messages that no hub has acknowledged."""
        with told(self._path):
            return int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def close(self) -> None:
        with told(self._path):
            self._db.close()

    def _object(self, text: str) -> dict[str, Any]:
        try:
            value: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise damaged(self._path, str(error)) from None
        return value

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with told(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:  # SQLite itself rolls back after some errors
                    self._db.execute("ROLLBACK")
