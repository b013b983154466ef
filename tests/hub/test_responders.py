"""Who is next, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from brokers import an_alert
from hypothesis import given
from hypothesis import strategies as st

from falld.hub.responders import Responder, Roster, RosterError, came_late, read_roster
from falld.hub.standing import follow

ABC = Roster(responders=tuple(Responder(id=name) for name in "abc"))


def test_they_take_turns_round_and_round() -> None:
    last, told = None, []
    for _ in range(5):
        last = ABC.after(last).id
        told.append(last)
    assert told == ["a", "b", "c", "a", "b"]


def test_one_who_is_no_longer_there_is_followed_by_the_first() -> None:
    assert ABC.after("gone").id == "a"


@given(st.integers(0, 20), st.integers(1, 5))
def test_a_failure_passes_on_at_once_until_all_were_tried(failures: int, count: int) -> None:
    roster = Roster(responders=tuple(Responder(id=str(n)) for n in range(count)), seen_s=7)
    assert roster.wait_s(failures) == (0 if failures % 21 in range(1, count) else 7)


@pytest.mark.parametrize(
    ("waits_s", "said", "late"),
    [
        (20.0, {"age_s": 30.0}, False),
        (20.0, {"age_s": 51.0}, True),
        (60.0, {"age_s": 51.0}, False),
        (60.0, {"age_s": 91.0}, True),
        (20.0, {"age_s": None}, False),
        (20.0, {"age_s": 12.0, "late": True}, True),
    ],
)
def test_late_is_what_no_hub_committed_in_time(waits_s: float, said: dict[str, Any], late: bool) -> None:
    before = follow(None, 1, an_alert(1, raise_after_s=waits_s))
    assert came_late(an_alert(2, "raised", **said), before) is late


def test_a_roster_is_read(tmp_path: Path) -> None:
    file = tmp_path / "responders.yaml"
    file.write_text("seen_s: 60\nresponders:\n  - {id: anna, command: [page, anna], timeout_s: 5}\n  - id: desk\n")
    roster = read_roster(file)
    assert (roster.seen_s, [one.id for one in roster.responders]) == (60, ["anna", "desk"])
    assert roster.responders[0].command == ("page", "anna")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("responders: [{id: a}, {id: a}]", "'a' is there twice"),
        ("responders: [{id: a, comand: [x]}]", "responders.0.comand"),
        ("responders: [{id: a, command: page a}]", "responders.0.command"),
        ("responders: [{id: a, command: []}]", "responders.0.command"),
        ("seen_s: 0", "seen_s"),
        ("responders: [", "is no YAML"),
        ("- a", "write `responders:`"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "responders.yaml"
    file.write_text(text)
    with pytest.raises(RosterError) as told:
        read_roster(file)
    assert what in str(told.value)
    assert str(file) in str(told.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="cannot be read"):
        read_roster(tmp_path / "none.yaml")
