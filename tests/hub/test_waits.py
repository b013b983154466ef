from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from falld.hub.store import Waiting
from falld.hub.waits import GRACE_S, Waits

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_what_is_due_is_given_once() -> None:
    waits = Waits()
    waits.set("h", "a", 10)
    waits.set("h", "b", 20)
    waits.set("h", "c", 30)
    assert waits.next() == 10
    assert waits.take(9.9) == []
    assert waits.take(20) == [("h", "a"), ("h", "b")]
    waits.end("h", "c")
    waits.end("h", "never was")
    assert waits.next() is None


@pytest.mark.parametrize(
    ("passed_s", "left_s"),
    [(0, 35), (20, 15), (34, GRACE_S), (3600, GRACE_S), (-3600, 35)],
    ids=["at once", "in time", "nearly over", "long over", "the wall clock was set back"],
)
def test_after_a_restart_the_rest_is_waited_for(passed_s: float, left_s: float) -> None:
    waits = Waits()
    waits.resume([Waiting("h", "a", 35, NOW - timedelta(seconds=passed_s))], 1000, NOW)
    assert waits.next() == 1000 + left_s
