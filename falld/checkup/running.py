"""What a running daemon's health says, thing by thing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from falld.checkup.finding import Finding

LOW_BATTERY = 20
"""Percent: a wearable that lasts a week has a day left."""
FAULTS = {
    "config_fault": "running file", "outbox_fault": "outbox", "alarm_fault": "alarm", "test_fault": "last test",
    "clip_fault": "clips",
}  # fmt: skip
"""Faults of the home that stand by themselves, and the names of their checks."""
ON_THE_WAY = {"starting", "connecting", "searching", "silent"}


def of_health(health: Mapping[str, Any]) -> list[Finding]:
    """Of each wearable, and of what is ill besides.

    Args:
        health: as `falld.daemon.home.Home.health`.
    """
    ill = [_fault(check, health[key]) for key, check in FAULTS.items() if health.get(key)]
    radio = [_fault("radio", fault) for fault in health["radio"]]
    waiting = health["outbox"]
    if not health.get("outbox_fault"):
        few = "nothing waits" if not waiting else f"{waiting} messages wait"
        ill.append(Finding("outbox", "pass", f"{few} for a monitoring hub"))
    return [*ill, *radio, *map(_wearable, health["wearables"])]


def of_route(name: str, route: Mapping[str, Any]) -> list[Finding]:
    """Login and hub, of a route that the daemon keeps up.

    Args:
        name: of the broker in the checks.
    """
    login = f"the daemon is logged in, MQTT {route['protocol']}; the home's topics may be listened to"
    found = [_fault(f"{name} login", route["fault"]) if route["fault"] else Finding(f"{name} login", "pass", login)]
    if route["hub_fault"]:
        found.append(_fault(f"{name} hub", route["hub_fault"]))
    elif route["beat_age_s"] is None:
        what = "no monitoring hub was heard yet, which beats every 30 s"
        found.append(Finding(f"{name} hub", "skip", what, "try again in a minute"))
    else:
        found.append(Finding(f"{name} hub", "pass", f"a monitoring hub was heard {route['beat_age_s']:.0f} s ago"))
    return found


def of_legs(legs: Sequence[tuple[str, float, str | None]], routes: Mapping[str, str]) -> list[Finding]:
    """A test alarm's round trip over each route.

    Args:
        legs: what came, after how many seconds, and over which route.
        routes: each one's name in the checks, by what it is called in the legs.
    """
    found = []
    for where, name in routes.items():
        after = [after_s for leg, after_s, route in legs if (leg, route) == ("hub_committed", where)]
        check = f"{name} trip"
        if after:
            found.append(Finding(check, "pass", f"a monitoring hub has committed a test alarm after {after[0]:.3f} s"))
        else:
            what = "no monitoring hub has committed the test alarm"
            found.append(Finding(check, "do", what, "see that a hub runs at this broker, and its own log"))
    return found


def _wearable(health: Mapping[str, Any]) -> Finding:
    check = f"wearable {health['source']}"
    state, told = health["state"], _told(health)
    if health["fault"]:
        return _fault(check, health["fault"])
    if health.get("battery") is not None and health["battery"] <= LOW_BATTERY:
        return Finding(check, "do", told, "charge it, or give it a new battery")
    if state in ON_THE_WAY:
        return Finding(check, "skip", f"{told} for {health['since_s']:.0f} s", "try again in a minute")
    return Finding(check, "pass" if state == "streaming" else "skip", told)


def _told(health: Mapping[str, Any]) -> str:
    parts = [health["state"]]
    if health.get("rate_hz") is not None:
        parts.append(f"{health['rate_hz']:g} samples a second")
    if health.get("battery") is not None:
        parts.append(f"battery {health['battery']} %")
    if health.get("rssi") is not None:
        parts.append(f"{health['rssi']} dBm")
    if health.get("lost"):
        parts.append(f"{100 * health['lost'] / (health['lost'] + health['samples']):.2f} % lost")
    return ", ".join(parts)


def _fault(check: str, fault: str) -> Finding:
    what, _, remedy = fault.partition("; ")
    return Finding(check, "do", what, remedy)
