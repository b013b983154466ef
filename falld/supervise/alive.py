"""Whether the parts that an alert needs still do their part, told to systemd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from falld.supervise.notify import Manager

PAUSE_S = 10.0
"""The longest from one look to the next: whoever asks `systemctl status` sees what was true so long ago at most."""
PER_SILENCE = 3
"""Looks in the time after which a silent service is killed: one may be late, and one datagram lost."""


async def keep_told(manager: Manager, look: Callable[[], Awaitable[str]]) -> None:
    """Until cancelled.

    An event loop that hangs does not come here, and a `look` that hangs does not come back: then the manager hears
    nothing more, and kills the service.

    Args:
        look: asks each part that must be alive, and gives one line on how the service is.
    """
    if not manager.listens:
        return
    silence_s = manager.watchdog_s
    pause_s = PAUSE_S if silence_s is None else min(PAUSE_S, silence_s / PER_SILENCE)
    manager.ready(await look())
    try:
        while True:
            await asyncio.sleep(pause_s)
            manager.alive(await look())
    finally:
        manager.stopping()
