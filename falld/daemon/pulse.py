"""Whether a monitoring hub still beats."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from falld.alert.wire import Beat, HubStatus
from falld.errors import FalldError

LONGEST_WAIT_S = 10.0
"""The loop's timers stand still while the machine is suspended, the silence does not: looked at again this often."""


class HubSilent(FalldError):
    """No monitoring hub has been heard for too long: nobody listens."""


class Pulse:
    """Watches for the beats of all hubs; one that beats is enough.

    A hub's birth is no beat, for what comes retained may be old, and its last will ends nothing: a hub that starts
    again soon is missed by nobody.

    Args:
        where: the broker.
        silent_s: without a beat for so long nobody listens; counted from the beginning too.
        changed: called with the fault when it comes, and with None when it goes.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self, where: str, silent_s: float, changed: Callable[[HubSilent | None], None], now: Callable[[], float]
    ) -> None:
        self.fault: HubSilent | None = None
        self._where = where
        self._silent_s = silent_s
        self._changed = changed
        self._now = now
        self.beat_t: float | None = None
        """When the last beat came; None: none did."""
        self._last = now()
        self._beat = asyncio.Event()

    def heard(self, said: HubStatus | Beat) -> None:
        if isinstance(said, Beat):
            self._last = self.beat_t = self._now()
            self._beat.set()

    def change(self, silent_s: float) -> None:
        """As `silent_s` of the beginning, from now on."""
        self._silent_s = silent_s
        self._beat.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._beat.clear()
            left = self._last + self._silent_s - self._now()
            if (left <= 0) != (self.fault is not None):
                self.fault = self._silent() if left <= 0 else None
                self._changed(self.fault)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if left <= 0 else min(left, LONGEST_WAIT_S)):
                    await self._beat.wait()

    def _silent(self) -> HubSilent:
        what = f"no monitoring hub has been heard for {self._silent_s:g} s: nobody listens"
        return HubSilent(self._where, what, "start the hub, or mend its way to the broker")
