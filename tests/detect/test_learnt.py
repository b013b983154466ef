"""A detector that learns: in the stream's order, whatever the cuts, kept and gone on with."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import hard_impacts, knocks

from falld.detect.budget import STEPS, WATCHED
from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event
from falld.detect.learnt import Learnt
from falld.detect.state import StateError
from falld.samples.block import Block
from falld.samples.clock import Clock

CLOCK = Clock("stamps", 50.0)
BUNDLE = hard_impacts()


def both(per_day: float = 2.0) -> Learnt:
    """At the design rate no alarm is free: the first one moves the limits."""
    return Learnt.empty(calibrate=True, budget_per_day=per_day)


def run(
    block: Block, cuts: list[int], learnt: Learnt | None, *, saved: bool = False, by: Bundle = BUNDLE
) -> list[Event]:
    detector = Detector(by, CLOCK, "waist", candidates=True, learnt=learnt)
    out: list[Event] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(block)]):
        if saved:
            # The budget's amount is a setting and not kept.
            detector = Detector(BUNDLE, CLOCK, "waist", candidates=True, learnt=both(), state=detector.save())
        out += detector.feed(Block(block.t[a:b], block.acc[a:b]))
    return out + detector.finish()


streams = st.builds(
    knocks,
    st.lists(st.sampled_from([1.4, 1.9, 2.1, 2.2, 2.4, 3.0]), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.4, 2.0, 7.0, 17.0]),
)


@settings(max_examples=60, deadline=None)
@given(streams, st.lists(st.integers(0, 10_000), max_size=30), st.booleans())
def test_any_cut_and_any_saved_state_gives_the_same_events(block: Block, cuts: list[int], saved: bool) -> None:
    whole, parts = both(), both()
    expected = run(block, [], whole)
    assert run(block, [min(cut, len(block)) for cut in cuts], parts, saved=saved) == expected
    if not saved:
        np.testing.assert_equal(parts.dump(), whole.dump())


@pytest.mark.parametrize("size", [1, 50, 51, 333])
def test_even_cuts_give_the_same_events(size: int) -> None:
    block = knocks([2.2, 2.1, 3.0, 2.2], 5)
    assert run(block, list(range(size, len(block), size)), both()) == run(block, [], both())


def decisions(events: list[Event], *kinds: str) -> list[Decision]:
    return [event for event in events if isinstance(event, Decision) and event.event in kinds]


def test_a_candidate_is_judged_by_what_was_still_before_it() -> None:
    block = knocks([2.2, 2.2, 2.2, 2.2], 3)
    plain = [event.probability for event in decisions(run(block, [], None), "candidate")]
    first = Learnt.empty(calibrate=True, budget_per_day=None)
    learnt = [event.probability for event in decisions(run(block, [], first), "candidate")]
    assert len(plain) == len(learnt) == 4
    gains = [np.log(p / (1 - p)) / np.log(q / (1 - q)) for p, q in zip(learnt, plain, strict=True)]
    assert all(gain < 0.99 for gain in gains)
    again = decisions(run(block, [], first), "candidate")
    # What is known from before makes the first one smaller than it was.
    assert again[0].probability < learnt[0]


def test_the_gate_measures_as_the_sensor_does() -> None:
    """1.6 g for a sensor that shows 6 % too much is less in truth, and is found all the same."""
    block = knocks([1.4, 1.55, 1.55], 0)
    found = [e.impact_t for e in decisions(run(block, [], None), "candidate")]
    assert len(found) == 2
    assert [e.impact_t for e in decisions(run(block, [], both()), "candidate")] == found


def budget(per_day: float) -> Learnt:
    return Learnt.empty(calibrate=False, budget_per_day=per_day)


def test_a_restless_wearer_is_judged_by_higher_limits() -> None:
    block = knocks([2.3] * 6, 1, still_s=35, gain=1.0)
    assert len(decisions(run(block, [], None), "fall")) == 6
    events = run(block, [], budget(2.0), by=hard_impacts(doubt=0.75))
    falls = decisions(events, "fall")
    # 70 s lie between two: the first was followed up and counted, and is no longer one of a burst.
    assert len(falls) == 1
    told = decisions(events, "candidate")
    assert told[0].threshold == 0.8
    assert told[-1].threshold > 0.9
    assert falls[-1].threshold == next(e.threshold for e in told if e.impact_t == falls[-1].impact_t)
    # Those that are silenced were doubtful: nobody is to hear of them 30 s later either.
    assert len(decisions(events, "confirmed")) <= 1


def test_what_is_no_fall_at_once_any_more_is_a_doubt_first() -> None:
    learnt = budget(2.0)
    assert learnt.budget is not None
    learnt.budget.count(0.0, 0.6, [0.5] * WATCHED + [0.7] * (STEPS + 1 - WATCHED))
    assert learnt.budget.raised == WATCHED
    block = knocks([2.3], 1, still_s=40, gain=1.0)
    kinds = [e.event for e in decisions(run(block, [], learnt, by=hard_impacts(doubt=0.8)), "fall", "confirmed")]
    assert kinds == ["confirmed"]


def test_the_silenced_are_counted_on() -> None:
    learnt = budget(2.0)
    run(knocks([2.5] * 6, 1, still_s=20, gain=1.0), [], learnt)
    assert learnt.dump()["budget"]["alarms"].sum() == 6


def test_a_fall_in_the_first_hour_is_found_as_without() -> None:
    block = knocks([2.5, 2.5, 3.0], 2, still_s=20, gain=1.0)
    assert run(block, [], budget(3.0)) == run(block, [], None)


def test_a_hard_impact_is_a_fall_at_the_highest_limits_too() -> None:
    learnt = budget(2.0)
    run(knocks([9.0] * 40, 1, still_s=6, gain=1.0), [], learnt)
    assert learnt.budget is not None
    assert learnt.budget.raised == STEPS
    assert len(decisions(run(knocks([4.0], 1), [], learnt), "fall")) == 1


def test_a_true_fall_is_no_false_alarm() -> None:
    block = knocks([2.5], 1, still_s=40, gain=1.0)
    learnt = budget(2.0)
    detector = Detector(BUNDLE, CLOCK, "waist", learnt=learnt)
    (fall,) = decisions(detector.feed(block) + detector.finish(), "fall")
    assert learnt.budget is not None
    assert learnt.budget.raised > 0
    detector.was_fall(fall.impact_t)
    assert learnt.budget.raised == 0


def test_a_silent_impact_hides_no_doubtful_one() -> None:
    learnt = budget(2.0)
    assert learnt.budget is not None
    learnt.budget.count(0.0, 0.6, [0.5] * 7 + [0.7] * 4)
    assert learnt.budget.raised == 7
    # At 2.02 g nobody is told, at 2.2 g there is a doubt, 4 s later.
    block = knocks([2.02, 2.2, 1.0], 4, still_s=2.0, gain=1.0)
    confirmed = decisions(run(block, [], learnt), "confirmed")
    assert [round(float(np.log(e.probability / (1 - e.probability))), 1) for e in confirmed] == [1.0]


def test_what_is_kept_goes_on_with_another_recording_and_refuses_another_bundle() -> None:
    learnt = both()
    run(knocks([2.5, 2.6, 2.7], 1), [], learnt)
    again = both()
    again.read(learnt.to_bytes("stand-in"), "stand-in")
    np.testing.assert_equal(again.dump(), learnt.dump())
    with pytest.raises(StateError, match="with stand-in"):
        both().read(learnt.to_bytes("stand-in"), "another")
    with pytest.raises(StateError, match="cannot be read"):
        both().read(Detector(BUNDLE, CLOCK, "waist").save().replace(b"\x00" * 8, b"\x01" * 8), "stand-in")


def test_a_part_that_is_off_is_left_and_one_that_is_new_begins() -> None:
    learnt = both()
    run(knocks([2.5, 2.6, 2.7], 1), [], learnt)
    gravity = Learnt.empty(calibrate=True, budget_per_day=None)
    gravity.read(learnt.to_bytes("m"), "m")
    assert gravity.dump()["budget"] is None
    np.testing.assert_equal(gravity.dump()["gravity"], learnt.dump()["gravity"])
    back = both()
    back.read(gravity.to_bytes("m"), "m")
    assert back.budget is not None
    assert back.budget.raised == 0
