"""Intervals over people."""

from __future__ import annotations

import numpy as np
import pytest

from falld.learn.benchmark.bootstrap import difference, ratio, sensitivity_difference


def test_one_person_s_trials_are_one() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(20), 50)
    fell = np.ones(1000, bool)
    alike = np.repeat(rng.random(20) < 0.5, 50)
    mixed = rng.random(1000) < 0.5
    value, low, high = ratio(alike, fell, person)
    assert low < value < high
    assert high - low > 0.3, "20 people, not 1000 trials"
    assert np.diff(ratio(mixed, fell, person)[1:])[0] < 0.12


def test_the_same_method_does_not_differ_from_itself() -> None:
    hit = np.random.default_rng(1).random(60) < 0.7
    assert sensitivity_difference(hit, hit, np.ones(60, bool), np.repeat(np.arange(6), 10)) == (0.0, 0.0, 0.0)


def test_a_pair_differs_by_what_each_person_shows() -> None:
    person = np.repeat(np.arange(10), 10)
    fell = np.ones(100, bool)
    second = np.tile(np.arange(10) < 5, 10)
    first = second | np.tile(np.arange(10) == 7, 10)
    assert sensitivity_difference(first, second, fell, person) == pytest.approx((0.1, 0.1, 0.1))
    first[person < 5] = second[person < 5]
    value, low, high = sensitivity_difference(first, second, fell, person)
    assert value == pytest.approx(0.05)
    assert 0.0 < low < value < high < 0.1


def test_who_never_fell_is_not_drawn() -> None:
    person = np.array([0, 0, 1, 2])
    fell = np.array([True, True, True, False])
    assert ratio(np.array([1, 1, 1, 0]), fell, person) == (1.0, 1.0, 1.0)
    assert all(np.isnan(ratio(np.zeros(4), np.zeros(4), person)))


def test_rates_weigh_people_by_their_hours() -> None:
    value, low, high = difference(np.array([4.0, 0.0]), np.zeros(2), np.array([1.0, 3.0]), np.array([0, 1]))
    assert value == 1.0
    assert (low, high) == (0.0, 4.0)
