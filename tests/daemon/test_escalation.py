"""The home's own alarm: when it is due, and that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from brokers import free_port, running, until
from homes import Listening, Scripted, config, decision, standing
from homes import running as at_home

from falld.alert.life import Life
from falld.daemon.alarm import Alarm, AlarmError
from falld.daemon.escalation import Deadlines, Due, Escalation
from falld.errors import FalldError


def a_life(*, fell: float = 100.0, raise_after_s: float = 20.0) -> Life:
    life = Life(boot_id="b1", raise_after_s=raise_after_s)
    life.fall(fell, "w1", "belt", fell, probability=0.9, model="m", why="fell")
    return life


def due(life: Life, deadlines: Deadlines) -> list[tuple[float, str]]:
    return [(d.t, d.stage) for d in deadlines.all(life.open_alerts())]


def test_a_fall_that_no_hub_takes_is_due_when_it_is_raised() -> None:
    life, deadlines = a_life(), Deadlines(20, 120)
    assert due(life, deadlines) == []
    life.advance(120.0)
    assert due(life, deadlines) == [(120.0, "commit"), (240.0, "seen")]


def test_a_call_has_the_whole_time() -> None:
    life, deadlines = Life(boot_id="b1"), Deadlines(20, 120)
    life.help(100.0, "w1")
    assert due(life, deadlines) == [(120.0, "commit"), (220.0, "seen")]


def test_one_commit_of_a_hub_ends_the_first_stage_and_an_answer_the_second() -> None:
    life, deadlines = a_life(), Deadlines(20, 120)
    (alert,) = life.open_alerts()
    deadlines.acked(alert.alert_id, 1)
    life.advance(120.0)
    assert due(life, deadlines) == [(240.0, "seen")]
    life.respond(130.0, alert.alert_id, "seen", "hub", "p1")
    assert due(life, deadlines) == []


def test_an_answer_without_a_commit_ends_both() -> None:
    life, deadlines = a_life(raise_after_s=0), Deadlines(20, 120)
    life.respond(101.0, life.open_alerts()[0].alert_id, "attending", "hub", "p1")
    assert due(life, deadlines) == []


@pytest.mark.parametrize("withdraw", ["cancel", "recover"])
def test_what_is_withdrawn_is_not_due_until_the_next_fall_which_counts_anew(withdraw: str) -> None:
    life, deadlines = a_life(), Deadlines(20, 120)
    life.advance(120.0)
    deadlines.acked(life.open_alerts()[0].alert_id, 2)
    if withdraw == "cancel":
        life.cancel(125.0, "w1")
    else:
        life.recovered(125.0, "w1", 100.0)
    assert due(life, deadlines) == []
    life.fall(500.0, "w1", "belt", 498.0, probability=0.9, model="m", why="fell")
    assert due(life, deadlines) == [(520.0, "commit"), (620.0, "seen")]


def test_a_test_alarm_sounds_nothing() -> None:
    life = Life(boot_id="b1")
    life.test(100.0, "h1")
    assert due(life, Deadlines(20, 120)) == []


def test_deadlines_survive_a_restart_and_what_is_not_in_the_outbox_a_hub_has() -> None:
    life = a_life()
    life.advance(120.0)
    alert_id = life.open_alerts()[0].alert_id
    again = Life.load(life.dump(), now=130.0, boot_id="b1")
    lost, known = (Deadlines(20, 120, [(alert_id, seq) for seq in unacked]) for unacked in ((1, 2), (2,)))
    for deadlines in (lost, known):
        deadlines.begin(again.open_alerts())
    assert due(again, lost) == [(120.0, "commit"), (240.0, "seen")]
    assert due(again, known) == [(240.0, "seen")]


def test_after_a_reboot_the_times_begin_anew() -> None:
    life = a_life()
    life.advance(120.0)
    again = Life.load(life.dump(), now=7.0, boot_id="b2")
    assert due(again, Deadlines(20, 120)) == [(27.0, "commit"), (127.0, "seen")]


class Sounded:
    """An escalation with a clock of the test's own, and what came of it."""

    def __init__(self, life: Life, command: Sequence[str] | None, *, done: Sequence[str] = (), apart_s: float = 0.0):
        self.t = 1000.0
        self.kept: list[list[str]] = []
        self.told: list[tuple[Due, FalldError | None]] = []
        self.escalation = Escalation(
            Deadlines(20, 120),
            Alarm(command, timeout_s=30),
            alerts=life.open_alerts,
            done=done,
            keep=self._keep,
            tell=lambda due, fault: self.told.append((due, fault)),
            apart_s=apart_s,
            now=lambda: self.t,
        )

    async def _keep(self, done: list[str]) -> None:
        self.kept.append(done)


async def test_each_stage_sounds_once_and_not_again_after_a_restart(tmp_path: Path) -> None:
    life = a_life(raise_after_s=0)
    alert_id = life.open_alerts()[0].alert_id
    said = tmp_path / "said"
    command = ["/bin/sh", "-c", f'echo "$FALLD_STAGE $FALLD_ALERT_ID" >> "{said}"']
    first = Sounded(life, command)
    async with running(first.escalation.run):
        await until(lambda: said.exists() and len(said.read_text().split()) == 4)
    assert said.read_text().split() == ["commit", alert_id, "seen", alert_id]
    again = Sounded(life, command, done=first.kept[-1])
    async with running(again.escalation.run):
        await asyncio.sleep(0.1)
    assert (again.told, first.escalation.fault) == ([], None)


async def test_they_are_apart() -> None:
    sounded = Sounded(a_life(raise_after_s=0), ["/bin/true"], apart_s=30)
    async with running(sounded.escalation.run):
        await until(lambda: sounded.kept)
        assert [due.stage for due, _ in sounded.told] == ["commit"]
        sounded.t += 30
        await until(lambda: len(sounded.kept) == 2)
    assert [due.stage for due, _ in sounded.told] == ["commit", "seen"]


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (None, "there is none; name a command"),
        (["/no/such/siren"], "/no/such/siren cannot be started: No such file or directory"),
        (["/bin/false"], "/bin/false failed with status 1"),
    ],
)
async def test_its_failure_is_a_fault(command: list[str] | None, what: str) -> None:
    sounded = Sounded(a_life(raise_after_s=0), command)
    async with running(sounded.escalation.run):
        await until(lambda: sounded.kept)
    assert what in str(sounded.escalation.fault)
    assert str(sounded.told[1][1]).startswith("alarm.command: ")


async def test_what_runs_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    alarm = Alarm(["/bin/sh", "-c", f'sleep 600 & echo $! > "{pid}.new"; mv "{pid}.new" "{pid}"; wait'], timeout_s=3)
    with pytest.raises(AlarmError, match="ran for 3 s and was killed"):
        await alarm.sound({})
    assert pid.exists()
    await until(lambda: not _lives(int(pid.read_text())))


async def test_it_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "hidden")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    check = 'test -z "$BROKER_PASSWORD$CREDENTIALS_DIRECTORY"'
    await Alarm(["/bin/sh", "-c", check], timeout_s=30, withhold=["BROKER_PASSWORD"]).sound({})
    with pytest.raises(AlarmError, match="failed with status 1"):
        await Alarm(["/bin/sh", "-c", check], timeout_s=30).sound({})


async def test_a_home_that_reaches_nobody_sounds_its_own_alarm_once(tmp_path: Path) -> None:
    said = tmp_path / "said"
    settings = config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 5)], raise_after_s=0)
    alarm: dict[str, Any] = {"command": ("/bin/sh", "-c", f'echo sounded >> "{said}"; exit 3'), "commit_s": 0.1}
    settings = settings.model_copy(update={"alarm": settings.alarm.model_copy(update=alarm)})
    home = Listening(settings, Scripted(decision("fall", 4.0, 2.0)))
    async with at_home(home.home):
        await until(lambda: home.count("alarm") == 2)
        assert "failed with status 3" in (await home.home.health())["alarm_fault"]
        await until(lambda: home.home._keeper.alarms)
    again = Listening(settings, Scripted())
    async with at_home(again.home):
        await until(lambda: again.count("ended") == 1)
        assert (await again.home.health())["open"]
    assert (said.read_text(), again.count("alarm")) == ("sounded\n", 0)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
