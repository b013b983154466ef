"""How the home is, as it tells a monitoring hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

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
    faults = [Fault(code="radio", what=_cut(fault)) for fault in health.get("radio", ())]
    faults += [Fault(code="wearable", what=_cut(w["fault"])) for w in health["wearables"] if w["fault"]]
    if health.get("hub_fault"):
        faults.insert(0, Fault(code="hub", what=_cut(health["hub_fault"])))
    if health["link"]["fault"]:
        faults.insert(0, Fault(code="link", what=_cut(health["link"]["fault"])))
    if health.get("alarm_fault"):
        faults.insert(0, Fault(code="alarm", what=_cut(health["alarm_fault"])))
    if health.get("test_fault"):
        faults.append(Fault(code="test", what=_cut(health["test_fault"])))
    if health.get("config_fault"):
        faults.insert(0, Fault(code="config", what=_cut(health["config_fault"])))
    if health.get("outbox_fault"):
        faults.insert(0, Fault(code="outbox", what=_cut(health["outbox_fault"])))
    if health.get("clip_fault"):
        faults.append(Fault(code="clips", what=_cut(health["clip_fault"])))
    shadows = [w["shadow"] for w in health["wearables"] if w.get("shadow")]
    # A bundle that cannot be used is one fault, however many wearables it is for.
    faults += [Fault(code="shadow", what=_cut(what)) for what in dict.fromkeys(s["fault"] for s in shadows) if what]
    wearables = [
        WearableHealth(
            source=w["source"],
            wearer=w["wearer"],
            state=w["state"],
            since_s=w["since_s"],
            battery=w.get("battery"),
            shadow=_shadow(w.get("shadow")),
        )
        for w in health["wearables"]
    ]
    return Health(
        boot_id=health["boot_id"],
        utc=utc,
        clock_synced=clock_synced,
        outbox=health["outbox"],
        wearables=tuple(wearables[:WEARABLES]),
        open=tuple(OpenEntry(**alert) for alert in health["open"][:OPEN]),
        faults=tuple(faults[:FAULTS]),
        refused=_refused(health.get("counters", {})),
    )


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


def _cut(text: str) -> str:
    return printable(text[:WHY_MAX])
