"""Test alarms on the whole road, by themselves, and unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from brokers import Mosquitto, running, until
from homes import Listening, Monitoring, Scripted, config, standing
from homes import running as at_home

from falld.daemon.control import ControlError, ask
from falld.daemon.drill import Drills, Leg
from falld.daemon.health import to_wire
from falld.daemon.heard import Heard

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Drilled:
    def __init__(self, last: Mapping[str, Any] | None = None, every: timedelta | None = timedelta(days=7)) -> None:
        self.utc = NOON
        self.tests = 0
        self.kept: list[dict[str, Any]] = []
        self.drills = Drills(
            self._test, last=last, keep=self._keep, every=every, answer_s=120, now=lambda: 1.0, utc=lambda: self.utc
        )

    async def _test(self) -> str:
        self.tests += 1
        said = {"alert_id": f"a{self.tests}", "kind": "test", "state": "suspected", "seq": 1}
        self.drills.hear(Heard("committed", 1.0, "", said))
        return f"a{self.tests}"

    async def _keep(self, last: dict[str, Any]) -> None:
        self.kept.append(last)


async def test_the_next_one_comes_in_time_also_after_a_restart() -> None:
    first = Drilled()
    async with running(first.drills.run):
        await until(lambda: first.kept)
    assert (first.tests, first.drills.fault) == (0, None)
    again = Drilled(first.kept[-1])
    again.utc += timedelta(days=7)
    async with running(again.drills.run):
        await until(lambda: again.kept)
    assert again.tests == 1
    assert again.drills.fault is None
    again.utc += timedelta(seconds=120)
    assert str(again.drills.fault).startswith("the last test alarm: of 2026-02-07 12:00 UTC: no person has answered it")
    later = Drilled(again.kept[-1], every=None)
    later.utc = again.utc + timedelta(days=99)
    assert later.drills.fault is not None
    later.drills.hear(Heard("acknowledged", 1.0, "", {"alert_id": "a1"}))
    assert later.drills.fault is None
    async with running(later.drills.run):
        await until(lambda: later.kept)
    assert (later.tests, later.kept[-1]["answered"]) == (0, True)


async def test_a_clock_that_goes_back_begins_anew() -> None:
    drilled = Drilled({"alert_id": None, "answered": False, "utc": (NOON + timedelta(days=999)).isoformat()})
    async with running(drilled.drills.run):
        await until(lambda: drilled.kept)
    assert (drilled.tests, drilled.kept[-1]["utc"]) == (0, NOON.isoformat())


async def test_the_whole_road(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        settings = config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 1)])
        brief = settings.alarm.model_copy(update={"seen_s": 0.001})
        home = Listening(settings.model_copy(update={"alarm": brief}), Scripted())
        with pytest.raises(ControlError, match="start `falld run`"):
            list(ask(tmp_path, 30))
        async with Monitoring(tmp_path, broker.port).up() as hub, at_home(home.home):
            await until(lambda: home.count("link"))
            asked: asyncio.Future[list[Leg]] = asyncio.ensure_future(asyncio.to_thread(lambda: list(ask(tmp_path, 60))))
            await until(lambda: home.count("hub_committed") == 2)
            health = to_wire(await home.home.health(), NOON, clock_synced=True)
            assert [fault.code for fault in health.faults] == ["test"]
            (entry,) = await hub.entries()
            await hub.respond(entry.alert_id, "seen")
            legs = await asked
            assert (await home.home.health())["test_fault"] is None
    assert {leg.leg for leg in legs} == {"committed", "published", "hub_committed", "acknowledged"}
    assert (legs[0].leg, legs[-1].leg) == ("committed", "acknowledged")
    assert [leg.after_s for leg in legs] == sorted(leg.after_s for leg in legs)
