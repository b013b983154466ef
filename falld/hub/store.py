"""What homes told this hub, and what people answered, on disk before anybody is told that it is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from falld.alert.draft import Answer
from falld.alert.wire import Alert
from falld.errors import FalldError
from falld.hub.clips import Clips
from falld.hub.database import connect, told, transaction
from falld.hub.homes import HomeStore
from falld.hub.incoming import STANDING, Incoming, Receipt, keep, take
from falld.hub.responders import Turn
from falld.hub.retention import Retention
from falld.hub.standing import CLOSING, Standing
from falld.hub.turns import UNANSWERED, Key, Turns

REMINDERS = 100
"""Responses that are sent again to a home that comes back: more than it can have open."""


class UnknownAlert(FalldError):
    """No such alert is in the store, or several homes have one of that id."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that this hub raises unless its home says more."""

    home: str
    alert_id: str
    wait_s: float
    since: datetime
    """UTC, when the message came that set `wait_s`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's response."""

    id: int
    home: str
    alert_id: str
    response: Answer
    by: str
    utc: datetime
    hub: str | None = None
    """Where it was given; None: here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An alert with all that was answered to it, oldest first."""

    home: str
    alert_id: str
    standing: Standing
    latest: Alert | None
    """The message of the highest seq; None: it cannot be read."""
    replies: tuple[Reply, ...]
    clip: bool = False
    """Whether there is one of it."""
    turns: tuple[Turn, ...] = ()
    """Who was told, in order."""

    @property
    def open(self) -> bool:
        """Whether it was raised and no person has closed it."""
        return self.standing.raised_by is not None and all(r.response not in CLOSING for r in self.replies)


class Store:
    """SQLite (WAL, synchronous=FULL). Used from the thread that opened it; several programs may have it open.

    All methods raise `StoreError` where the disk does not do its part.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self.clips = Clips(db, path)
        self.turns = Turns(db, path)
        self.homes = HomeStore(db, path)
        self.retention = Retention(db, path)

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        return cls(connect(path, create=create), path)

    def commit(self, messages: Sequence[Incoming], utc: datetime) -> list[Receipt]:
        """Keep messages that have just come, in one transaction; nothing may be acknowledged before it returns."""
        with transaction(self._db, self._path):
            return take(self._db, messages, utc)

    def raise_waiting(self, home: str, alert_id: str) -> Receipt | None:
        """The home said no more in time. None: it did, a moment ago."""
        with transaction(self._db, self._path):
            before = self._standing(home, alert_id)
            if before is None or before.wait_s is None:
                return None
            after = before.raised("hub")
            keep(self._db, home, alert_id, after)
            return Receipt("new", before, after)

    def waiting(self) -> list[Waiting]:
        with told(self._path):
            rows = self._db.execute(
                "SELECT home, alert_id, wait_s, received FROM alert JOIN message USING (home, alert_id) "
                "WHERE seq = wait_seq"
            ).fetchall()
        return [
            Waiting(home, alert_id, wait_s, datetime.fromisoformat(since)) for home, alert_id, wait_s, since in rows
        ]

    def latest(self, home: str, alert_id: str) -> Alert | None:
        """The alert's last message; None: it cannot be read."""
        with told(self._path):
            row = self._db.execute(
                "SELECT payload FROM message WHERE home = ? AND alert_id = ? ORDER BY seq DESC LIMIT 1",
                (home, alert_id),
            ).fetchone()
        return None if row is None else Incoming.read(home, row[0], "").alert

    def entries(self) -> list[Entry]:
        """All alerts, oldest first."""
        with told(self._path):
            return self._entries("TRUE", self._replies("ORDER BY id"), self.turns.all())

    def entry(self, home: str, alert_id: str) -> Entry:
        """One that is there, without its responses and turns."""
        with told(self._path):
            return self._entries("home = ? AND alert_id = ?", [], {}, home, alert_id)[0]

    def unanswered(self) -> list[Entry]:
        """What was raised and no person has said anything to, oldest first."""
        with told(self._path):
            return self._entries(UNANSWERED, [], {})

    def respond(self, alert_id: str, response: Answer, by: str, utc: datetime, home: str | None = None) -> Reply:
        """Keep what a person says; the hub publishes it.

        Args:
            home: needed only where several homes have an alert of this id.

        Raises:
            UnknownAlert: no home has it, or several have.
        """
        with transaction(self._db, self._path):
            rows = self._db.execute("SELECT home FROM alert WHERE alert_id = ?", (alert_id,)).fetchall()
            homes = [name for (name,) in rows if home in (None, name)]
            if not homes:
                raise UnknownAlert(
                    f"alert {alert_id}", "is not in the store", "see `falld hub list` for those that are"
                )
            if len(homes) > 1:
                raise UnknownAlert(f"alert {alert_id}", f"is one of {len(homes)} homes", "say which with --home")
            row = self._db.execute(
                "INSERT INTO response (home, alert_id, response, by, utc) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (homes[0], alert_id, response, by, utc.isoformat()),
            ).fetchall()[0]
        return Reply(row[0], homes[0], alert_id, response, by, utc)

    def learn(self, reply: Reply) -> bool | None:
        """Keep what was answered, as the home tells it. Whether that is news; None: the alert is not known here."""
        where = "home = ? AND alert_id = ?"
        with transaction(self._db, self._path):
            key = reply.home, reply.alert_id
            there = self._db.execute(f"SELECT 1 FROM alert WHERE {where}", key).fetchone()
            known = self._db.execute(
                f"SELECT 1 FROM response WHERE {where} AND response = ? AND by = ? AND hub IS ?",
                (*key, reply.response, reply.by, reply.hub),
            ).fetchone()
            if there is None or known is not None:
                return None if there is None else False
            self._db.execute(
                "INSERT INTO response (home, alert_id, response, by, utc, hub, published) VALUES (?, ?, ?, ?, ?, ?, 1)",
                (*key, reply.response, reply.by, reply.utc.isoformat(), reply.hub),
            )
            return True

    def unpublished(self) -> list[Reply]:
        """What was answered and no broker has confirmed."""
        with told(self._path):
            return self._replies("WHERE NOT published ORDER BY id LIMIT 100")

    def published(self, reply: Reply) -> None:
        with transaction(self._db, self._path):
            self._db.execute("UPDATE response SET published = 1 WHERE id = ?", (reply.id,))

    def last_replies(self, home: str) -> list[Reply]:
        """The last response to each alert of a home, also to those that it closed: the home may have missed it."""
        with told(self._path):
            return self._replies(
                "WHERE id IN (SELECT max(id) FROM response WHERE home = ? AND hub IS NULL GROUP BY alert_id) "
                "ORDER BY id DESC LIMIT ?",
                home,
                REMINDERS,
            )[::-1]

    def close(self) -> None:
        with told(self._path):
            self._db.close()

    def _entries(
        self, where: str, replies: Sequence[Reply], turns: Mapping[Key, Sequence[Turn]], *values: str
    ) -> list[Entry]:
        rows = self._db.execute(
            f"SELECT home, alert_id, payload, {_CLIP}, {STANDING} FROM alert JOIN message USING (home, alert_id) "
            f"WHERE seq = last_seq AND {where} ORDER BY alert_id, home",
            values,
        ).fetchall()
        of: dict[tuple[str, str], list[Reply]] = {}
        for reply in replies:
            of.setdefault((reply.home, reply.alert_id), []).append(reply)
        return [
            Entry(
                home,
                alert_id,
                Standing(*standing),
                Incoming.read(home, payload, "").alert,
                tuple(of.get((home, alert_id), ())),
                bool(clip),
                tuple(turns.get((home, alert_id), ())),
            )
            for home, alert_id, payload, clip, *standing in rows
        ]

    def _standing(self, home: str, alert_id: str) -> Standing | None:
        row = self._db.execute(
            f"SELECT {STANDING} FROM alert WHERE home = ? AND alert_id = ?", (home, alert_id)
        ).fetchone()
        return None if row is None else Standing(*row)

    def _replies(self, where: str, *values: Any) -> list[Reply]:
        rows = self._db.execute(
            f"SELECT id, home, alert_id, response, by, utc, hub FROM response {where}", values
        ).fetchall()
        return [
            Reply(number, home, alert_id, response, by, datetime.fromisoformat(utc), hub)
            for number, home, alert_id, response, by, utc, hub in rows
        ]


_CLIP = "EXISTS (SELECT 1 FROM clip WHERE clip.home = alert.home AND clip.alert_id = alert.alert_id)"
