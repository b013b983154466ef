"""What a daemon's health comes to, and a test alarm's way."""

from __future__ import annotations

from typing import Any

import pytest

from falld.checkup.running import of_health, of_legs, of_route

STRAP = {
    "source": "strap", "state": "streaming", "since_s": 30.0, "samples": 990, "fault": None, "rate_hz": 50.0,
    "battery": 87, "rssi": -60, "lost": 10,
}  # fmt: skip


def health(**other: Any) -> dict[str, Any]:
    return {"radio": [], "outbox": 0, "wearables": [], **other}


@pytest.mark.parametrize(
    ("other", "verdict", "what"),
    [
        ({}, "pass", "streaming, 50 samples a second, battery 87 %, -60 dBm, 1.00 % lost"),
        ({"battery": 20}, "do", "streaming, 50 samples a second, battery 20 %, -60 dBm, 1.00 % lost"),
        ({"fault": "bundle b: cannot detect: 10 Hz; let it sample faster"}, "do", "bundle b: cannot detect: 10 Hz"),
        (
            {"state": "searching", "rate_hz": None, "rssi": None, "lost": 0, "battery": None},
            "skip",
            "searching for 30 s",
        ),
    ],
)
def test_a_wearable(other: dict[str, Any], verdict: str, what: str) -> None:
    outbox, strap = of_health(health(wearables=[STRAP | other]))
    assert (outbox.check, outbox.verdict) == ("outbox", "pass")
    assert (strap.check, strap.verdict, strap.what) == ("wearable strap", verdict, what)


def test_what_is_ill_besides() -> None:
    found = of_health(
        health(
            config_fault="f: broken; mend it", radio=["adapter: blind; plug it in"], outbox_fault="o: full; make room"
        )
    )
    assert [(each.check, each.verdict, each.remedy) for each in found] == [
        ("running file", "do", "mend it"),
        ("outbox", "do", "make room"),
        ("radio", "do", "plug it in"),
    ]


@pytest.mark.parametrize(
    ("other", "verdicts"),
    [
        ({"beat_age_s": 3.0}, ["pass", "pass"]),
        ({"beat_age_s": None}, ["pass", "skip"]),
        ({"beat_age_s": 99.0, "hub_fault": "b: nobody listens; start the hub"}, ["pass", "do"]),
        ({"beat_age_s": 3.0, "fault": "b: refused; ask"}, ["do", "pass"]),
    ],
)
def test_a_route(other: dict[str, Any], verdicts: list[str]) -> None:
    found = of_route("broker", {"protocol": "5", "fault": None, "hub_fault": None} | other)
    assert [each.check for each in found] == ["broker login", "broker hub"]
    assert [each.verdict for each in found] == verdicts


def test_a_trip_over_one_of_two_routes() -> None:
    legs = [("committed", 0.1, None), ("hub_committed", 0.25, "a:1"), ("hub_committed", 0.5, "a:1")]
    first, second = of_legs(legs, {"a:1": "broker 1", "b:2": "broker 2"})
    assert (first.verdict, first.what) == ("pass", "a monitoring hub has committed a test alarm after 0.250 s")
    assert (second.check, second.verdict) == ("broker 2 trip", "do")
