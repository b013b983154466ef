"""Alert messages on their way in: committed in groups, and each acknowledged once it is on the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from falld.alert.message import WireError
from falld.alert.wire import Ack
from falld.hub.counters import HubCounters
from falld.hub.incoming import Incoming, Receipt
from falld.hub.store import Store
from falld.publish.worker import Call

GROUP = 256
"""Messages to a transaction: a sync of 5 ms is then 20 us of each, a tenth of what its reading and writing costs."""
QUEUE = 10_000
"""Messages that wait for the disk, 80 MB at most. What is more is not acknowledged, so its home sends it again."""

log = logging.getLogger(__name__)


class _Received(NamedTuple):
    home: str
    topic: str
    payload: bytes


class Intake:
    """What comes while a group is being committed is the next group; its acknowledgements go out meanwhile.

    Args:
        store: used through `call` alone.
        on_new: told of each message that was committed and is the newest of its alert.
        send_ack: to a home; the home sends again what it gets no acknowledgement for.
    """

    def __init__(
        self,
        hub: str,
        store: Store,
        call: Call,
        *,
        counters: HubCounters,
        utc: Callable[[], datetime],
        on_new: Callable[[Incoming, Receipt, datetime], None],
        send_ack: Callable[[str, Ack], Awaitable[None]],
    ) -> None:
        self._hub = hub
        self._store = store
        self._call = call
        self._counters = counters
        self._utc = utc
        self._on_new = on_new
        self._send_ack = send_ack
        self._received: asyncio.Queue[_Received] = asyncio.Queue(QUEUE)
        self._acks: asyncio.Queue[Incoming] = asyncio.Queue(GROUP)

    def put(self, home: str, topic: str, payload: bytes) -> None:
        """Raises:
        asyncio.QueueFull: the disk is too slow.
        """
        self._received.put_nowait(_Received(home, topic, payload))

    async def commit(self) -> None:
        """Until cancelled.

        Raises:
            StoreError: the disk does not do its part; nothing more is acknowledged.
        """
        while True:
            waiting = [await self._received.get()]
            while len(waiting) < GROUP and not self._received.empty():
                waiting.append(self._received.get_nowait())
            messages = [message for one in waiting if (message := self._read(one)) is not None]
            utc = self._utc()
            receipts = await self._call(self._store.commit, messages, utc)
            for message, receipt in zip(messages, receipts, strict=True):
                self._account(message, receipt, utc)
            for message in messages:
                await self._acks.put(message)

    async def acknowledge(self) -> None:
        """One after another, until cancelled; for more at a time run it more than once."""
        while True:
            message = await self._acks.get()
            ack = Ack(alert_id=message.alert_id, seq=message.seq, hub=self._hub)
            await self._send_ack(message.home, ack)

    def _read(self, received: _Received) -> Incoming | None:
        try:
            return Incoming.read(received.home, received.payload, received.topic)
        except WireError as error:
            self._counters.invalid += 1
            log.warning("%s", error)
            return None

    def _account(self, message: Incoming, receipt: Receipt, utc: datetime) -> None:
        if receipt.outcome == "copy":
            self._counters.copies += 1
            return
        if receipt.outcome == "conflict":
            self._counters.conflicts += 1
            log.warning("%s: came again and says something else; the first stands", _where(message))
            return
        self._counters.new += 1
        if message.alert is None:
            self._counters.unreadable += 1
            log.warning("%s: cannot be read, so it is kept and raised", _where(message))
        if receipt.before is None or receipt.after != receipt.before:  # else an older seq after a newer one
            self._on_new(message, receipt, utc)


def _where(message: Incoming) -> str:
    return f"home {message.home}, alert {message.alert_id}, seq {message.seq}"
