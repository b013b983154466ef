"""How the home is, as it tells a monitoring hub."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from falld.alert.clock import boottime, clock_synced, utc_now
from falld.alert.draft import OpenAlert
from falld.alert.message import MODEL_MAX, WHY_MAX
from falld.alert.wire import Fault, Health, OpenEntry, Refused, ShadowCounts, WearableHealth
from falld.text import printable

AGAIN_S = 60.0
"""What has not changed is told again this often, with a fresh time."""
WEARABLES, OPEN, FAULTS = 16, 16, 8
"""As many as a message takes."""
COUNTED = 2**31 - 1
"""As far as a message counts."""
LOOK_S = 5.0
"""It is looked at this often, and when something happened: a wearable falls silent without a word."""


async def keep_telling(
    look: Callable[[], Awaitable[Mapping[str, Any]]], news: asyncio.Event, tell: Callable[[Health], None]
) -> None:
    """Until cancelled.

    Args:
        look: gives `Home.health`.
        news: is set when something happened.
        tell: takes the wire message.
    """
    report = HealthReport(tell, boottime)
    while True:
        news.clear()
        report.look(to_wire(await look(), utc_now(), clock_synced=clock_synced()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await news.wait()


class HealthReport:
    """Makes the wire message where there is news, or the last one is old.

    Args:
        tell: takes it.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(self, tell: Callable[[Health], None], now: Callable[[], float]) -> None:
        self._tell = tell
        self._now = now
        self._told: dict[str, Any] | None = None
        self._told_t = 0.0

    def look(self, health: Health) -> None:
        news = health.model_dump(exclude={"utc": True, "wearables": {"__all__": {"since_s"}}})
        if news != self._told or self._now() - self._told_t >= AGAIN_S:
            self._told, self._told_t = news, self._now()
            self._tell(health)


def to_wire(health: Mapping[str, Any], utc: datetime, *, clock_synced: bool) -> Health:
    """What of `Home.health` goes to the hub."""
    wearables, routes = health["wearables"], health["routes"]
    shadows = [w["shadow"] for w in wearables if w.get("shadow")]
    told: list[tuple[str, str | None]] = [
        ("outbox", health.get("outbox_fault")),
        ("config", health.get("config_fault")),
        ("alarm", health.get("alarm_fault")),
        *(("link", route["fault"]) for route in routes),
        ("certificate", health.get("certificate_fault")),
        *(("hub", route["hub_fault"]) for route in routes),
        *(("radio", fault) for fault in health.get("radio", ())),
        *(("wearable", w["fault"]) for w in wearables),
        ("test", health.get("test_fault")),
        ("clips", health.get("clip_fault")),
        # A bundle that cannot be used is one fault, however many wearables it is for.
        *(("shadow", fault) for fault in dict.fromkeys(shadow["fault"] for shadow in shadows)),
    ]
    faults = [Fault(code=code, what=printable(fault[:WHY_MAX])) for code, fault in told if fault]
    on_the_wire = [
        WearableHealth(
            source=w["source"],
            wearer=w["wearer"],
            state=w["state"],
            since_s=w["since_s"],
            battery=w.get("battery"),
            shadow=_shadow(w.get("shadow")),
        )
        for w in wearables
    ]
    return Health(
        boot_id=health["boot_id"],
        utc=utc,
        clock_synced=clock_synced,
        outbox=health["outbox"],
        wearables=tuple(on_the_wire[:WEARABLES]),
        open=tuple(OpenEntry(**alert) for alert in health["open"][:OPEN]),
        faults=tuple(faults[:FAULTS]),
        refused=_refused(health.get("counters", {})),
    )


def in_one_line(health: Health) -> str:
    """For the machine's own service manager."""
    streaming = sum(wearable.state == "streaming" for wearable in health.wearables)
    count = len(health.faults)
    faults = "no fault" if not count else f"{count} fault{'s' * (count > 1)}, the first: {health.faults[0].what}"
    waiting = f"{health.outbox} messages wait for a hub"
    return f"{streaming} of {len(health.wearables)} wearables stream, {waiting}, {faults}"


def open_entry(alert: OpenAlert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in OpenEntry.model_fields}


def _shadow(health: Mapping[str, Any] | None) -> ShadowCounts | None:
    if health is None:
        return None
    told = {name: health[name] for name in ShadowCounts.model_fields}
    return ShadowCounts(**told | {"model": printable(told["model"][:MODEL_MAX]) or "unnamed"})


def _refused(counters: Mapping[str, int]) -> Refused:
    names = {"invalid": "invalid", "retained": "dropped", "commands": "commands_refused"}
    return Refused(**{name: min(counters.get(counter, 0), COUNTED) for name, counter in names.items()})
