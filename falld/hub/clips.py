"""The clips that homes sent, within bounds."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from falld.alert.message import UUID7_PATTERN
from falld.alert.wire import Clip, WireError, parse
from falld.errors import FalldError
from falld.hub.database import told, transaction
from falld.hub.standing import CLOSING

PER_HOME = 100
"""With two near misses a day and an alert a week, six weeks. 2.4 MB of the usual 24 kB, 6.4 MB of the largest."""
IN_ALL = 10_000
"""10 for each of 1000 homes. 240 MB of the usual 24 kB, 655 MB of the largest 64 KiB."""
_OPEN = f"""
    EXISTS (
        SELECT 1 FROM alert WHERE alert.home = clip.home AND alert.alert_id = clip.alert_id
            AND (raised_by IS NOT NULL OR wait_s IS NOT NULL)
    ) AND NOT EXISTS (
        SELECT 1 FROM response WHERE response.home = clip.home AND response.alert_id = clip.alert_id
            AND response IN {CLOSING}
    )
"""
"""Of an alert that no person has closed, be it that it may yet be raised."""


class UnknownClip(FalldError):
    """No such clip is in the store, or several homes have one of that id."""


@dataclass(frozen=True, slots=True)
class IncomingClip:
    """A clip with a valid key: its home and alert."""

    home: str
    alert_id: str
    payload: bytes

    @classmethod
    def read(cls, home: str, alert_id: str, payload: bytes, topic: str) -> Self:
        """Raises:
        WireError: it has no valid key, or is no clip.
        """
        if not re.fullmatch(UUID7_PATTERN, alert_id):
            raise WireError(topic[:200], "the topic of a clip does not end in a UUIDv7", "name the alert's id there")
        parse(Clip, payload, topic)
        return cls(home, alert_id, payload)


@dataclass(frozen=True, slots=True)
class KeptClip:
    home: str
    alert_id: str
    clip: Clip


Outcome = Literal["new", "copy", "conflict", "full"]
"""A conflict says something else than the first of its key, which stands; `full`: it was not kept, for all that could
make room is of open alerts."""


class Clips:
    """The part of the hub's store that holds clips.

    When a bound is met the oldest to come goes, but none of an open alert.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def commit(self, clip: IncomingClip, utc: datetime) -> Outcome:
        """Keep a clip that has just come, before or after its alert; it may be acknowledged then, unless `full`."""
        with transaction(self._db, self._path):
            first = self._db.execute(
                "SELECT payload FROM clip WHERE home = ? AND alert_id = ?", (clip.home, clip.alert_id)
            ).fetchone()
            if first is not None:
                return "copy" if _content(first[0]) == _content(clip.payload) else "conflict"
            if not (self._make_room("home = ?", PER_HOME, clip.home) and self._make_room("true", IN_ALL)):
                return "full"
            self._db.execute(
                "INSERT INTO clip (home, alert_id, payload, received) VALUES (?, ?, ?, ?)",
                (clip.home, clip.alert_id, clip.payload, utc.isoformat()),
            )
            return "new"

    def find(self, alert_id: str, home: str | None = None) -> KeptClip:
        """The clip of an alert.

        Args:
            home: needed only where several homes have a clip of this id.

        Raises:
            UnknownClip: no home has it, or several have.
        """
        with told(self._path):
            rows = self._db.execute("SELECT home, payload FROM clip WHERE alert_id = ?", (alert_id,)).fetchall()
        found = [(name, payload) for name, payload in rows if home in (None, name)]
        if not found:
            remedy = "see `falld hub list --json` for those that have one; a home sends it 40 s after the impact"
            raise UnknownClip(f"alert {alert_id}", "has no clip in the store", remedy)
        if len(found) > 1:
            raise UnknownClip(f"alert {alert_id}", f"is one of {len(found)} homes", "say which with --home")
        ((name, payload),) = found
        return KeptClip(name, alert_id, _content(payload))

    def let_go(self, before: datetime, limit: int) -> bool:
        """Some of those that came earlier, but none of an open alert. Whether there may be more."""
        with transaction(self._db, self._path):
            gone = self._db.execute(
                "DELETE FROM clip WHERE position IN (SELECT position FROM clip "
                f"WHERE received < ? AND NOT ({_OPEN}) ORDER BY position LIMIT ?)",
                (before.isoformat(), limit),
            )
        return bool(gone.rowcount == limit)

    def count(self) -> int:
        with told(self._path):
            return int(self._db.execute("SELECT count(*) FROM clip").fetchone()[0])

    def _make_room(self, where: str, limit: int, *values: str) -> bool:
        """Whether one more is within the limit now."""
        (count,) = self._db.execute(f"SELECT count(*) FROM clip WHERE {where}", values).fetchone()
        excess = count + 1 - limit
        if excess <= 0:
            return True
        gone = self._db.execute(
            "DELETE FROM clip WHERE position IN "
            f"(SELECT position FROM clip WHERE {where} AND NOT ({_OPEN}) ORDER BY position LIMIT ?)",
            (*values, excess),
        )
        return bool(gone.rowcount == excess)


def _content(payload: bytes) -> Clip:
    return parse(Clip, payload, "")
