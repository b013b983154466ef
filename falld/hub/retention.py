"""What is old and settled goes from the hub's store: alerts with all that was said of them, and clips.

An alert that a person has yet to close never goes. Of one that went its home, id and last seq are remembered: a home
that was away for long may send again what had been acknowledged, and nobody is to be called for that. A later message
of it is news, and is taken as an alert's first one.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from falld.errors import FalldError
from falld.hub.clips import Clips
from falld.hub.database import transaction
from falld.hub.standing import CLOSING
from falld.publish.worker import Call

BATCH = 100
"""Messages or clips looked at in one transaction: 20 ms where all go (2 cores of a shared virtual machine, x86-64); an
alert that has just come waits for no more."""
PAUSE_S = 1.0
"""Between two of these: a million messages are gone in three hours, and the disk has other things to do meanwhile."""
EVERY_S = 3600.0
STEADY_S = 6 * 3600.0
"""A clock that was set is gone by no sooner: time servers mend one within minutes of a start, and a person who set it
wrong sees it. A hub that is restarted each night still comes to it."""
SET = timedelta(minutes=10)
"""More than a disciplined clock is slewed by in an hour."""
GONE_MAX = 1000
"""Remembered of each home: with three alerts a day a year's, 100 kB. One that is not, and comes again, is raised."""


log = logging.getLogger(__name__)


class StillOpen(FalldError):
    """A home cannot be forgotten: somebody there may need help."""


class Keep(NamedTuple):
    """How long something stays after its last message or response."""

    alerts: timedelta = timedelta(days=365)
    clips: timedelta = timedelta(days=90)


class Retention:
    """The part of the hub's store that forgets."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def alerts(self, today: datetime, keep: timedelta, after: int = 0) -> int | None:
        """Let settled alerts go of which nothing came and nothing was said for so long; with each its clip.

        Args:
            after: where the last call ended.

        Returns:
            Where this call ended; None: there is nothing older.
        """
        now, cutoff = today.isoformat(), (today - keep).isoformat()
        with transaction(self._db, self._path):
            rows = self._db.execute(_NEXT, (after, BATCH)).fetchall()
            young = [row for row in rows if cutoff <= row[1] <= now]
            keys = {(home, alert_id) for _, received, home, alert_id in rows if received < cutoff}
            for home, alert_id in sorted(keys):
                self._let_go({"home": home, "alert_id": alert_id, "before": cutoff})
            for home in sorted({home for home, _ in keys}):
                self._db.execute(_TOO_MANY, {"home": home, "most": GONE_MAX})
        return rows[-1][0] if len(rows) == BATCH and not young else None

    def home(self, home: str) -> int:
        """Forget a home that was taken out, with all that is kept of it. How many alerts went.

        Raises:
            StillOpen: nobody has closed an alert of it; nothing went.
        """
        with transaction(self._db, self._path):
            ids = self._db.execute(f"SELECT alert_id, {_DONE} FROM alert a WHERE home = ?", (home,)).fetchall()
            still = [alert_id for alert_id, done in ids if not done]
            if still:
                what = f"has alerts that are open, {still[0]} the first of {len(still)}"
                raise StillOpen(
                    f"home {home}", what, "look after its wearers, then close them with `falld hub respond`"
                )
            for table in ("turn", "response", "message", "clip", "alert", "gone", "home"):
                self._db.execute(f"DELETE FROM {table} WHERE home = ?", (home,))
        return len(ids)

    def _let_go(self, key: dict[str, str]) -> None:
        settled = self._db.execute(_SETTLED, key).fetchone()
        if settled is None:
            return
        row = key["home"], key["alert_id"], *settled
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?)", row)
        for table in ("turn", "response", "message", "clip", "alert"):
            self._db.execute(f"DELETE FROM {table} WHERE home = :home AND alert_id = :alert_id", key)


class Calendar:
    """The wall clock, where it can be gone by: one that was just set may be wrong by years.

    Args:
        now: seconds of a clock that does not go back and is not set.
    """

    def __init__(self, utc: Callable[[], datetime], now: Callable[[], float]) -> None:
        self._utc = utc
        self._now = now
        self._start = utc() - timedelta(seconds=now())
        """What the wall clock said, or would have, when the other one began."""
        self._since = now()

    def today(self) -> datetime | None:
        """None: the clock has not run evenly for long enough."""
        utc, now = self._utc(), self._now()
        start = utc - timedelta(seconds=now)
        if abs(start - self._start) > SET:
            log.warning("the clock was set by %s: nothing old is let go for %g h", start - self._start, STEADY_S / 3600)
            self._since = now
        self._start = start
        return utc if now >= self._since + STEADY_S else None


async def forget(retention: Retention, clips: Clips, call: Call, keep: Keep, calendar: Calendar) -> None:
    """Now and then, until cancelled.

    Args:
        retention, clips: used through `call` alone.

    Raises:
        StoreError: the disk does not do its part.
    """
    while True:
        position: int | None = 0
        while position is not None and (today := calendar.today()) is not None:
            position = await call(retention.alerts, today, keep.alerts, position)
            await asyncio.sleep(PAUSE_S)
        more = True
        while more and (today := calendar.today()) is not None:
            more = await call(clips.let_go, today - keep.clips, BATCH)
            await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(EVERY_S)


_OF = "home = :home AND alert_id = :alert_id"
_CLOSED = f"SELECT 1 FROM response r WHERE (r.home, r.alert_id) = (a.home, a.alert_id) AND r.response IN {CLOSING}"
_NEXT = "SELECT rowid, received, home, alert_id FROM message WHERE rowid > ? ORDER BY rowid LIMIT ?"
"""As they came: the first young one is the end. What is from the future came while the clock was wrong."""
_DONE = f"(wait_s IS NULL AND (raised_by IS NULL OR EXISTS ({_CLOSED})))"
_SETTLED = f"""
    SELECT state, last_seq FROM alert a WHERE {_OF} AND {_DONE}
    AND NOT EXISTS (SELECT 1 FROM message WHERE {_OF} AND received >= :before)
    AND NOT EXISTS (SELECT 1 FROM response WHERE {_OF} AND (utc >= :before OR NOT published))
"""
_TOO_MANY = """
    DELETE FROM gone WHERE home = :home AND alert_id <= (
        SELECT alert_id FROM gone WHERE home = :home ORDER BY alert_id DESC LIMIT 1 OFFSET :most
    )
"""
