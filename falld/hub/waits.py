"""Which alerts a hub raises when, unless their home says more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from falld.hub.store import Waiting

Key = tuple[str, str]
"""home and alert_id."""

GRACE_S = 5.0
"""After a restart a home gets so long to send what it kept meanwhile, e.g. that the wearer cancelled: it does so as
soon as it sees the hub."""


class Waits:
    """Deadlines on a clock that does not go back, so that setting the wall clock delays no alarm. Pure."""

    def __init__(self) -> None:
        self._deadlines: dict[Key, float] = {}

    def set(self, home: str, alert_id: str, deadline: float) -> None:
        self._deadlines[home, alert_id] = deadline

    def end(self, home: str, alert_id: str) -> None:
        self._deadlines.pop((home, alert_id), None)

    def take(self, now: float) -> list[Key]:
        """What is due; it waits no longer."""
        due = [key for key, deadline in self._deadlines.items() if deadline <= now]
        for key in due:
            del self._deadlines[key]
        return due

    def next(self) -> float | None:
        return min(self._deadlines.values(), default=None)

    def resume(self, waiting: Iterable[Waiting], now: float, utc: datetime) -> None:
        """After a restart, when the clock of before is gone.

        What is left is measured in wall time, so that a hub that restarts again and again still raises; it is not
        more than the whole wait, should the wall clock have been set back, and not less than GRACE_S. A clock that
        was set forward raises too early, which is the safe side.
        """
        for one in waiting:
            left = one.wait_s - (utc - one.since).total_seconds()
            self.set(one.home, one.alert_id, now + min(max(left, GRACE_S), one.wait_s))
