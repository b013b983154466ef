"""The table of what can happen to an alert, as docs/alerts.md shows it: `python -m falld.alert.table FILE` writes it
into the file anew."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from falld.alert.episode import TRANSITIONS, Event, State

BEGIN, END = "<!-- made by `make docs` -->\n", "<!-- end -->\n"
EVENTS: Mapping[Event, str] = {
    "due": "its time is over",
    "cancel": "the wearer cancels: a button or `falld cancel`",
    "recovery": "the wearer is up and walks again",
    "call": "the wearer calls for help, or a test alarm is asked for again",
    "same_fall": "another wearable saw the fall too",
    "further_fall": "a further fall",
    "close": "a person answers `resolved` or `false_alarm`",
}


def table() -> str:
    """In Markdown: a row for each event, a column for each state."""
    states = get_args(State)
    lines = [
        f"| what happens | {' | '.join(states)} |",
        "|---" * (1 + len(states)) + "|",
        *(f"| {EVENTS[event]} | {' | '.join(_cell(state, event) for state in states)} |" for event in get_args(Event)),
    ]
    return "\n".join(lines) + "\n"


def _cell(state: State, event: Event) -> str:
    """The message that goes out, and the next state where it is another one."""
    if (state, event) not in TRANSITIONS:
        return ""
    word, after = TRANSITIONS[state, event]
    said = "nothing is said" if word is None else f"`{word}`"
    return said if after == state else f"{said}, then {after}"


def with_table(page: str) -> str:
    """The page with the table of now between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no {BEGIN.strip()} with {END.strip()} after it")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
