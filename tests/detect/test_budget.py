"""The cap on one wearer's false alarms."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falld.detect.budget import DECAY, LOOKS_PER_DAY, RECENT, STEP, STEPS, Budget, doubtful_ladder, ladder

LIMITS = ladder(0.5)


def observed(budget: Budget, days: float) -> Budget:
    for _ in range(round(days * LOOKS_PER_DAY)):
        budget.look()
    return budget


def alarmed(budget: Budget, *logits: float) -> Budget:
    for i, logit in enumerate(logits):
        budget.count(float(i), 1 / (1 + np.exp(-logit)), LIMITS)
    return budget


def test_the_ladder_begins_at_the_limit_and_goes_up_evenly_in_logits() -> None:
    limits = np.array(ladder(0.7))
    assert limits[0] == 0.7
    np.testing.assert_allclose(np.diff(np.log(limits / (1 - limits))), STEP, atol=1e-4)
    assert len(limits) == STEPS + 1
    assert ladder(1.01) == (1.01,) * (STEPS + 1)


@given(st.floats(0.001, 0.9999), st.floats(0.001, 0.9999))
def test_doubts_stay_below_thresholds_on_every_step(a: float, b: float) -> None:
    low, high = doubtful_ladder(min(a, b)), ladder(max(a, b))
    assert all(x <= y for x, y in zip(low, high, strict=True))
    assert list(low) == sorted(low)


def test_the_first_hour_takes_three_alarms_to_move_anything() -> None:
    budget = observed(Budget(3.0), 1 / 24)
    assert budget.raised == 0
    assert alarmed(budget, 0.05, 3.0).raised == 0
    assert alarmed(budget, 0.35).raised == 1


def test_the_lowest_limits_that_keep_the_budget_are_in_force() -> None:
    budget = alarmed(observed(Budget(3.0), 0.4), 0.05, 0.15, 0.25, 0.35, 0.45)
    # Three are allowed: two that are free, and three a day. Five are there, the lowest two are to be silent.
    assert budget.raised == 2
    assert observed(budget, 0.3).raised == 1
    assert observed(budget, 0.29).raised == 1
    assert observed(alarmed(Budget(3.0), 0.05, 0.15, 0.25, 0.35), 0.7).raised == 0


def test_it_never_moves_further_than_its_limit() -> None:
    assert alarmed(Budget(3.0), *[9.0] * 1000).raised == STEPS


@given(st.lists(st.floats(-3, 12), max_size=60), st.floats(0.5, 20))
def test_limits_hold_whatever_is_counted(logits: list[float], per_day: float) -> None:
    assert 0 <= alarmed(Budget(per_day), *logits).raised <= STEPS


@given(st.lists(st.floats(0, 3), max_size=30), st.floats(0, 3))
def test_one_more_alarm_never_lowers_the_limits(logits: list[float], more: float) -> None:
    assert alarmed(Budget(3.0), *logits, more).raised >= alarmed(Budget(3.0), *logits).raised


def test_a_budget_below_the_design_rate_raises_nothing_unseen() -> None:
    assert Budget(0.5).raised == 0
    assert alarmed(Budget(0.5), 0.05).raised == 1


def test_what_is_below_its_limit_is_no_alarm() -> None:
    assert alarmed(Budget(2.0), -0.1).raised == 0


def test_old_evidence_decays() -> None:
    budget = observed(alarmed(Budget(2.0), *[5.0] * 8), 7)
    kept = budget.dump()
    assert kept["alarms"].sum() == pytest.approx(4.0)
    assert kept["days"] == pytest.approx(sum(DECAY**k for k in range(1, 8)))


def test_a_true_fall_is_not_counted() -> None:
    budget = alarmed(Budget(2.0), 0.55)
    assert budget.raised == 6
    budget.was_fall(0.0)
    assert budget.raised == 0


def test_a_true_fall_of_days_ago_takes_its_own_part_alone() -> None:
    budget = observed(alarmed(Budget(2.0), 1.05, 1.05), 1)
    budget.was_fall(1.0)
    assert budget.dump()["alarms"].sum() == pytest.approx(DECAY)


def test_a_fall_may_be_known_before_it_is_counted() -> None:
    budget = Budget(2.0)
    budget.was_fall(0.0)
    assert alarmed(budget, 0.55).raised == 0
    assert alarmed(budget, 0.55).raised == 6


def test_what_is_kept_is_bounded_and_goes_on_the_same() -> None:
    budget = alarmed(observed(Budget(3.0), 1.1), *[0.25] * (3 * RECENT))
    for i in range(3 * RECENT):
        budget.was_fall(1000.0 + i)
    kept = copy.deepcopy(budget.dump())
    assert (len(kept["recent"]), len(kept["falls"])) == (RECENT, RECENT)
    again = Budget(3.0)
    again.restore(kept)
    for each in (budget, again):
        alarmed(observed(each, 1), 0.75, 0.85)
    assert again.raised == budget.raised
    np.testing.assert_equal(again.dump(), budget.dump())
