"""The life of an alert, case by case."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from falld.alert.draft import Answer, Draft, OpenAlert
from falld.alert.episode import REMEMBER_S, SOURCES, TRANSITIONS
from falld.alert.life import OPEN_TESTS, Life


def numbered() -> Callable[[], str]:
    count = iter(range(1, 100_000))
    return lambda: f"alert-{next(count)}"


def new_life(raise_after_s: float = 20.0) -> Life:
    return Life(boot_id="boot-1", raise_after_s=raise_after_s, new_id=numbered())


@pytest.fixture
def life() -> Life:
    return new_life()


def fall(
    life: Life, now: float, impact_t: float, *, source: str = "watch", wearer: str = "anna", p: float = 0.9
) -> list[Draft]:
    return life.fall(now, wearer, source, impact_t, probability=p, model="m-1", why=f"impact at {impact_t:g}")


def words(drafts: list[Draft]) -> list[tuple[str, int, str]]:
    return [(d.alert_id, d.seq, d.state) for d in drafts]


def only(life: Life) -> OpenAlert:
    (alert,) = life.open_alerts()
    return alert


def test_a_fall_is_suspected_at_once_and_raised_when_nothing_happens(life: Life) -> None:
    (suspected,) = fall(life, 102.5, 100.0)
    assert suspected == Draft(
        alert_id="alert-1",
        seq=1,
        wearer="anna",
        sources=("watch",),
        kind="fall",
        state="suspected",
        raise_after_s=20.0,
        boot_id="boot-1",
        impact_t=100.0,
        probability=0.9,
        why="impact at 100",
        model="m-1",
        falls=1,
    )
    assert life.next_deadline() == 122.5
    assert life.advance(122.4) == []
    (raised,) = life.advance(122.5)
    assert (raised.seq, raised.state, raised.raise_after_s, raised.impact_t) == (2, "raised", None, 100.0)
    assert life.next_deadline() is None
    assert only(life).raised_t == 122.5


def test_a_fall_may_be_raised_at_once() -> None:
    drafts = fall(new_life(raise_after_s=0.0), 2.5, 0.0)
    assert [(d.seq, d.state, d.raise_after_s) for d in drafts] == [(1, "suspected", 0.0), (2, "raised", None)]


def test_what_is_due_comes_first_also_where_nobody_called_advance(life: Life) -> None:
    fall(life, 2.0, 0.0)
    assert words(life.cancel(30.0, "anna")) == [("alert-1", 2, "raised"), ("alert-1", 3, "cancelled")]


def test_two_deadlines_are_met_in_their_order(life: Life) -> None:
    fall(life, 2.0, 0.0, wearer="anna")
    fall(life, 3.0, 1.0, wearer="bert")
    assert life.next_deadline() == 22.0
    assert words(life.advance(50.0)) == [("alert-1", 2, "raised"), ("alert-2", 2, "raised")]


def test_the_same_impact_told_again_is_nothing(life: Life) -> None:
    fall(life, 2.0, 0.0)
    assert fall(life, 12.0, 0.4) == []
    life.advance(22.0)
    assert fall(life, 40.0, 0.0) == []
    life.respond(41.0, "alert-1", "false_alarm", "hub-1", "x")
    assert fall(life, 42.0, 0.0) == []


@pytest.mark.parametrize("end", ["cancelled", "recovered"])
def test_the_same_impact_told_again_does_not_wake_a_quiet_alert(life: Life, end: str) -> None:
    fall(life, 2.0, 0.0)
    drafts = life.cancel(10.0, "anna") if end == "cancelled" else life.recovered(10.0, "anna", 0.0)
    assert words(drafts) == [("alert-1", 2, end)]
    assert life.open_alerts() == []
    assert fall(life, 40.0, 0.0) == []
    assert life.advance(1000.0) == []


def test_another_wearable_within_30_s_saw_the_same_fall(life: Life) -> None:
    fall(life, 2.0, 0.0)
    (note,) = fall(life, 12.0, 30.0, source="belt", p=0.7)
    assert (note.seq, note.state, note.sources, note.falls) == (2, "note", ("watch", "belt"), 1)
    assert (note.impact_t, note.probability, note.why) == (0.0, 0.7, "impact at 30")
    assert note.raise_after_s == 10.0  # the deadline stays: 22 - 12
    assert words(life.advance(22.0)) == [("alert-1", 3, "raised")]


def test_the_same_fall_never_arms_a_quiet_alert(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.cancel(5.0, "anna")
    (note,) = fall(life, 6.0, 1.0, source="belt")
    assert (note.state, note.falls, note.raise_after_s) == ("note", 1, None)
    assert life.next_deadline() is None


@pytest.mark.parametrize(("source", "impact_t"), [("watch", 5.0), ("watch", 60.0), ("belt", 30.5), ("belt", 60.0)])
def test_a_further_fall_within_60_s_is_a_note_with_a_count(life: Life, source: str, impact_t: float) -> None:
    fall(life, 2.0, 0.0)
    life.advance(22.0)
    (note,) = fall(life, impact_t + 20.0, impact_t, source=source)
    assert (note.alert_id, note.seq, note.state, note.falls) == ("alert-1", 3, "note", 2)
    assert note.impact_t == impact_t


def test_a_further_fall_while_open_is_a_note_however_late(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.advance(22.0)
    assert words(fall(life, 90_002.0, 90_000.0)) == [("alert-1", 3, "note")]
    assert only(life).falls == 2


def test_a_further_fall_before_the_raise_leaves_the_deadline(life: Life) -> None:
    fall(life, 2.0, 0.0)
    (note,) = fall(life, 17.0, 15.0)
    assert (note.state, note.falls, note.raise_after_s) == ("note", 2, 5.0)
    assert life.next_deadline() == 22.0


@pytest.mark.parametrize("end", ["cancelled", "recovered"])
def test_a_second_fall_soon_after_a_quiet_one_is_armed_anew(life: Life, end: str) -> None:
    fall(life, 2.0, 0.0)
    if end == "cancelled":
        life.cancel(10.0, "anna")
    else:
        life.recovered(10.0, "anna", 0.0)
    (note,) = fall(life, 52.0, 50.0)
    assert (note.alert_id, note.seq, note.state, note.falls, note.raise_after_s) == ("alert-1", 3, "note", 2, 20.0)
    assert life.next_deadline() == 72.0
    (raised,) = life.advance(72.0)
    assert (raised.seq, raised.state, raised.impact_t, raised.falls) == (4, "raised", 50.0, 2)


def test_the_second_fall_can_be_cancelled_too(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.cancel(10.0, "anna")
    fall(life, 52.0, 50.0)
    assert words(life.cancel(60.0, "anna")) == [("alert-1", 4, "cancelled")]
    assert life.advance(1000.0) == []


def test_with_no_time_to_cancel_the_second_fall_is_raised_in_the_same_call() -> None:
    life = new_life()
    fall(life, 2.0, 0.0)
    life.cancel(10.0, "anna")
    hasty = Life.load(life.dump(), now=11.0, boot_id="boot-1", raise_after_s=0.0, new_id=numbered())
    assert [(d.state, d.raise_after_s) for d in fall(hasty, 52.0, 50.0)] == [("note", 0.0), ("raised", None)]


def test_after_60_s_a_quiet_alert_takes_nothing_more(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.cancel(10.0, "anna")
    assert words(fall(life, 63.0, 60.5)) == [("alert-2", 1, "suspected")]


def test_an_older_fall_told_late_counts_and_is_not_the_latest(life: Life) -> None:
    fall(life, 102.0, 100.0)
    life.cancel(103.0, "anna")
    (note,) = fall(life, 104.0, 60.0, source="belt")
    assert (note.state, note.falls, note.impact_t, note.raise_after_s) == ("note", 2, 60.0, 20.0)
    (raised,) = life.advance(124.0)
    assert raised.impact_t == 100.0


def test_falls_of_two_wearers_are_two_alerts(life: Life) -> None:
    fall(life, 2.0, 0.0, wearer="anna")
    assert words(fall(life, 2.1, 0.1, wearer="bert", source="belt")) == [("alert-2", 1, "suspected")]
    assert words(life.cancel(5.0, "bert")) == [("alert-2", 2, "cancelled")]


def test_a_closed_alert_never_reopens(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.advance(22.0)
    assert life.respond(25.0, "alert-1", "resolved", "hub-1", "x") == []
    assert words(fall(life, 30.0, 28.0)) == [("alert-2", 1, "suspected")]
    assert words(life.cancel(31.0, "anna")) == [("alert-2", 2, "cancelled")]
    assert life.recovered(32.0, "anna", 0.0) == []


def test_another_wearable_that_saw_a_closed_fall_begins_a_new_alert(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.respond(3.0, "alert-1", "false_alarm", "hub-1", "x")
    assert words(fall(life, 4.0, 1.0, source="belt")) == [("alert-2", 1, "suspected")]


def test_cancel_and_recovery_after_the_raise_are_said_once_for_each_fall(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.advance(22.0)
    assert words(life.cancel(30.0, "anna")) == [("alert-1", 3, "cancelled")]
    assert only(life).withdrawn == "cancelled"
    assert life.cancel(31.0, "anna") == []
    assert words(life.recovered(32.0, "anna", 0.0)) == [("alert-1", 4, "recovered")]
    assert life.recovered(33.0, "anna", 0.0) == []
    assert only(life).state == "raised"
    fall(life, 100.0, 98.0)
    assert only(life).withdrawn is None
    assert words(life.cancel(101.0, "anna")) == [("alert-1", 6, "cancelled")]


def test_cancel_with_nothing_open_is_nothing(life: Life) -> None:
    assert life.cancel(1.0, "anna") == []
    fall(life, 2.0, 0.0)
    life.cancel(3.0, "anna")
    assert life.cancel(4.0, "anna") == []


@pytest.mark.parametrize("older", [0.0, 4.0, 5.0])
def test_a_recovery_from_an_older_fall_does_not_silence_the_latest(life: Life, older: float) -> None:
    fall(life, 2.0, 0.0)
    fall(life, 12.0, 10.0)
    assert life.recovered(15.0, "anna", older) == []
    assert words(life.recovered(16.0, "anna", 10.0)) == [("alert-1", 3, "recovered")]


def test_a_recovery_far_from_the_fall_is_nothing(life: Life) -> None:
    fall(life, 102.0, 100.0)
    assert life.recovered(110.0, "anna", 69.0) == []
    assert life.recovered(110.0, "bert", 100.0) == []
    assert words(life.recovered(110.0, "anna", 100.0)) == [("alert-1", 2, "recovered")]


def test_a_recovery_seen_by_the_other_wearable_counts(life: Life) -> None:
    fall(life, 2.0, 0.0)
    fall(life, 3.0, 0.5, source="belt")
    assert words(life.recovered(15.0, "anna", 0.5)) == [("alert-1", 3, "recovered")]


def test_a_help_call_is_raised_at_once(life: Life) -> None:
    drafts = life.help(5.0, "anna", "button")
    assert [(d.kind, d.seq, d.state, d.raise_after_s) for d in drafts] == [
        ("help", 1, "suspected", 0.0),
        ("help", 2, "raised", None),
    ]
    for draft in drafts:
        assert (draft.sources, draft.falls) == (("button",), None)
        assert (draft.impact_t, draft.probability, draft.model) == (None, None, None)
    assert life.help(6.0, "bert")[0].sources == ()


def test_a_help_call_raises_a_suspected_fall(life: Life) -> None:
    fall(life, 2.0, 0.0)
    (raised,) = life.help(5.0, "anna", "button")
    assert (raised.alert_id, raised.kind, raised.state, raised.impact_t) == ("alert-1", "fall", "raised", 0.0)
    assert raised.why == "help called; impact at 0"
    assert raised.sources == ("watch", "button")
    assert life.next_deadline() is None


def test_a_help_call_on_a_raised_alert_is_a_note_that_lifts_it_again(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.advance(22.0)
    life.cancel(23.0, "anna")
    (note,) = life.help(60.0, "anna")
    assert (note.seq, note.state, note.why) == (4, "note", "help called; impact at 0")
    assert only(life).withdrawn is None
    assert words(life.cancel(61.0, "anna")) == [("alert-1", 5, "cancelled")]


def test_a_help_call_after_a_quiet_fall_is_an_alert_of_its_own(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.cancel(3.0, "anna")
    assert words(life.help(4.0, "anna")) == [("alert-2", 1, "suspected"), ("alert-2", 2, "raised")]


def test_a_fall_during_a_help_call_is_a_note_on_it(life: Life) -> None:
    life.help(1.0, "anna", "button")
    (first,) = fall(life, 12.0, 10.0)
    assert (first.kind, first.seq, first.state, first.falls) == ("help", 3, "note", 1)
    assert (first.sources, first.impact_t) == (("button", "watch"), 10.0)
    (second,) = fall(life, 200.0, 198.0)
    assert (second.seq, second.falls) == (4, 2)
    assert words(life.cancel(201.0, "anna")) == [("alert-1", 5, "cancelled")]


def test_a_cancelled_help_call_stays_open(life: Life) -> None:
    life.help(1.0, "anna")
    (cancelled,) = life.cancel(2.0, "anna")
    assert (cancelled.seq, cancelled.state) == (3, "cancelled")
    assert life.recovered(3.0, "anna", 0.0) == []
    assert only(life).state == "raised"


def test_a_test_alarm_stands_apart_from_falls_and_calls(life: Life) -> None:
    drafts = life.test(1.0, "anna")
    assert [(d.kind, d.seq, d.state, d.raise_after_s) for d in drafts] == [
        ("test", 1, "suspected", 0.0),
        ("test", 2, "raised", None),
    ]
    assert life.cancel(2.0, "anna") == []
    assert words(fall(life, 3.0, 1.0)) == [("alert-2", 1, "suspected")]
    assert words(life.test(4.0, "anna"))[0] == ("alert-3", 1, "suspected")
    assert words(life.help(5.0, "anna")) == [("alert-2", 2, "raised")]
    assert [a.kind for a in life.open_alerts()] == ["test", "fall", "test"]


def test_too_many_open_test_alarms_become_notes(life: Life) -> None:
    for _ in range(OPEN_TESTS):
        assert len(life.test(1.0, "home-1")) == 2
    assert words(life.test(2.0, "home-1")) == [(f"alert-{OPEN_TESTS}", 3, "note")]
    assert len(life.open_alerts()) == OPEN_TESTS
    assert len(life.test(2.0, "anna")) == 2
    life.respond(3.0, "alert-1", "resolved", "hub-1", "x")
    assert len(life.test(4.0, "home-1")) == 2


def test_the_hub_that_answers_first_is_kept(life: Life) -> None:
    fall(life, 2.0, 0.0)
    for response, hub, by in (("seen", "hub-1", "x"), ("attending", "hub-2", "y")):
        answer: Answer = "seen" if response == "seen" else "attending"
        assert life.respond(5.0, "alert-1", answer, hub, by) == []
    assert (only(life).response, only(life).hub, only(life).by) == ("seen", "hub-1", "x")
    life.respond(6.0, "alert-1", "attending", "hub-1", "z")
    assert (only(life).response, only(life).hub, only(life).by) == ("attending", "hub-1", "z")
    assert words(life.advance(22.0)) == [("alert-1", 2, "raised")]


@pytest.mark.parametrize("answer", ["resolved", "false_alarm"])
def test_a_person_closes_a_suspected_alert_before_it_is_raised(life: Life, answer: Answer) -> None:
    fall(life, 2.0, 0.0)
    life.respond(4.0, "alert-1", "seen", "hub-1", "x")
    assert life.respond(5.0, "alert-1", answer, "hub-2", "y") == []
    assert life.open_alerts() == []
    assert life.next_deadline() is None
    assert life.advance(1000.0) == []


def test_a_response_to_nothing_known_is_nothing(life: Life) -> None:
    before = life.dump()
    assert life.respond(1.0, "alert-9", "resolved", "hub-1", "x") == []
    assert life.dump() == before


def test_a_quiet_alert_that_a_person_closed_takes_no_further_fall(life: Life) -> None:
    fall(life, 2.0, 0.0)
    life.cancel(3.0, "anna")
    life.respond(4.0, "alert-1", "resolved", "hub-1", "x")
    assert words(fall(life, 12.0, 10.0)) == [("alert-2", 1, "suspected")]


def test_a_restart_in_the_same_boot_keeps_the_deadline(life: Life) -> None:
    fall(life, 2.0, 0.0)
    again = Life.load(json.loads(json.dumps(life.dump())), now=9.0, boot_id="boot-1", new_id=numbered())
    assert again.next_deadline() == 22.0
    assert again.dump() == life.dump()


def test_after_a_reboot_a_suspected_alert_is_due_at_once(life: Life) -> None:
    fall(life, 5002.0, 5000.0)
    again = Life.load(life.dump(), now=30.0, boot_id="boot-2", new_id=numbered())
    assert again.next_deadline() == 30.0
    (raised,) = again.advance(30.0)
    assert (raised.seq, raised.state, raised.impact_t, raised.boot_id) == (2, "raised", 5000.0, "boot-1")


def test_after_a_reboot_windows_are_over_but_an_open_alert_is_still_open(life: Life) -> None:
    fall(life, 42.0, 40.0)
    life.advance(62.0)
    again = Life.load(life.dump(), now=30.0, boot_id="boot-2", new_id=numbered())
    assert only(again).raised_t == 30.0
    assert again.recovered(41.0, "anna", 40.0) == []
    (note,) = fall(again, 42.0, 40.0, source="belt")
    assert (note.seq, note.state, note.falls, note.impact_t, note.boot_id) == (3, "note", 2, 40.0, "boot-2")
    assert again.fall(43.0, "anna", "belt", 40.0, probability=0.9, model="m-1", why="") == []
    assert words(again.recovered(44.0, "anna", 40.0)) == [("alert-1", 4, "recovered")]


def test_after_a_reboot_quiet_and_closed_alerts_are_over(life: Life) -> None:
    fall(life, 42.0, 40.0, wearer="anna")
    life.cancel(43.0, "anna")
    fall(life, 42.0, 40.0, wearer="bert")
    life.respond(43.0, "alert-2", "resolved", "hub-1", "x")
    again = Life.load(life.dump(), now=30.0, boot_id="boot-2", new_id=numbered())
    assert again.dump() == {"boot_id": "boot-2", "episodes": []}


def test_what_can_no_longer_matter_is_forgotten(life: Life) -> None:
    fall(life, 2.0, 0.0, wearer="anna")
    life.cancel(3.0, "anna")
    life.help(3.0, "bert")
    life.respond(4.0, "alert-2", "resolved", "hub-1", "x")
    life.advance(5.0)
    assert len(life.dump()["episodes"]) == 1
    life.advance(REMEMBER_S)
    assert len(life.dump()["episodes"]) == 1
    life.advance(REMEMBER_S + 0.001)
    assert life.dump()["episodes"] == []


def test_an_alert_that_stays_open_for_days_stays_small(life: Life) -> None:
    for n in range(300):
        fall(life, 100.0 * n + 2.0, 100.0 * n, source=f"wearable-{n}")
    assert only(life).falls == 300
    assert only(life).sources == tuple(f"wearable-{n}" for n in range(SOURCES))
    assert len(json.dumps(life.dump())) < 8192


def test_every_state_is_reached_and_none_leaves_closed() -> None:
    assert {state for state, _ in TRANSITIONS} == {"suspected", "quiet", "raised"}
    assert {state for _, state in TRANSITIONS.values()} == {"suspected", "quiet", "raised", "closed"}
