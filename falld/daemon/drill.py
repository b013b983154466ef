"""Test alarms: how long each leg of the road takes, the next one in time, and whether anybody answered the last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from falld.daemon.heard import Heard
from falld.errors import FalldError

LEGS = ("committed", "published", "hub_committed", "acknowledged")
LOOK_S = 60.0
"""Whether the next one is due is looked at this often."""


class TestUnanswered(FalldError):
    """Nobody answered the last test alarm."""

    __test__ = False


class Leg(NamedTuple):
    """A test alarm came so far."""

    leg: str
    after_s: float
    """Since it was asked for."""
    text: str
    route: str | None = None
    """Over which way, by the broker's host and port; None: a leg at home, or what a person did."""


class Drills:
    """Begins test alarms and remembers the last one, also one that a hub asked for.

    Wall time counts from one to the next, for no other clock spans a reboot. Where it runs backwards the time begins
    anew; where it jumps forward a test comes early.

    Args:
        test: begins one and gives its alert's id.
        last: what `keep` took last, in an earlier run; None: nothing.
        keep: takes what outlives a restart.
        every: from one to the next, counted from the first start too; None: none by itself.
        answer_s: a person has so long to answer it.
    """

    def __init__(
        self,
        test: Callable[[], Awaitable[str]],
        *,
        last: Mapping[str, Any] | None,
        keep: Callable[[dict[str, Any]], Awaitable[None]],
        every: timedelta | None,
        answer_s: float,
        now: Callable[[], float],
        utc: Callable[[], datetime],
    ) -> None:
        self._test = test
        self._keep = keep
        self._every = every
        self._answer = timedelta(seconds=answer_s)
        self._now = now
        self._utc = utc
        self._alert_id: str | None = last["alert_id"] if last else None
        self._answered = bool(last["answered"]) if last else False
        self._since = datetime.fromisoformat(last["utc"]) if last else utc()
        self._changed = asyncio.Event()
        self._listeners: set[asyncio.Queue[Heard]] = set()

    def hear(self, heard: Heard) -> None:
        """Of everything that happens at home."""
        if heard.kind not in LEGS:
            return
        for listener in self._listeners:
            listener.put_nowait(heard)
        said = heard.data
        if heard.kind == "committed" and (said["kind"], said["state"], said["seq"]) == ("test", "suspected", 1):
            self._alert_id, self._answered, self._since = said["alert_id"], False, self._utc()
            self._changed.set()
        elif heard.kind == "acknowledged" and said["alert_id"] == self._alert_id:
            self._answered = True
            self._changed.set()

    def change(self, *, every: timedelta | None, answer_s: float) -> None:
        """As `every` and `answer_s` of the beginning, from now on."""
        self._every = every
        self._answer = timedelta(seconds=answer_s)
        self._changed.set()

    @property
    def fault(self) -> TestUnanswered | None:
        """Nobody answered the last one in time."""
        waited = self._utc() - self._since
        if self._alert_id is None or self._answered or timedelta() <= waited < self._answer:
            return None
        what = f"of {self._since:%Y-%m-%d %H:%M} UTC: no person has answered it"
        remedy = "see that the hub shows it and that somebody looks, then try `falld test-alarm`"
        return TestUnanswered("the last test alarm", what, remedy)

    async def legs(self) -> AsyncGenerator[Leg, None]:
        """Begins one and follows it until a person has answered."""
        listener: asyncio.Queue[Heard] = asyncio.Queue()
        self._listeners.add(listener)
        try:
            begun = self._now()
            alert_id = await self._test()
            while True:
                heard = await listener.get()
                if heard.data["alert_id"] == alert_id:
                    after_s = round(max(heard.boottime - begun, 0.0), 3)
                    yield Leg(heard.kind, after_s, heard.text, heard.data.get("route"))
                    if heard.kind == "acknowledged":
                        return
        finally:
            self._listeners.discard(listener)

    async def run(self) -> None:
        """Until cancelled."""
        self._changed.set()
        while True:
            waited = self._utc() - self._since
            if waited < timedelta():
                self._since = self._utc()
                self._changed.set()
            elif self._every is not None and waited >= self._every:
                await self._test()
            if self._changed.is_set():
                self._changed.clear()
                last = {"alert_id": self._alert_id, "answered": self._answered, "utc": self._since.isoformat()}
                await self._keep(last)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
