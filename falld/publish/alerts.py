"""The alert messages of the outbox on their way over one route."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from falld.alert.outbox import Outbox, Row
from falld.alert.wire import Ack
from falld.publish import faults
from falld.publish.counters import Counters
from falld.publish.faults import LinkDown, LinkError, PublishResult
from falld.publish.link import Link
from falld.publish.resends import Key, Resends
from falld.publish.worker import Call

IN_FLIGHT = 8
"""Alerts without a PUBACK: enough to fill a slow line, few enough that a lost connection costs few copies."""
ROWS = 1024
"""Messages of the outbox that are looked after at once: three a fall make 340 falls without any hub."""

log = logging.getLogger(__name__)


class AlertPump:
    """Sends each message until a hub on this route has committed it, or need not have it.

    Args:
        link: `publish` and `connected` are used.
        topic: of the home's alerts.
        outbox: used through `call` alone.
        wait_s: so long after its commit a message is tried here, if no hub has it by then and this route was
            offered nothing of its alert.
        on_idle: whether nothing is to be sent now, at each look.
        on_first: an alert was offered here for the first time.
        on_sent: what the broker said to a message.
        on_ack: a hub here has committed one.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        link: Link,
        topic: str,
        outbox: Outbox,
        call: Call,
        *,
        route: str,
        boot_id: str,
        counters: Counters,
        resends: Resends,
        wait_s: Callable[[], float],
        on_idle: Callable[[bool], None],
        on_first: Callable[[], None],
        on_sent: Callable[[Row, PublishResult], None],
        on_ack: Callable[[Ack], None],
        now: Callable[[], float],
    ) -> None:
        self.refusal: LinkError | None = None
        """The broker's, of the last message."""
        self.unheard = False
        """Whether the last message came to no hub."""
        self.waiting = False
        """Whether anything is to go out, when the outbox was last looked at."""
        self._link = link
        self._topic = topic
        self._outbox = outbox
        self._call = call
        self._route = route
        self._boot_id = boot_id
        self._counters = counters
        self._resends = resends
        self._wait_s = wait_s
        self._on_idle = on_idle
        self._on_first = on_first
        self._on_sent = on_sent
        self._on_ack = on_ack
        self._now = now
        self._up = asyncio.Event()
        self._nudge = asyncio.Event()
        self._acks: asyncio.Queue[Ack] = asyncio.Queue(ROWS)

    async def look(self) -> None:
        """Sees whether anything waits; before there is a connection."""
        self.waiting = bool(await self._call(self._outbox.due, self._route, 1))

    def wake(self) -> None:
        """Something is to go out now."""
        self.waiting = True
        self._nudge.set()

    def connected(self) -> None:
        self._resends.restart(self._now())
        self._up.set()
        self._nudge.set()

    def lost(self) -> None:
        self._up.clear()

    def heard(self, *, came: bool) -> None:
        """A hub is there; `came`: it was not before, and may have missed what was sent."""
        self.unheard = False
        if came:
            self._resends.restart(self._now())
            self._nudge.set()

    def acked(self, ack: Ack) -> None:
        if (ack.alert_id, ack.seq) in self._resends:
            with contextlib.suppress(asyncio.QueueFull):  # its message is sent again, and gets another one
                self._acks.put_nowait(ack)

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the disk does not do its part.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle())
            while True:
                await self._up.wait()
                self._nudge.clear()
                found = await self._call(self._outbox.due, self._route, ROWS)
                self.waiting = bool(found)
                rows, later_s = self._now_due(found)
                self._resends.keep(rows, self._now())
                for key in self._resends.take(self._now(), IN_FLIGHT):
                    tasks.create_task(self._send(key, rows[key]))
                self._on_idle(self._up.is_set() and self._resends.idle(self._now()))
                due = self._resends.next_due()
                wait = later_s if due is None else min(later_s, due - self._now())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if wait == float("inf") else max(wait, 0.0)):
                        await self._nudge.wait()

    def _now_due(self, rows: list[Row]) -> tuple[dict[Key, Row], float]:
        """Those that are to go over this route, and in how many seconds the next one may be."""
        now, wait = self._now(), self._wait_s()
        left = {row: wait - row.waited_s(now, self._boot_id) for row in rows if not row.begun}
        due = {(row.alert_id, row.seq): row for row in rows if left.get(row, 0.0) <= 0}
        return due, min((s for s in left.values() if s > 0), default=float("inf"))

    async def _send(self, key: Key, row: Row) -> None:
        try:
            payload = await self._call(self._outbox.sending, row, self._now(), self._boot_id)
            result = await self._link.publish(self._topic, payload)
        except KeyError:
            self._resends.forget(key)
        except LinkDown:
            self._resends.failed(key)
            if not self._link.connected:  # the state follows when the connection is cleared away
                self._up.clear()
        else:
            if not result.accepted or result is PublishResult.NO_SUBSCRIBER:
                await self._call(self._outbox.refused, row)
            self._resends.sent(key, self._now())
            self._count(row, result)
            self._on_sent(row, result)
            if not row.begun:
                self._on_first()
        self._nudge.set()

    def _count(self, row: Row, result: PublishResult) -> None:
        self.unheard = result is PublishResult.NO_SUBSCRIBER
        if not result.accepted:
            self._counters.refused += 1
            self.refusal = faults.of_refused_topic(self._route, "publish to", self._topic, result, result.name)
            log.warning("%s", self.refusal)
            return
        self.refusal = None
        self._counters.sent += row.attempt == 0
        self._counters.resent += row.attempt > 0
        self._counters.no_subscriber += self.unheard

    async def _settle(self) -> None:
        """What a hub has committed is not sent here again."""
        while True:
            ack = await self._acks.get()
            if await self._call(self._outbox.ack, ack.alert_id, ack.seq, self._route):
                self._counters.acked += 1
                self._resends.forget((ack.alert_id, ack.seq))
                self._on_ack(ack)
                self._nudge.set()
