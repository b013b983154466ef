"""The campaign in short: what falld bears, and that the same harness sees other designs lose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from crashpoints import count, crashes, failures, tried
from fixed import POINTS, Point, crash
from road import preload
from seeds import Plan, trial


@pytest.fixture(autouse=True, scope="module")
def _forked() -> None:
    preload()


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_death_at_the_worst_moment(point: Point, need: Callable[[str], str], tmp_path: Path) -> None:
    falld = crash(point, tmp_path / "falld", need("mosquitto"))
    assert (falld.lost, falld.late, falld.never_shown, falld.shown_twice) == ([], [], 0, 0)
    control = crash(point, tmp_path / "control", need("mosquitto"), control=True)
    assert control.lost


def test_deaths_that_overlap(need: Callable[[str], str], tmp_path: Path) -> None:
    plan = Plan(seed=1, homes=2, alerts=30, fault_apart_s=0.4, down_s=1.0, faults=8)
    verdict = trial("", plan, tmp_path / "trial", need("mosquitto"))
    assert verdict.alerts >= 60
    assert verdict.faults
    assert (verdict.lost, verdict.late, verdict.never_shown, verdict.shown_twice) == ([], [], 0, 0)


def test_a_crash_and_a_failure_at_some_steps_of_the_outbox(need: Callable[[str], str], tmp_path: Path) -> None:
    strace, folder = need("strace"), tmp_path / "steps"
    made = count(strace, folder)
    for kind in (crashes(made), failures(made)):
        verdict = tried("", strace, folder, kind[:: len(kind) // 3])
        assert verdict.alerts > 5
        assert (verdict.lost, verdict.wrong) == ([], [])
