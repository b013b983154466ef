"""Alerts that no hub has, or that nobody answers: the home helps itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from falld.alert.draft import OpenAlert
from falld.daemon.alarm import Alarm
from falld.errors import FalldError, first_of

Stage = Literal["commit", "seen"]
LONGEST_WAIT_S = 1.0
"""Looked at again this often: an alert is raised, answered or withdrawn without a word to this module."""


class Due(NamedTuple):
    """The alarm is to run for this stage of this alert from this time on."""

    t: float
    alert_id: str
    stage: Stage
    begun_seq: int
    """The message from which the alert counts."""

    @property
    def mark(self) -> str:
        """Names it among those that are done."""
        return f"{self.alert_id}/{self.stage}/{self.begun_seq}"

    @property
    def why(self) -> str:
        return "no hub has committed it" if self.stage == "commit" else "nobody has answered it"


class Deadlines:
    """When the home's own alarm is due. Pure: all times come from the life of the alerts, which survives a restart.

    An alert counts from the message that began or armed it anew, in the state raised, while nobody answered and the
    wearer did not withdraw it. One commit of a hub is enough for the first stage: it raises by itself what it knows
    of, and if it dies then the second stage is there. Test alarms run no alarm: they may come at night.

    Args:
        unacked: messages that no hub had committed when the program began, as (alert_id, seq).
    """

    def __init__(self, commit_s: float, seen_s: float, unacked: Iterable[tuple[str, int]] = ()) -> None:
        self._commit_s = commit_s
        self._seen_s = seen_s
        self._unacked = frozenset(unacked)
        self._acked: dict[str, int] = {}
        self._earlier: dict[str, tuple[float, float]] = {}

    def begin(self, alerts: Iterable[OpenAlert]) -> None:
        """With the alerts that were open then: what of them is not in the outbox, a hub has."""
        for alert in alerts:
            acked = (seq for seq in range(alert.seq, 0, -1) if (alert.alert_id, seq) not in self._unacked)
            self._acked[alert.alert_id] = next(acked, 0)

    def change(self, commit_s: float, seen_s: float, alerts: Iterable[OpenAlert]) -> None:
        """For alerts to come; those that are open keep their times."""
        self._earlier = {a.alert_id: self._times(a) for a in alerts}
        self._commit_s, self._seen_s = commit_s, seen_s

    def acked(self, alert_id: str, seq: int) -> None:
        """A hub has committed this message."""
        self._acked[alert_id] = max(seq, self._acked.get(alert_id, 0))

    def all(self, alerts: Sequence[OpenAlert]) -> list[Due]:
        """Past and future ones, the earliest first."""
        self._acked = {a.alert_id: self._acked[a.alert_id] for a in alerts if a.alert_id in self._acked}
        due: list[Due] = []
        for alert in alerts:
            if alert.kind == "test" or alert.raised_t is None or alert.withdrawn or alert.response:
                continue
            commit_s, seen_s = self._times(alert)
            if self._acked.get(alert.alert_id, 0) < alert.begun_seq:
                due.append(
                    Due(max(alert.begun_t + commit_s, alert.raised_t), alert.alert_id, "commit", alert.begun_seq)
                )
            due.append(Due(max(alert.begun_t, alert.raised_t) + seen_s, alert.alert_id, "seen", alert.begun_seq))
        return sorted(due)

    def _times(self, alert: OpenAlert) -> tuple[float, float]:
        return self._earlier.get(alert.alert_id, (self._commit_s, self._seen_s))


class Escalation:
    """Runs the home's own alarm where it is due, one after another, once for each stage of an alert, and again
    where it was armed anew.

    Args:
        alerts: gives those that are open; memory alone, so that a disk that hangs silences nothing.
        done: marks of those for which it ran.
        keep: takes what `done` is from now on; only after the alarm, for once too often is better than never.
        tell: hears that the alarm runs, and of its fault.
        apart_s: from one beginning to the next at least.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        alarm: Alarm,
        *,
        alerts: Callable[[], list[OpenAlert]],
        done: Iterable[str],
        keep: Callable[[list[str]], Awaitable[None]],
        tell: Callable[[Due, FalldError | None], None],
        apart_s: float,
        now: Callable[[], float],
    ) -> None:
        self.fault: FalldError | None = None
        """Of the last time that it ran."""
        self.deadlines = deadlines
        self._alarm = alarm
        self._alerts = alerts
        self._done = list(done)
        self._keep = keep
        self._tell = tell
        self._apart_s = apart_s
        self._now = now
        self._last: float | None = None
        self._kept = asyncio.Event()

    def change(self, alarm: Alarm, *, commit_s: float, seen_s: float, apart_s: float) -> None:
        """From now on; alerts that are open keep their deadlines."""
        self._alarm, self._apart_s = alarm, apart_s
        self.deadlines.change(commit_s, seen_s, self._alerts())

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_done())
                while True:
                    await self._look()
                    await asyncio.sleep(LONGEST_WAIT_S)
        except BaseExceptionGroup as group:
            raise first_of(group) from None

    async def _look(self) -> None:
        while (due := self._next()) is not None:
            self._last = self._now()
            self._done.append(due.mark)
            self._tell(due, None)
            about = {"FALLD_ALERT_ID": due.alert_id, "FALLD_STAGE": due.stage}
            try:
                await self._alarm.sound(about)
            except FalldError as error:
                self.fault = error
                self._tell(due, error)
            else:
                self.fault = None
            self._kept.set()

    def _next(self) -> Due | None:
        now, alerts = self._now(), self._alerts()
        if self._last is not None and now - self._last < self._apart_s:
            return None
        here = {alert.alert_id for alert in alerts}
        self._done = [mark for mark in self._done if mark.split("/")[0] in here]
        return next((d for d in self.deadlines.all(alerts) if d.t <= now and d.mark not in self._done), None)

    async def _keep_done(self) -> None:
        """Beside the alarms: a disk that hangs holds up no other one."""
        while True:
            await self._kept.wait()
            self._kept.clear()
            await self._keep(list(self._done))
