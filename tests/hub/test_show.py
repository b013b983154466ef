from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from brokers import ALERT_ID, an_alert

from falld.hub.show import HomeChange, ResponseSent, as_json, of_message, of_silence
from falld.hub.standing import follow

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def line(state: str, *, before: str | None = None, **other: Any) -> str:
    standing = None if before is None else follow(None, 1, an_alert(1, before))
    alert = an_alert(2, state, **other)
    return of_message(NOW, "h1", ALERT_ID, alert, follow(standing, 2, alert)).line()


def test_a_raised_alert_stands_out_and_says_all() -> None:
    assert line("raised", age_s=22.4) == (
        f"2026-01-31 12:00:00Z RAISED    fall of w1 in home h1, impact 22 s ago, 97%, impact 5.2 g, alert {ALERT_ID}"
    )


@pytest.mark.parametrize("state", ["suspected", "cancelled", "recovered"])
def test_what_makes_no_sound_is_small(state: str) -> None:
    assert f"Z {state.ljust(9)} fall" in line(state)


def test_a_note_sounds_where_the_alert_was_raised() -> None:
    assert " NOTE " in line("note", before="raised", falls=2)
    assert ", fall 2, " in line("note", before="raised", falls=2)
    assert " note " in line("note", before="suspected", falls=2)


@pytest.mark.parametrize(("age_s", "text"), [(0, "0 s ago"), (600, "10 min ago"), (86400, "24 h ago")])
def test_ages(age_s: float, text: str) -> None:
    assert text in line("raised", age_s=float(age_s))


def test_after_a_reboot_the_wall_time_of_the_impact_is_told() -> None:
    assert "impact at 2026-01-31T12:00:00.000Z" in line("raised", age_s=None, impact_utc=NOW)


def test_silence_is_told_as_the_reason() -> None:
    alert = an_alert()
    told = of_silence(NOW, "h1", ALERT_ID, alert, follow(None, 1, alert).raised("hub")).line()
    assert " RAISED " in told
    assert "no word since from the home; impact 5.2 g, raised by this hub" in told


def test_what_cannot_be_read_still_names_its_home() -> None:
    told = of_message(NOW, "h1", ALERT_ID, None, follow(None, 1, None)).line()
    assert "RAISED    alert in home h1, a message that cannot be read, raised by this hub" in told


def test_nobody_steers_the_terminal() -> None:
    assert "\x1b" not in line("raised", why="\x1b[2J\ngone")
    assert "\x1b" not in ResponseSent(NOW, "h1", ALERT_ID, "seen", "\x1b[2J").line()
    assert "\n" not in HomeChange(NOW, "h1", True, ("a\nb",)).line()


def test_json_has_the_same() -> None:
    alert = an_alert(2, "raised", impact_utc=NOW)
    told = json.loads(json.dumps(as_json(of_message(NOW, "h1", ALERT_ID, alert, follow(None, 2, alert)))))
    assert told["event"] == "alert"
    assert (told["word"], told["sounds"], told["raised_by"], told["probability"]) == ("raised", True, "home", 0.971)
    assert told["impact_utc"] == "2026-01-31T12:00:00.000Z"
    assert as_json(HomeChange(NOW, "h1", False, ()))["event"] == "home"
    assert as_json(ResponseSent(NOW, "h1", ALERT_ID, "seen", "a"))["event"] == "response"
