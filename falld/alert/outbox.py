"""What must reach a hub, on disk until the hub says that it has it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
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
OWED_MAX = 256
"""Messages that one hub has, kept for another one that knows their alerts: of three a fall, 85 falls. Beyond that
the oldest go, for a hub that missed so much is looked after otherwise."""

WALLS_MAX = 100
"""Boots with a fall whose wall time is kept, 100 bytes each. Alerts that are open since an earlier boot need it; of
one from so many boots ago a message has no impact time any more."""

_ACKED = "EXISTS (SELECT 1 FROM offered o WHERE (o.alert_id, o.seq) = (m.alert_id, m.seq) AND o.acked"
_HERE = "EXISTS (SELECT 1 FROM offered o WHERE o.alert_id = m.alert_id AND o.route = :route AND o.seq"
_DUE = f"""
    SELECT alert_id, seq, :route, attempt, commit_boot_id, commit_t, {_HERE} <= m.seq), {_HERE} = m.seq)
    FROM outbox m
    WHERE NOT {_ACKED} AND o.route = :route) AND (NOT {_ACKED}) OR {_HERE} < m.seq))
    ORDER BY position LIMIT :limit
"""
_SENDING = f"""
    UPDATE outbox AS m
    SET attempt = attempt + 1, late = coalesce(late, commit_boot_id != :boot OR :now - commit_t > :late)
    WHERE alert_id = :alert_id AND seq = :seq AND NOT {_ACKED} AND o.route = :route)
    RETURNING body, boot_id, impact_t, attempt, late
"""
_SETTLED = f"""
    DELETE FROM outbox AS m WHERE {_ACKED})
    AND NOT EXISTS (
        SELECT 1 FROM offered e WHERE e.alert_id = m.alert_id AND e.seq < m.seq AND NOT {_ACKED} AND o.route = e.route)
    )
    AND NOT EXISTS (
        SELECT 1 FROM outbox b WHERE b.alert_id = m.alert_id AND b.seq < m.seq
        AND NOT EXISTS (SELECT 1 FROM offered o WHERE (o.alert_id, o.seq) = (b.alert_id, b.seq) AND o.acked)
    )
"""
"""What a hub has leaves, unless a route that was offered an earlier message of the alert lacks it, or may yet be
offered one, because no hub has that."""
_OVER = f"""
    DELETE FROM outbox AS m WHERE {_ACKED}) AND alert_id NOT IN (SELECT value FROM json_each(:known))
    AND EXISTS (SELECT 1 FROM offered o WHERE o.alert_id = m.alert_id AND o.seq = 0)
"""
"""What one hub has of an alert for every route, once that is over: a test alarm that nobody waits for any more."""
_SURPLUS = f"""
    DELETE FROM outbox WHERE position IN (
        SELECT position FROM outbox m WHERE {_ACKED}) ORDER BY position DESC LIMIT -1 OFFSET ?
    )
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An alert message that is to go over a route."""

    alert_id: str
    seq: int
    route: str
    attempt: int
    """Sendings so far, over all routes."""
    boot_id: str
    """The boot in which it was committed."""
    committed_t: float
    """CLOCK_BOOTTIME of that boot."""
    begun: bool
    """Whether this route was offered the message, or an earlier one of its alert."""
    offered: bool
    """Whether it was offered this one."""

    def waited_s(self, now: float, boot_id: str) -> float:
        """How long ago it was committed; infinite after a reboot, for a reboot takes longer than anybody waits."""
        return now - self.committed_t if self.boot_id == boot_id else float("inf")


class Outbox:
    """Alert messages and the life of alerts, in one SQLite file that one program holds at a time.

    A message is for one or more routes, each with hubs of its own. The first commit by any hub frees it: it is no
    longer waiting, and no further route is tried for it. But it stays until also those routes have it that were
    offered an earlier message of its alert, so that their hubs do not stop at an older state.

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
            db.execute(
                "DELETE FROM wall WHERE rowid NOT IN (SELECT rowid FROM wall ORDER BY rowid DESC LIMIT ?)", (WALLS_MAX,)
            )
            db.execute("INSERT OR REPLACE INTO life VALUES (1, ?)", (json.dumps(life),))
            db.executemany(
                "INSERT OR IGNORE INTO offered (alert_id, seq, route) VALUES (?, 0, ?)",
                [(a.alert_id, route) for a in alerts for route in a.routes],
            )
            known = {"known": json.dumps([episode["alert_id"] for episode in life.get("episodes", ())])}
            db.execute(_OVER, known)
            db.execute(
                "DELETE FROM offered WHERE alert_id NOT IN (SELECT alert_id FROM outbox) "
                "AND alert_id NOT IN (SELECT value FROM json_each(:known))",
                known,
            )

    def life(self) -> tuple[dict[str, Any], str] | None:
        """The last state, and the boot in which it was kept; None: there is none yet."""
        with told(self._path):
            row = self._db.execute("SELECT state FROM life").fetchone()
        if row is None:
            return None
        state = self._object(row[0])
        return state, str(state["boot_id"])

    def walls(self) -> dict[str, Wall]:
        """Wall time of the last boots that saw a fall."""
        with told(self._path):
            rows = self._db.execute("SELECT boot_id, t, utc, synced FROM wall").fetchall()
        return {boot: Wall(t, datetime.fromisoformat(utc), bool(synced)) for boot, t, utc, synced in rows}

    def waiting(self) -> list[tuple[str, int]]:
        """alert_id and seq of what no hub has committed, in the order of commit."""
        with told(self._path):
            return self._db.execute(
                f"SELECT alert_id, seq FROM outbox m WHERE NOT {_ACKED}) ORDER BY position"
            ).fetchall()

    def due(self, route: str, limit: int) -> list[Row]:
        """What may go over a route, in the order of commit: what no hub has committed, and what those there lack that
        were offered an earlier message of the alert."""
        with told(self._path):
            rows = self._db.execute(_DUE, {"route": route, "limit": limit}).fetchall()
        return [
            Row(alert_id, seq, route, attempt, boot, t, bool(begun), bool(offered))
            for alert_id, seq, route, attempt, boot, t, begun, offered in rows
        ]

    def offered(self, route: str) -> set[str]:
        """Alerts of which this route was offered a message."""
        with told(self._path):
            rows = self._db.execute("SELECT DISTINCT alert_id FROM offered WHERE route = ?", (route,)).fetchall()
        return {alert_id for (alert_id,) in rows}

    def sending(self, row: Row, now: float, boot_id: str) -> bytes:
        """Count an attempt, remember that the route was offered it, and give what is to be sent now.

        `late` is settled by the first one: whether it comes more than 10 s after the commit. After a reboot that
        cannot be measured and is true, for a reboot takes longer.

        Raises:
            KeyError: it has been acknowledged meanwhile.
        """
        key = {"alert_id": row.alert_id, "seq": row.seq, "route": row.route}
        with self._transaction() as db:
            found = db.execute(_SENDING, key | {"boot": boot_id, "now": now, "late": LATE_S}).fetchall()
            if found:
                db.execute("INSERT OR IGNORE INTO offered (alert_id, seq, route) VALUES (:alert_id, :seq, :route)", key)
        if not found:
            raise KeyError((row.alert_id, row.seq))
        body, impact_boot, impact_t, attempt, late = found[0]
        age_s = None
        if impact_t is not None and impact_boot == boot_id:
            age_s = round(max(now - impact_t, 0.0), 3)
        message = self._object(body) | {"age_s": age_s, "attempt": attempt, "late": bool(late)}
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()

    def refused(self, row: Row) -> None:
        """The broker of its route let nobody have it: it was not offered, if it was not before."""
        if row.offered:
            return
        with self._transaction() as db:
            db.execute(
                "DELETE FROM offered WHERE (alert_id, seq, route) = (?, ?, ?) AND NOT acked",
                (row.alert_id, row.seq, row.route),
            )

    def ack(self, alert_id: str, seq: int, route: str) -> bool:
        """A hub on this route has committed this message. False: that was known, or the message was not there."""
        key = (alert_id, seq)
        with self._transaction() as db:
            if not db.execute("SELECT 1 FROM outbox WHERE (alert_id, seq) = (?, ?)", key).fetchall():
                return False
            news = db.execute(
                "INSERT INTO offered VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET acked = 1 WHERE NOT acked",
                (*key, route),
            ).rowcount
            db.execute(f"{_SETTLED} AND m.alert_id = ?", (alert_id,))
            db.execute(_SURPLUS, (OWED_MAX,))
            return news == 1

    def keep_routes(self, routes: Collection[str]) -> None:
        """There are these routes alone: nothing is owed to another one, and what its hubs committed does not count."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM offered WHERE route NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(routes)),)
            )
            db.execute(_SETTLED)

    def __len__(self) -> int:
        """Messages that no hub has committed."""
        return len(self.waiting())

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
