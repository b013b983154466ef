"""Which responders were told of which alerts, on disk before they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from falld.hub.database import told, transaction
from falld.hub.responders import Roster, Turn

KEPT = 100
"""Of each alert. Of one that nobody answers, with 120 s a turn, the last three hours."""
Key = tuple[str, str]
"""home and alert_id."""
UNANSWERED = (
    "raised_by IS NOT NULL AND NOT EXISTS "
    "(SELECT 1 FROM response WHERE response.home = alert.home AND response.alert_id = alert.alert_id)"
)
"""Which rows of `alert` somebody has to be told of."""


@dataclass(frozen=True, slots=True)
class Passed:
    turn: Turn
    failures: int
    """Turns that failed, without one between them that did not, up to the one before this."""


class Turns:
    """The part of the hub's store that holds them."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def pass_on(self, alerts: Sequence[Key], roster: Roster, utc: datetime) -> list[Passed]:
        """Give each of them that still wants an answer to the next responder."""
        passed = []
        with transaction(self._db, self._path):
            for home, alert_id in alerts:
                wanted = self._db.execute(
                    f"SELECT 1 FROM alert WHERE home = ? AND alert_id = ? AND {UNANSWERED}", (home, alert_id)
                ).fetchone()
                if wanted is None:
                    continue
                before = self._of(home, alert_id)
                last = before[-1] if before else None
                responder = roster.after(last.responder if last else None)
                turn = Turn(home, alert_id, last.number + 1 if last else 1, responder.id, utc)
                self._db.execute(
                    "INSERT INTO turn (home, alert_id, number, responder, utc) VALUES (?, ?, ?, ?, ?)",
                    (home, alert_id, turn.number, turn.responder, utc.isoformat()),
                )
                self._db.execute(
                    "DELETE FROM turn WHERE home = ? AND alert_id = ? AND number <= ?",
                    (home, alert_id, turn.number - KEPT),
                )
                passed.append(Passed(turn, failures(before)))
        return passed

    def settle(self, turn: Turn, *, failed: bool) -> int:
        """What became of the command. Returns how many turns have failed in a row."""
        with transaction(self._db, self._path):
            self._db.execute(
                "UPDATE turn SET outcome = ? WHERE home = ? AND alert_id = ? AND number = ?",
                ("failed" if failed else "told", turn.home, turn.alert_id, turn.number),
            )
            return failures(self._of(turn.home, turn.alert_id))

    def unanswered(self) -> list[tuple[Key, Turn | None]]:
        """What was raised and wants an answer, with the last turn of each."""
        with told(self._path):
            keys = self._db.execute(f"SELECT home, alert_id FROM alert WHERE {UNANSWERED}").fetchall()
            return [(key, next(reversed(self._of(*key)), None)) for key in keys]

    def all(self) -> dict[Key, list[Turn]]:
        """By alert, in their order."""
        with told(self._path):
            turns = _read(self._db.execute(f"SELECT {_COLUMNS} FROM turn ORDER BY number").fetchall())
        of: dict[Key, list[Turn]] = {}
        for turn in turns:
            of.setdefault((turn.home, turn.alert_id), []).append(turn)
        return of

    def _of(self, home: str, alert_id: str) -> list[Turn]:
        where = "home = ? AND alert_id = ? ORDER BY number"
        return _read(self._db.execute(f"SELECT {_COLUMNS} FROM turn WHERE {where}", (home, alert_id)).fetchall())


def failures(turns: Sequence[Turn]) -> int:
    """How many of the last ones failed in a row."""
    count = 0
    for turn in reversed(turns):
        if turn.outcome != "failed":
            break
        count += 1
    return count


def _read(rows: Sequence[tuple[Any, ...]]) -> list[Turn]:
    return [
        Turn(home, alert_id, number, responder, datetime.fromisoformat(utc), outcome)
        for home, alert_id, number, responder, utc, outcome in rows
    ]


_COLUMNS = "home, alert_id, number, responder, utc, outcome"
