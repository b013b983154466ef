"""Alert messages that came, and what the store makes of a group of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any, Literal, Self

from falld.alert.wire import Alert, Key, WireError, content, parse
from falld.hub.standing import Standing, follow

_COLUMNS = tuple(field.name for field in fields(Standing))
STANDING = ", ".join(_COLUMNS)
"""Its columns in the table `alert`."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An alert message with a valid key."""

    home: str
    alert_id: str
    seq: int
    payload: bytes
    alert: Alert | None
    """None: nothing but the key can be read."""

    @classmethod
    def read(cls, home: str, payload: bytes, topic: str) -> Self:
        """Raises:
        WireError: it has no valid key.
        """
        try:
            alert = parse(Alert, payload, topic)
        except WireError:
            key = parse(Key, payload, topic)
            return cls(home, key.alert_id, key.seq, payload, None)
        return cls(home, alert.alert_id, alert.seq, payload, alert)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message."""

    outcome: Literal["new", "copy", "conflict"]
    """A conflict has the key of an earlier message and says something else: the first stands. Of an alert that went
    long ago each message up to its last is a copy."""
    before: Standing | None
    after: Standing


def take(db: sqlite3.Connection, messages: Sequence[Incoming], utc: datetime) -> list[Receipt]:
    """Take messages in, within the transaction that is open.

    A statement for all of them: at each, SQLite lets Python's other threads run, and waits for its turn after it.
    """
    keys = json.dumps([(m.home, m.alert_id, m.seq) for m in messages])
    standings = {(home, alert_id): Standing(*rest) for home, alert_id, *rest in db.execute(_STANDINGS, (keys,))}
    firsts = {(home, alert_id, seq): payload for home, alert_id, seq, payload in db.execute(_FIRSTS, (keys,))}
    gone = {(home, alert_id): Standing(*rest) for home, alert_id, *rest in db.execute(_GONE, (keys,))}
    receipts: list[Receipt] = []
    new: list[tuple[Any, ...]] = []
    changed: dict[tuple[str, str], Standing] = {}
    received = utc.isoformat()
    for message in messages:
        home, alert_id, seq = message.home, message.alert_id, message.seq
        before = standings.get((home, alert_id))
        first = firsts.get((home, alert_id, seq))
        if first is not None and before is not None:
            same = first == message.payload or content(first) == content(message.payload)
            receipts.append(Receipt("copy" if same else "conflict", before, before))
            continue
        went = gone.get((home, alert_id))
        if before is None and went is not None and seq <= went.last_seq:
            receipts.append(Receipt("copy", None, went))
            continue
        after = follow(before, seq, message.alert)
        firsts[home, alert_id, seq] = message.payload
        standings[home, alert_id] = changed[home, alert_id] = after
        new.append((home, alert_id, seq, message.payload, received))
        receipts.append(Receipt("new", before, after))
    _insert(db, _MESSAGE, new)
    _insert(db, _ALERT, [(*key, *_values(standing)) for key, standing in changed.items()])
    return receipts


def keep(db: sqlite3.Connection, home: str, alert_id: str, standing: Standing) -> None:
    """How an alert stands now."""
    _insert(db, _ALERT, [(home, alert_id, *_values(standing))])


def _insert(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        places = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
        db.execute(statement.format(places), [*chain.from_iterable(rows)])


_values = attrgetter(*_COLUMNS)
_OF_KEYS = "home = json_extract(value, '$[0]') AND alert_id = json_extract(value, '$[1]')"
_STANDINGS = f"SELECT home, alert_id, {STANDING} FROM json_each(?) CROSS JOIN alert ON {_OF_KEYS}"
_GONE = f"SELECT home, alert_id, state, last_seq FROM json_each(?) CROSS JOIN gone ON {_OF_KEYS}"
_FIRSTS = (
    "SELECT home, alert_id, seq, payload FROM json_each(?) CROSS JOIN message "
    f"ON {_OF_KEYS} AND seq = json_extract(value, '$[2]')"
)
"""The keys lead: CROSS JOIN keeps SQLite from going through the table."""
_MESSAGE = "INSERT INTO message (home, alert_id, seq, payload, received) VALUES {}"
_ALERT = (
    f"INSERT INTO alert (home, alert_id, {STANDING}) VALUES {{}} "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)
