"""What a hub is told of a home, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from falld.alert.wire import Health, parse
from falld.daemon.health import AGAIN_S, HealthReport, to_wire

UTC_NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def a_route(**other: Any) -> dict[str, Any]:
    return {"route": "h:1", "up": True, "protocol": "5", "fault": None, "hub_fault": None} | other


def a_home(**other: Any) -> dict[str, Any]:
    wearable = {"source": "belt", "wearer": "w1", "state": "streaming", "since_s": 3.0, "samples": 150, "fault": None}
    home = {
        "boot_id": "b1",
        "outbox": 0,
        "wearables": [wearable],
        "open": [],
        "routes": [a_route()],
    }
    return home | other


def as_told(**other: Any) -> Health:
    return to_wire(a_home(**other), UTC_NOW, clock_synced=True)


def test_a_home_that_is_well() -> None:
    health = as_told()
    assert (health.faults, health.open, health.outbox) == ((), (), 0)
    assert health.wearables[0].model_dump() == {
        "source": "belt", "wearer": "w1", "state": "streaming", "since_s": 3.0, "battery": None, "shadow": None,
    }  # fmt: skip


def test_faults_of_link_and_wearables_are_told_the_links_first() -> None:
    failed = a_home()["wearables"][0] | {"state": "failed", "fault": "f" * 999}
    health = as_told(wearables=[failed], routes=[a_route(fault="h:1: nothing listens there")])
    assert [(fault.code, fault.what[:5], len(fault.what)) for fault in health.faults] == [
        ("link", "h:1: ", 26),
        ("wearable", "fffff", 256),
    ]


def test_alerts_that_are_not_safe_on_the_disk_are_the_first_fault() -> None:
    health = as_told(routes=[a_route(fault="h:1: nothing listens there")], outbox_fault="outbox.db: is full")
    assert [(fault.code, fault.what[:9]) for fault in health.faults] == [("outbox", "outbox.db"), ("link", "h:1: noth")]


def test_each_route_tells_its_faults() -> None:
    health = as_told(routes=[a_route(fault="h:1: down", hub_fault="h:1: silent"), a_route(hub_fault="h:2: silent")])
    told = [(fault.code, fault.what) for fault in health.faults]
    assert told == [("link", "h:1: down"), ("hub", "h:1: silent"), ("hub", "h:2: silent")]


def test_a_broken_configuration_is_told_first() -> None:
    health = as_told(config_fault="f.yaml: is broken", routes=[a_route(fault="h:1: down")])
    assert [(fault.code, fault.what) for fault in health.faults] == [
        ("config", "f.yaml: is broken"),
        ("link", "h:1: down"),
    ]


def test_a_message_holds_no_more_than_it_can() -> None:
    failed = a_home()["wearables"][0] | {"state": "failed", "fault": "f"}
    alert = {"alert_id": "01a20376-aaf8-707b-a36f-5413210208f6", "wearer": "w1", "kind": "test", "state": "raised"}
    health = as_told(wearables=[failed] * 40, open=[alert] * 40)
    assert (len(health.wearables), len(health.open), len(health.faults)) == (16, 16, 8)
    assert len(health.payload()) < Health.max_bytes


def test_news_are_told_at_once_and_the_rest_from_time_to_time() -> None:
    told: list[Health] = []
    t = 0.0
    report = HealthReport(told.append, lambda: t)
    report.look(as_told())
    older = a_home()["wearables"][0] | {"since_s": 4.0}
    report.look(as_told(wearables=[older]))
    assert len(told) == 1
    report.look(as_told(outbox=1))
    assert len(told) == 2
    t = AGAIN_S - 1
    report.look(as_told(outbox=1))
    assert len(told) == 2
    t = AGAIN_S
    report.look(as_told(outbox=1))
    assert len(told) == 3


def test_what_was_refused_is_told_where_it_was_any() -> None:
    assert b"refused" not in as_told(counters={"invalid": 0}).payload()
    told = as_told(counters={"invalid": 3, "dropped": 2, "commands_refused": 2**40, "sent": 9}).refused
    assert (told.invalid, told.retained, told.commands) == (3, 2, 2**31 - 1)


def test_the_largest_health_fits() -> None:
    wide = "\N{OLD PERSIAN SIGN A}"
    shadow = {
        "model": wide * 999,
        "fall": 2**31 - 1,
        "confirmed": 2**31 - 1,
        "recovered": 2**31 - 1,
        "fault": wide * 999,
    }
    wearable = {
        "source": "s" * 64, "wearer": "w" * 64, "state": "s" * 32, "since_s": 9999999999.999, "battery": 100,
        "fault": "\ud800\n" * 999, "shadow": shadow,
    }  # fmt: skip
    opened = {
        "alert_id": "0190163d-8694-739b-aea5-966c26f8ad90", "wearer": "w" * 64, "kind": "help", "state": "suspected",
        "withdrawn": "cancelled", "response": "false_alarm", "hub": "h" * 64, "by": "\x01" * 64,
    }  # fmt: skip
    told = as_told(
        boot_id="b" * 64,
        outbox=2**31 - 1,
        wearables=[wearable] * 99,
        open=[opened] * 99,
        routes=[a_route(fault=wide * 999, hub_fault=wide * 999)] * 2,
        **{f"{name}_fault": wide * 999 for name in ("alarm", "test", "config", "outbox", "clip")},
        counters={"invalid": 2**40, "dropped": 2**40, "commands_refused": 2**40},
    )
    assert parse(Health, told.payload(), "t") == told
    assert len(told.payload()) > 0.8 * Health.max_bytes
    assert "??" in as_told(wearables=[wearable]).faults[0].what
