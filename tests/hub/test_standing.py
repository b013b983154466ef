from __future__ import annotations

from typing import Any

import pytest
from brokers import an_alert
from hypothesis import given
from hypothesis import strategies as st

from falld.hub.standing import EXTRA_S, LONGEST_S, USUAL_S, Standing, follow

Step = tuple[int, str] | tuple[int, str, dict[str, Any]]


def after(*steps: Step) -> Standing:
    standing = None
    for seq, state, *other in steps:
        standing = follow(standing, seq, an_alert(seq, state, **(other[0] if other else {})))
    assert standing is not None
    return standing


def told(standing: Standing) -> tuple[str, str | None, float | None]:
    return standing.state, standing.raised_by, standing.wait_s


def test_a_suspected_fall_is_waited_for_until_its_home_settles_it() -> None:
    assert told(after((1, "suspected"))) == ("suspected", None, 20 + EXTRA_S)
    assert told(after((1, "suspected"), (2, "raised"))) == ("raised", "home", None)
    assert told(after((1, "suspected"), (2, "cancelled"))) == ("cancelled", None, None)
    assert told(after((1, "suspected"), (2, "recovered"))) == ("recovered", None, None)


@pytest.mark.parametrize(("told_s", "waits_s"), [(0.0, 0.0), (None, USUAL_S), (86400.0, LONGEST_S)])
def test_waits_as_long_as_the_home_says_and_no_longer_than_a_home_can_be_told(
    told_s: float | None, waits_s: float
) -> None:
    assert after((1, "suspected", {"raise_after_s": told_s})).wait_s == waits_s + EXTRA_S


def test_a_note_settles_nothing() -> None:
    standing = after((1, "suspected"), (2, "note"))
    assert told(standing) == ("suspected", None, 35)
    assert standing.wait_seq == 1
    assert standing.last_seq == 2


def test_a_further_fall_before_that_begins_the_wait_anew() -> None:
    standing = after((1, "suspected"), (2, "note", {"falls": 2, "raise_after_s": 12.0}))
    assert (standing.wait_s, standing.wait_seq, standing.falls) == (12 + EXTRA_S, 2, 2)


@pytest.mark.parametrize("quiet", ["cancelled", "recovered"])
@pytest.mark.parametrize("raise_after_s", [20.0, None])
def test_a_further_fall_wakes_a_quiet_alert(quiet: str, raise_after_s: float | None) -> None:
    further = {"falls": 2, "raise_after_s": raise_after_s}
    standing = after((1, "suspected"), (2, quiet), (3, "note", further))
    assert told(standing) == ("suspected", None, 35)
    assert standing.wait_seq == 3


def test_the_same_fall_seen_again_leaves_a_quiet_alert_quiet() -> None:
    assert told(after((1, "suspected"), (2, "cancelled"), (3, "note"))) == ("cancelled", None, None)


def test_once_raised_it_stays_so_whatever_the_wearer_says() -> None:
    raised = after((1, "suspected"), (2, "raised"))
    cancelled = follow(raised, 3, an_alert(3, "cancelled"))
    assert told(cancelled) == ("cancelled", "home", None)
    assert told(follow(cancelled, 4, an_alert(4, "note", falls=2))) == ("raised", "home", None)


def test_who_raised_it_first_is_kept() -> None:
    hub = after((1, "suspected")).raised("hub")
    assert told(hub) == ("raised", "hub", None)
    assert told(follow(hub, 2, an_alert(2, "raised"))) == ("raised", "hub", None)
    assert told(follow(hub, 2, an_alert(2, "cancelled"))) == ("cancelled", "hub", None)


def test_an_older_message_after_a_newer_one_changes_nothing() -> None:
    newer = after((3, "cancelled"))
    for state in ("suspected", "raised", "note"):
        assert follow(newer, 2, an_alert(2, state)) == newer


def test_a_note_that_comes_first_is_not_trusted_to_be_harmless() -> None:
    assert told(after((3, "note"))) == ("suspected", None, 35)


def test_what_cannot_be_read_is_raised() -> None:
    assert told(follow(None, 1, None)) == ("raised", "hub", None)
    assert told(follow(after((1, "suspected")), 2, None)) == ("raised", "hub", None)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 6),
            st.sampled_from(["suspected", "raised", "cancelled", "recovered", "note"]),
            st.fixed_dictionaries({"falls": st.integers(1, 3), "raise_after_s": st.sampled_from([None, 0.0, 20.0])}),
        ),
        min_size=1,
    )
)
def test_every_alert_is_raised_waited_for_or_withdrawn(steps: list[tuple[int, str, dict[str, Any]]]) -> None:
    standing, raised = None, False
    for seq, state, other in steps:
        newest = standing is None or seq >= standing.last_seq
        standing = follow(standing, seq, an_alert(seq, state, **other))
        raised = raised or (newest and state == "raised")
        assert (standing.wait_s is not None) == (standing.state == "suspected")
        assert (
            standing.raised_by is not None
            or standing.wait_s is not None
            or standing.state in ("cancelled", "recovered")
        )
        assert (standing.raised_by is not None) == raised
