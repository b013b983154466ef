"""Clips to a hub: one at a time, and only while no alert waits to be sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from falld.alert.clipbox import ClipBox, ClipError
from falld.alert.topics import Topics
from falld.alert.wire import ClipAck
from falld.errors import FalldError
from falld.publish import faults
from falld.publish.faults import LinkDown, PublishResult
from falld.publish.resends import Key, Resends
from falld.publish.worker import Call

FIRST_S = 60.0
"""A hub that lives acknowledges within a second; nobody waits for a second copy."""
LONGEST_S = 1800.0
"""1000 homes with one clip of 24 kB each then send 13 kB/s to a hub that does not answer."""
_SEQ = 0
"""Messages count from 1."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClipRoute:
    """Where a publisher finds clips.

    `box` is used through `call` alone, another one than the outbox's: an alert's commit does not wait for a clip's.
    """

    box: ClipBox
    call: Call
    of_alerts_here: bool = False
    """Send only those whose alerts this route was offered: on a second one, which the first one's hub needs not."""


class ClipPump:
    """Sends each clip until a hub has acknowledged it. A disk that fails costs clips, and is told as `fault`.

    Args:
        publish: to a topic; raises `LinkDown`.
        now: seconds of a clock that does not go back.
        mine: gives the alerts whose clips are sent; None: all, and near misses too.
    """

    def __init__(
        self,
        route: ClipRoute,
        topics: Topics,
        where: str,
        publish: Callable[[str, bytes], Awaitable[PublishResult]],
        now: Callable[[], float],
        resends: Resends | None = None,
        mine: Callable[[], Awaitable[Collection[str]]] | None = None,
    ) -> None:
        self.fault: FalldError | None = None
        """What keeps clips from a hub; None: nothing that was met."""
        self.acked = 0
        self._box = route.box
        self._call = route.call
        self._topics = topics
        self._where = where
        self._publish = publish
        self._now = now
        self._resends = resends or Resends(FIRST_S, LONGEST_S)
        self._mine = mine
        self._free = asyncio.Event()
        self._nudge = asyncio.Event()
        self._acks: asyncio.Queue[str] = asyncio.Queue()

    def hold(self) -> None:
        """An alert is to be sent, or there is no connection: no further clip begins."""
        self._free.clear()

    def release(self) -> None:
        """Nothing else is to be sent."""
        self._free.set()

    def wake(self) -> None:
        """A clip is due that was not."""
        self._nudge.set()

    def restart(self) -> None:
        """A hub came anew: all are due.

        A mere connection is no reason: a clip that a slow line cannot carry would break one after another.
        """
        self._resends.restart(self._now())
        self._nudge.set()

    def take(self, ack: ClipAck) -> None:
        if (ack.alert_id, _SEQ) in self._resends:
            self._acks.put_nowait(ack.alert_id)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle())
            while True:
                await self._free.wait()
                self._nudge.clear()
                await self._look()
                for key in self._resends.take(self._now(), 1) if self._free.is_set() else ():
                    await self._send(key)
                    self._nudge.set()
                due = self._resends.next_due()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if due is None else max(due - self._now(), 0.0)):
                        await self._nudge.wait()

    async def _look(self) -> None:
        try:
            found = await self._call(self._box.due)
        except ClipError as error:
            self._fail(error)
            return
        if self._mine is not None:
            mine = await self._mine()
            found = [alert_id for alert_id in found if alert_id in mine]
        self._resends.keep([(alert_id, _SEQ) for alert_id in found], self._now())

    async def _send(self, key: Key) -> None:
        alert_id, _ = key
        topic = self._topics.clip(alert_id)
        try:
            result = await self._publish(topic, await self._call(self._box.payload, alert_id))
        except KeyError:
            self._resends.forget(key)
            return
        except ClipError as error:
            self._fail(error)
        except LinkDown:
            self.hold()
        else:
            self.fault = None
            if not result.accepted:
                self._fail(faults.of_refused_topic(self._where, "publish to", topic, result, result.name))
        self._resends.sent(key, self._now())

    async def _settle(self) -> None:
        while True:
            alert_id = await self._acks.get()
            try:
                gone = await self._call(self._box.ack, alert_id)
            except ClipError as error:
                self._fail(error)
                continue
            self._resends.forget((alert_id, _SEQ))
            self.acked += gone
            self._nudge.set()

    def _fail(self, error: FalldError) -> None:
        if str(error) != str(self.fault):
            log.error("%s", error)
        self.fault = error
