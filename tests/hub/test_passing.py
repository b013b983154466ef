"""Alerts on their way from responder to responder, with real commands and a real store."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from brokers import ALERT_ID, an_alert, running, until

from falld.alert.wire import Alert
from falld.hub.incoming import Incoming
from falld.hub.passing import Passing
from falld.hub.responders import Responder, Roster
from falld.hub.show import Event, NotTold, PassedOn
from falld.hub.store import Store
from falld.publish.worker import Worker

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Desk:
    """A store with an alert that is raised, and a clock that is set by hand."""

    def __init__(self, store: Store, call: Worker, folder: Path) -> None:
        self.store = store
        self.call = call
        self.folder = folder
        self.shown: list[Event] = []
        self.t = 1000.0

    def responder(self, name: str, command: str | None = "cat >> told; echo >> told", **more: Any) -> Responder:
        """One who writes what they are told into a file."""
        words = None if command is None else ("sh", "-c", f"cd {self.folder}; {command}")
        return Responder(id=name, command=words, **more)

    @contextlib.asynccontextmanager
    async def passing(self, *responders: Responder, seen_s: float = 120.0) -> AsyncIterator[Passing]:
        it = Passing(
            Roster(responders=responders, seen_s=seen_s),
            self.store,
            self.call,
            show=self.shown.append,
            now=lambda: self.t,
            utc=lambda: NOW + timedelta(seconds=self.t - 1000.0),
        )
        async with running(it.run):
            yield it

    def later(self, passing: Passing, by_s: float) -> None:
        self.t += by_s
        passing._changed.set()

    async def commit(self, *alerts: Alert) -> None:
        await self.call(self.store.commit, [Incoming.read("h1", alert.payload(), "") for alert in alerts], NOW)

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(event.responder, event.why) for event in self.shown if isinstance(event, PassedOn)]

    @property
    def told(self) -> list[dict[str, Any]]:
        file = self.folder / "told"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def outcomes(self) -> list[str | None]:
        return [turn.outcome for turn in (await self.call(self.store.turns.all)).get(("h1", ALERT_ID), [])]

    async def settled(self, *outcomes: str) -> None:
        async with asyncio.timeout(60):
            while await self.outcomes() != list(outcomes):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    call = Worker("hub-store")
    try:
        store = await call(Store.open, tmp_path / "hub.db")
        it = Desk(store, call, tmp_path)
        await it.commit(an_alert(1), an_alert(2, "raised"))
        yield it
        await call(store.close)
    finally:
        call.close()


async def test_one_after_another_until_somebody_answers(desk: Desk) -> None:
    async with desk.passing(desk.responder("anna"), desk.responder("ben")) as passing:
        await desk.settled("told")
        for _ in range(2):
            desk.later(passing, 119)
            desk.later(passing, 1)
            n = len(desk.turns)
            await until(lambda n=n: len(desk.turns) == n + 1)
        await desk.settled("told", "told", "told")
        await desk.call(desk.store.respond, ALERT_ID, "seen", "ben", NOW)
        desk.later(passing, 500)
        await asyncio.sleep(0.1)
    late = "no answer in 120 s"
    assert desk.turns == [("anna", ""), ("ben", late), ("anna", late)]
    assert [(one["responder"], one["turn"]) for one in desk.told] == [("anna", 1), ("ben", 2), ("anna", 3)]
    assert desk.told[0]["alert_id"] == ALERT_ID
    assert desk.told[0]["wearer"] == "w1"


async def test_what_came_late_goes_to_two_at_once(desk: Desk) -> None:
    async with desk.passing(desk.responder("anna"), desk.responder("ben"), desk.responder("cleo")) as passing:
        await desk.settled("told")
        await desk.call(desk.store._db.execute, "DELETE FROM turn")
        desk.shown.clear()
        passing.begin("h1", ALERT_ID, late=True)
        await desk.settled("told", "told")
    assert desk.turns == [("anna", "it came late"), ("ben", "it came late")]


async def test_a_command_that_fails_passes_on_at_once_and_waits_after_all_failed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    responders = (
        desk.responder("anna", "exit 3"),
        Responder(id="ben", command=("no-such-program",)),
        desk.responder("cleo", "sleep 60", timeout_s=0.2),
    )
    async with desk.passing(*responders):
        await desk.settled("failed", "failed", "failed")
        await asyncio.sleep(0.1)
    assert [name for name, _ in desk.turns] == ["anna", "ben", "cleo"]
    whys = [event.why for event in desk.shown if isinstance(event, NotTold)]
    assert ["status 3" in whys[0], "cannot be started" in whys[1], "was killed" in whys[2]] == [True] * 3
    assert "responder anna" in caplog.text


async def test_a_restart_neither_forgets_nor_repeats(desk: Desk) -> None:
    both = desk.responder("anna"), desk.responder("ben")
    async with desk.passing(*both):
        await desk.settled("told")
    desk.t += 100
    async with desk.passing(*both) as passing:
        await asyncio.sleep(0.1)
        assert len(desk.told) == 1
        desk.later(passing, 20.5)
        await desk.settled("told", "told")
    assert [one["responder"] for one in desk.told] == ["anna", "ben"]


async def test_a_turn_that_was_cut_off_is_done_again(desk: Desk) -> None:
    async with desk.passing(desk.responder("anna", "sleep 60")):
        await until(lambda: desk.turns == [("anna", "")])
    async with desk.passing(desk.responder("anna")):
        await desk.settled("told")
    assert desk.turns == [("anna", "")]
    assert [one["responder"] for one in desk.told] == ["anna"]


async def test_without_a_command_the_screen_tells(desk: Desk) -> None:
    async with desk.passing(desk.responder("desk", None)):
        await desk.settled("told")
    assert "to        desk, home h1, alert" in desk.shown[0].line()


async def test_nobody_is_told_where_nobody_is_named(desk: Desk) -> None:
    async with desk.passing() as passing:
        passing.begin("h1", ALERT_ID)
        await asyncio.sleep(0.05)
    assert await desk.outcomes() == []


async def test_the_turns_of_an_alert_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falld.hub.turns.KEPT", 3)
    roster = Roster(responders=(Responder(id="a"),))
    for _ in range(5):
        await desk.call(desk.store.turns.pass_on, [("h1", ALERT_ID)], roster, NOW)
    turns = (await desk.call(desk.store.turns.all))["h1", ALERT_ID]
    assert [turn.number for turn in turns] == [3, 4, 5]
