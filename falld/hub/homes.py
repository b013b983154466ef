"""How each home is, as far as it said: kept for whoever asks, and written down now and then."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from falld.alert.message import WireError, parse
from falld.alert.wire import Health, Status
from falld.hub.counters import HubCounters
from falld.hub.database import told, transaction
from falld.hub.show import Event, HomeChange

HOMES = 10_000
"""Homes that are remembered; of others each word is shown and none is kept."""
SILENT_S = 180.0
"""A home tells its health every 60 s: twice missed, and a half."""
FLUSH_S = 10.0
"""Nothing of this must not be lost; 1000 homes tell 17 things a second, so one sync bears what 170 would."""


@dataclass(frozen=True, slots=True)
class HomeState:
    home: str
    online: bool | None = None
    """None: it has not said."""
    since: datetime | None = None
    """When it last came or went, as this hub heard."""
    health: Health | None = None
    health_utc: datetime | None = None
    """When that came; of a retained one, when it was said."""
    last_test: datetime | None = None
    """When the last test alarm came."""

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(fault.what for fault in self.health.faults) if self.health else ()

    def silent_s(self, utc: datetime) -> float | None:
        """Seconds without health, where that is too long for a home that is online."""
        if self.online is False or self.health_utc is None:
            return None
        silent = (utc - self.health_utc).total_seconds()
        return silent if silent > SILENT_S else None


class Homes:
    """What homes say of themselves, from status and health. Shows changes alone."""

    def __init__(self, show: Callable[[Event], None], utc: Callable[[], datetime]) -> None:
        self._show = show
        self._utc = utc
        self._homes: dict[str, HomeState] = {}
        self._changed: set[str] = set()

    def remember(self, states: Sequence[HomeState]) -> None:
        self._homes = {state.home: state for state in states[:HOMES]}

    def status(self, home: str, status: Status) -> None:
        before = self._of(home)
        since = before.since if before.online is status.online else self._utc()
        self._keep(before, replace(before, online=status.online, since=since))

    def health(self, home: str, health: Health, retain: bool) -> None:
        before = self._of(home)
        utc = min(self._utc(), health.utc) if retain else self._utc()
        self._keep(before, replace(before, health=health, health_utc=utc))

    def take_changed(self) -> list[HomeState]:
        """Since the last time."""
        changed = [self._homes[home] for home in self._changed]
        self._changed.clear()
        return changed

    def _of(self, home: str) -> HomeState:
        return self._homes.get(home) or HomeState(home)

    def _keep(self, before: HomeState, after: HomeState) -> None:
        if after.home in self._homes or len(self._homes) < HOMES:
            self._homes[after.home] = after
            self._changed.add(after.home)
        if (before.online, before.faults) != (after.online, after.faults):
            self._show(HomeChange(self._utc(), after.home, after.online, after.faults))


class HomeStore:
    """The part of the hub's store that holds it, with the counters."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def save(self, homes: Sequence[HomeState], counts: HubCounters, utc: datetime) -> None:
        """Args:
        counts: what has come since the last time.
        """
        with transaction(self._db, self._path):
            self._db.executemany(
                "INSERT OR REPLACE INTO home (home, online, since, health, health_utc) VALUES (?, ?, ?, ?, ?)",
                [_row(state) for state in homes],
            )
            self._db.executemany(
                "INSERT INTO counter (name, count, last) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET count = count + excluded.count, last = excluded.last",
                [(name, count, utc.isoformat()) for name, count in counts.items() if count],
            )

    def all(self) -> list[HomeState]:
        """In the order of their ids, also those of which only alerts came."""
        with told(self._path):
            rows = self._db.execute(
                "SELECT home, online, since, health, health_utc, test FROM (SELECT home FROM home UNION SELECT home "
                f"FROM alert) LEFT JOIN home USING (home) LEFT JOIN ({_TESTS}) USING (home) ORDER BY home"
            ).fetchall()
        return [_state(*row) for row in rows]

    def counters(self) -> dict[str, tuple[int, datetime]]:
        """How often each thing happened since the store began, and when last."""
        with told(self._path):
            rows = self._db.execute("SELECT name, count, last FROM counter").fetchall()
        return {name: (count, datetime.fromisoformat(last)) for name, count, last in rows}


def _row(state: HomeState) -> tuple[Any, ...]:
    health = None if state.health is None else state.health.payload()
    return state.home, state.online, _text(state.since), health, _text(state.health_utc)


def _state(home: str, online: Any, since: Any, health: Any, health_utc: Any, test: Any) -> HomeState:
    said = None
    if health is not None:
        try:
            said = parse(Health, health, "")
        except WireError:  # of another falld
            said = None
    return HomeState(home, None if online is None else bool(online), _time(since), said, _time(health_utc), _time(test))


def _text(utc: datetime | None) -> str | None:
    return utc.isoformat() if utc else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_TESTS = """
    SELECT home, max(received) AS test FROM message
    WHERE CASE WHEN json_valid(CAST(payload AS TEXT)) THEN json_extract(CAST(payload AS TEXT), '$.kind') END = 'test'
    GROUP BY home
"""
