"""The table of what can happen to an alert."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from falld.alert.episode import TRANSITIONS, Event
from falld.alert.table import EVENTS, table, with_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_table(text) == text, "run `make docs`"
    assert table() in text


def test_every_transition_is_in_it() -> None:
    cells = [cell.strip() for line in table().splitlines()[2:] for cell in line.strip("|").split("|")[1:]]
    assert sum(bool(cell) for cell in cells) == len(TRANSITIONS)
    assert EVENTS.keys() == set(get_args(Event))


def test_a_page_without_a_place_for_it_is_left_alone() -> None:
    with pytest.raises(ValueError, match="make docs"):
        with_table("# Alerts\n")
