"""Buttons that are heard by their advertisements alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from falld.sensors.adapter import Adapter, Seen
from falld.sensors.driver import FrameError
from falld.sensors.drivers.bthome import Buttons, Click, Kind, Pressed


async def presses(
    adapter: Adapter,
    meanings: Mapping[str, Mapping[Click, Kind]],
    now: Callable[[], float],
    *,
    doubt: Callable[[FrameError | None], None],
) -> AsyncGenerator[Pressed, None]:
    """Each press once, for as long as it is listened to; the adapter scans meanwhile.

    Args:
        meanings: what each way of pressing means, by address.
        now: seconds of a clock that does not jump.
        doubt: told at each advertisement of one of them why it cannot be read, None where it can; must not wait or
            raise.
    """
    buttons = Buttons(meanings)
    pressed: asyncio.Queue[Pressed] = asyncio.Queue()

    def look(seen: Seen) -> None:
        if not buttons.is_one(seen.advertisement):
            return
        fault: FrameError | None = None
        try:
            for each in buttons.seen(seen.advertisement, now()):
                pressed.put_nowait(each)
        except FrameError as error:
            fault = error
        doubt(fault)

    with adapter.watch(look):
        while True:
            yield await pressed.get()
