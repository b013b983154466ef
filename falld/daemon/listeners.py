"""Who follows what happens at home, each at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from falld.daemon.heard import Heard

UNREAD = 1000
"""Of one that does not read: minutes of a home where something happens, some hundred kB."""

Listener = asyncio.Queue[Heard | None]
"""None: it did not read, and hears nothing more."""


class Listeners:
    def __init__(self) -> None:
        self._all: set[Listener] = set()

    @contextlib.contextmanager
    def one(self) -> Iterator[Listener]:
        queue: Listener = asyncio.Queue(UNREAD)
        self._all.add(queue)
        try:
            yield queue
        finally:
            self._all.discard(queue)

    def hear(self, heard: Heard) -> None:
        for queue in list(self._all):
            if queue.full():
                self._all.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(heard)
