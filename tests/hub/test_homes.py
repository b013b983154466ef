"""How homes are, and what was counted, as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, soon, until
from click.testing import CliRunner

from falld.alert.topics import Topics
from falld.alert.wire import Fault, Health, OpenEntry, Status
from falld.cli import main
from falld.hub.homes import SILENT_S, Homes, HomeState
from falld.hub.responders import Responder, Roster
from falld.hub.service import Hub
from falld.hub.show import Event, HomeChange, Learnt, PassedOn
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker

HOME = Topics("h1")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def health(*faults: str, **other: object) -> Health:
    said = {"boot_id": "b", "utc": NOW, "clock_synced": True, "outbox": 0, "wearables": (), "open": ()} | other
    return Health(faults=tuple(Fault(code="link", what=what) for what in faults), **said)  # type: ignore[arg-type]


def test_a_home_is_silent_when_its_health_is_missing() -> None:
    home = HomeState("h1", online=True, health_utc=NOW)
    assert home.silent_s(NOW + timedelta(seconds=SILENT_S)) is None
    assert home.silent_s(NOW + timedelta(seconds=SILENT_S + 1)) == SILENT_S + 1
    assert HomeState("h1", online=False, health_utc=NOW).silent_s(NOW + timedelta(days=1)) is None


def test_changes_alone_are_shown_and_since_is_when_it_came_or_went() -> None:
    shown: list[Event] = []
    utc = NOW
    homes = Homes(shown.append, lambda: utc)
    up, down = Status(online=True, boot_id="b"), Status(online=False, boot_id="b")
    for said in (up, up, down):
        homes.status("h1", said)
        utc += timedelta(minutes=1)
    homes.health("h1", health("no link", utc=NOW - timedelta(hours=1)), True)
    (state,) = homes.take_changed()
    assert (state.online, state.since) == (False, NOW + timedelta(minutes=2))
    assert state.health_utc == NOW - timedelta(hours=1)
    assert homes.take_changed() == []
    assert [(one.online, one.faults) for one in shown if isinstance(one, HomeChange)] == [
        (True, ()), (False, ()), (False, ("no link",)),
    ]  # fmt: skip


def test_homes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falld.hub.homes.HOMES", 2)
    homes = Homes(lambda event: None, lambda: NOW)
    for name in ("a", "b", "c"):
        homes.status(name, Status(online=True, boot_id="b"))
    assert sorted(state.home for state in homes.take_changed()) == ["a", "b"]


async def test_the_road_from_the_wire_to_the_verbs(need: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    shown: list[Event] = []
    call = Worker("hub-store")
    store = await call(Store.open, path)

    def falld(*arguments: str) -> list[str]:
        done = CliRunner().invoke(main, ["hub", *arguments, "--store", str(path)])
        assert done.exit_code == 0, done.output
        return done.output.splitlines()

    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        broker = Broker("127.0.0.1", mosquitto.port)
        home = Peer(broker, "home", subscribe=[HOME.ack], births=[])
        hub = Hub(
            broker, "x", store, call, show=shown.append, flush_s=0.05, backoff=soon(), timing=Timing(goodbye=0.2),
            roster=Roster(responders=(Responder(id="desk"),), seen_s=0.3),
        )  # fmt: skip
        async with running(hub.run, home.link.run):
            await until(lambda: hub.link.up and home.link.state.up)
            await home.link.publish(HOME.status, Status(online=True, boot_id="b").payload())
            await home.link.publish(HOME.alert, an_alert(1, kind="test").payload())
            await home.link.publish(HOME.alert, an_alert(2, "raised", kind="test").payload())
            await home.link.publish(HOME.alert, b"canary")
            await until(lambda: sum(isinstance(event, PassedOn) for event in shown) >= 2)
            answered = OpenEntry(
                alert_id=ALERT_ID, wearer="w1", kind="test", state="raised", response="seen", hub="y", by="ben"
            )
            await home.link.publish(HOME.health, health("no radio", open=(answered,)).payload())
            await home.link.publish(HOME.health, health("no radio", open=(answered,)).payload())
            await until(lambda: any(isinstance(event, Learnt) for event in shown))
            await until(lambda: "no radio" in "\n".join(falld("homes")))
            passed = [event for event in shown if isinstance(event, PassedOn)]
            assert (passed[0].turn, passed[0].why, passed[1].why) == (1, "", "no answer in 0.3 s")
            await until(lambda: '"name": "invalid", "count": 1' in "\n".join(falld("counters", "--json")))
        (said,) = (json.loads(line) for line in falld("homes", "--json"))
        assert (said["home"], said["online"], said["faults"], said["open_elsewhere"]) == ("h1", True, ["no radio"], [])
        assert said["last_test"] is not None
        (listed,) = (json.loads(line) for line in falld("list", "--json"))
        assert [(one["response"], one["hub"]) for one in listed["responses"]] == [("seen", "y")]
        assert [one["responder"] for one in listed["told"]] == ["desk"] * len(listed["told"])
        (line,) = falld("list")
        assert "passed on to desk at" in line
        assert "seen by ben at y" in line
        assert sum(isinstance(event, Learnt) for event in shown) == 1
        assert any(line.split()[:2] == ["2", "messages"] for line in falld("counters"))
    await call(store.close)
    call.close()
