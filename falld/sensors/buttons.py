"""Buttons that are heard by their advertisements alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping

from falld.sensors.adapter import Adapter, Seen
from falld.sensors.driver import FrameError
from falld.sensors.drivers.bthome import Buttons, Click, Kind, Pressed

log = logging.getLogger(__name__)


async def presses(
    adapter: Adapter, meanings: Mapping[str, Mapping[Click, Kind]], now: Callable[[], float]
) -> AsyncGenerator[Pressed, None]:
    """Each press once, for as long as it is listened to; the adapter scans meanwhile.

    Args:
        meanings: what each way of pressing means, by address.
        now: seconds of a clock that does not jump.
    """
    buttons = Buttons(meanings)
    pressed: asyncio.Queue[Pressed] = asyncio.Queue()
    told: set[str] = set()

    def look(seen: Seen) -> None:
        try:
            for each in buttons.seen(seen.advertisement, now()):
                pressed.put_nowait(each)
        except FrameError as error:
            if seen.advertisement.address not in told:
                told.add(seen.advertisement.address)
                log.error("%s", error)

    with adapter.watch(look):
        while True:
            yield await pressed.get()
