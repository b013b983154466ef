"""Wall time joined to a draft."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from falld.alert.committed import Committed, Wall, join
from falld.alert.draft import Draft
from falld.alert.wire import Alert, parse

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
DRAFT = Draft(
    alert_id="0190163d-8694-739b-aea5-966c26f8ad90",
    seq=1,
    wearer="anna",
    sources=("watch",),
    kind="fall",
    state="suspected",
    raise_after_s=20.0,
    boot_id="boot-1",
    impact_t=97.5,
    probability=0.9,
    why="impact 5.2 g",
    model="m-1",
    falls=1,
)


def joined(draft: Draft, *, boot_id: str = "boot-1", walls: dict[str, Wall] | None = None) -> Committed:
    return join(draft, boot_id=boot_id, now=100.0, utc_now=NOON, clock_synced=True, walls=walls or {})


def message(committed: Committed) -> Alert:
    return parse(Alert, committed.body.encode(), "alert")


def test_an_impact_gets_its_wall_time() -> None:
    committed = joined(DRAFT)
    alert = message(committed)
    assert alert.impact_utc == NOON - timedelta(seconds=2.5)
    assert (alert.boot_id, alert.clock_synced, alert.raise_after_s, alert.falls) == ("boot-1", True, 20.0, 1)
    assert (committed.alert_id, committed.seq) == (DRAFT.alert_id, 1)
    assert (committed.boot_id, committed.impact_t) == ("boot-1", 97.5)
    assert committed.wall == Wall(100.0, NOON, True)


def test_a_call_without_an_impact_has_no_wall_time() -> None:
    call = replace(DRAFT, kind="help", impact_t=None, probability=None, model=None, falls=None, sources=())
    committed = joined(call)
    assert message(committed).impact_utc is None
    assert committed.wall is None


def test_after_a_reboot_wall_time_is_that_of_the_boot_of_the_impact() -> None:
    earlier = Wall(50.0, NOON - timedelta(days=1), False)
    committed = joined(DRAFT, boot_id="boot-2", walls={"boot-1": earlier})
    alert = message(committed)
    assert alert.impact_utc == NOON - timedelta(days=1) + timedelta(seconds=47.5)
    assert (alert.boot_id, alert.clock_synced) == ("boot-1", False)
    assert committed.wall is None


def test_an_impact_in_a_boot_that_nobody_knows_has_no_wall_time() -> None:
    assert message(joined(DRAFT, boot_id="boot-2")).impact_utc is None


def test_no_alert_is_refused_for_its_words_or_its_probability() -> None:
    odd = replace(
        DRAFT, sources=("s" * 100, "a\udc80\nb"), why="\x00" * 1000, model="m" * 1000, probability=math.nextafter(1, 2)
    )
    alert = message(joined(odd))
    assert alert.sources == ("s" * 64, "a??b")
    assert (alert.why, alert.model, alert.probability) == ("?" * 256, "m" * 128, 1.0)
    assert message(joined(replace(DRAFT, probability=math.nan))).probability is None
    assert message(joined(replace(DRAFT, why="gedreht 80°, Stoß 5,2 g"))).why == "gedreht 80°, Stoß 5,2 g"


def test_a_wearer_that_is_no_id_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValidationError, match="wearer"):
        joined(replace(DRAFT, wearer="a/b"))
