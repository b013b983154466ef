"""The home's health, retained on its broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from falld.publish.faults import LinkDown, PublishResult

APART_S = 5.0
"""A value that flutters then costs at most 17 280 messages a day, 17 MB of 1 kB each."""
AT_LEAST_S = 60.0
"""A reader knows within a minute that the home still says what it said."""


class HealthPump:
    """Tells the health on every connect and on change, but not more often than a reader can use; and from time to
    time anyway. Only while no alert is to be sent.

    Args:
        publish: raises `LinkDown`.
    """

    def __init__(
        self, publish: Callable[[bytes], Awaitable[PublishResult]], *, apart_s: float, at_least_s: float
    ) -> None:
        self._publish = publish
        self._apart_s = apart_s
        self._at_least_s = at_least_s
        self._payload: bytes | None = None
        self._changed = asyncio.Event()
        self._free = asyncio.Event()

    def set(self, payload: bytes) -> None:
        """What is told from now on."""
        if payload != self._payload:
            self._payload = payload
            self._changed.set()

    def connected(self) -> None:
        """The broker may have forgotten it."""
        self._changed.set()

    def hold(self) -> None:
        """An alert is to be sent, or there is no connection."""
        self._free.clear()

    def release(self) -> None:
        """Nothing else is to be sent."""
        self._free.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._free.wait()
            if self._payload is not None:
                self._changed.clear()
                with contextlib.suppress(LinkDown):
                    await self._publish(self._payload)
            await asyncio.sleep(self._apart_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._at_least_s - self._apart_s):
                    await self._changed.wait()
