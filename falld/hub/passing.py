"""Passing alerts on from responder to responder, until one of them answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from datetime import datetime

from falld.hub.responders import Roster, Turn
from falld.hub.show import Event, NotTold, PassedOn, as_json, of_turn
from falld.hub.store import Store
from falld.hub.tell import TellError, tell
from falld.hub.waits import Waits
from falld.publish.worker import Call

AT_ONCE = 8
"""Commands: more would only wait for the same network."""

log = logging.getLogger(__name__)


class Passing:
    """Each turn is in the store before its responder is told, so that a restart neither forgets nor repeats it.

    Args:
        store: used through `call` alone.
        now: seconds of a clock that does not go back.
    """

    def __init__(
        self,
        roster: Roster,
        store: Store,
        call: Call,
        *,
        show: Callable[[Event], None],
        now: Callable[[], float],
        utc: Callable[[], datetime],
    ) -> None:
        self._roster = roster
        self._store = store
        self._call = call
        self._show = show
        self._now = now
        self._utc = utc
        self._waits = Waits()
        self._changed = asyncio.Event()
        self._hurried: set[tuple[str, str]] = set()
        self._commands = asyncio.Semaphore(AT_ONCE)

    def begin(self, home: str, alert_id: str, *, late: bool = False) -> None:
        """An alert was raised: the first responder is told, and where it came late the second at once as well."""
        if self._roster.responders:
            if late and len(self._roster.responders) > 1:
                self._hurried.add((home, alert_id))
            self._due(home, alert_id, 0.0)

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            StoreError: the disk does not do its part.
        """
        if not self._roster.responders:
            return
        async with asyncio.TaskGroup() as tasks:
            for (home, alert_id), turn in await self._call(self._store.turns.unanswered):
                self._resume(tasks, home, alert_id, turn)
            while True:
                self._changed.clear()
                alerts = self._waits.take(self._now())
                if alerts:
                    for passed in await self._call(self._store.turns.pass_on, alerts, self._roster, self._utc()):
                        self._took_turn(tasks, passed.turn, passed.failures)
                due = self._waits.next()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if due is None else max(due - self._now(), 0.0)):
                        await self._changed.wait()

    def _resume(self, tasks: asyncio.TaskGroup, home: str, alert_id: str, turn: Turn | None) -> None:
        """What is left of a turn is measured in wall time, and is not more than the whole, should that be set back."""
        if turn is None:
            self._due(home, alert_id, 0.0)
            return
        left = self._roster.seen_s - (self._utc() - turn.utc).total_seconds()
        self._due(home, alert_id, min(max(left, 0.0), self._roster.seen_s))
        if turn.outcome is None:
            tasks.create_task(self._tell(turn))

    def _took_turn(self, tasks: asyncio.TaskGroup, turn: Turn, failures: int) -> None:
        key = turn.home, turn.alert_id
        late = key in self._hurried
        first = turn.number == 1
        if not first:
            self._hurried.discard(key)
        self._due(*key, 0.0 if first and late else self._roster.seen_s)
        if late or first:
            why = "it came late" if late else ""
        else:
            why = "the one before could not be told" if failures else f"no answer in {self._roster.seen_s:g} s"
        self._show(PassedOn(self._utc(), turn.home, turn.alert_id, turn.number, turn.responder, why))
        tasks.create_task(self._tell(turn))

    async def _tell(self, turn: Turn) -> None:
        """Tell the responder, and write down how that went."""
        responder = self._roster.named(turn.responder)
        failed = responder is None
        if responder is not None and responder.command is not None:
            entry = await self._call(self._store.entry, turn.home, turn.alert_id)
            about = of_turn(self._utc(), turn.home, turn.alert_id, entry.latest, entry.standing)
            said = json.dumps(as_json(about) | {"responder": turn.responder, "turn": turn.number})
            try:
                async with self._commands:
                    await tell(responder.id, responder.command, said.encode(), responder.timeout_s)
            except TellError as error:
                failed = True
                log.error("%s", error)
                self._show(NotTold(self._utc(), turn.home, turn.alert_id, turn.responder, error.what))
        failures = await self._call(self._store.turns.settle, turn, failed=failed)
        if failed and self._roster.wait_s(failures) == 0.0:
            self._due(turn.home, turn.alert_id, 0.0)

    def _due(self, home: str, alert_id: str, in_s: float) -> None:
        self._waits.set(home, alert_id, self._now() + in_s)
        self._changed.set()
