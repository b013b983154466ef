"""Counting trial by trial is the scoring rule; thresholds and loose scores on hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.learn.benchmark.counts import Facts, count, group
from falld.learn.benchmark.events import Events
from falld.learn.benchmark.groups import age_group, range_group, rate_group, sex_group
from falld.learn.benchmark.loose import best_on_itself, loose
from falld.learn.benchmark.thresholds import coarse, curve, fine
from falld.learn.extract import Table, Trial
from falld.learn.score import score
from falld.learn.truth import Truth
from falld.samples.recording import Meta

Candidates = list[tuple[float, float]]


def made(*trials: tuple[float | None, Candidates]) -> tuple[list[Trial], Events]:
    """Trials of 0.1 h, each with its impact and the impacts and scores of its candidates, decided 2.5 s later."""
    who = [
        Trial("lab", f"lab/{i}", Meta(placement="waist"), Truth(impact, 0.0), 0.1)
        for i, (impact, _) in enumerate(trials)
    ]
    rows = [(i, at, points) for i, (_, found) in enumerate(trials) for at, points in sorted(found)]
    trial = np.array([i for i, *_ in rows], np.int64)
    impact_t = np.array([at for _, at, _ in rows])
    hit = np.array([who[i].truth.hit(at, at + 2.5) for i, at, _ in rows], bool)
    impact = np.array([np.nan if who[i].truth.impact_s is None else who[i].truth.impact_s for i, *_ in rows])
    points = np.array([points for *_, points in rows])
    t = impact_t + 2.5
    return who, Events(trial, impact_t, t, points, hit, t - impact, np.zeros(len(rows), np.int64))


times = st.floats(0, 60, allow_nan=False)
found = st.lists(st.tuples(times, st.floats(0, 1)), max_size=8)


@given(st.lists(st.tuples(st.none() | times, found), min_size=1, max_size=5), st.floats(0, 1), st.data())
def test_the_sum_over_trials_is_the_score(
    trials: list[tuple[float | None, Candidates]], threshold: float, data: st.DataObject
) -> None:
    who, events = made(*trials)
    n = len(events.trial)
    acc, never = np.zeros((n, 0, 3), np.float32), np.full(n, np.inf)
    table = Table(who, events.trial, events.impact_t, events.t, acc, events.label, events.hit, never)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(who), max_size=len(who))))
    counts = count(events, events.score >= threshold, len(who))
    ours, rule = counts.score(Facts.of(who), chosen), score(table, events.score, np.full(n, threshold), chosen)
    assert (ours.falls, ours.hits, ours.alarms) == (rule.falls, rule.hits, rule.alarms)
    assert ours.hours == pytest.approx(rule.hours)


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | times, found), min_size=1, max_size=5), st.data())
def test_a_curve_is_the_rule_at_each_threshold(
    trials: list[tuple[float | None, Candidates]], data: st.DataObject
) -> None:
    who, events = made(*trials)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(who), max_size=len(who))))
    for steps in (None, fine(events.score, events.hit)):
        drawn = curve(events, events.score, chosen, steps)
        for i, threshold in enumerate(drawn.thresholds.tolist()):
            one = count(events, (events.score >= threshold) & chosen[events.trial], len(who))
            assert (drawn.hit[i] == one.hit).all()
            assert (drawn.alarms[i] == one.alarms).all()


def test_fine_thresholds_leave_out_one_false_alarm_after_the_other() -> None:
    score = np.random.default_rng(0).permutation(5000) / 5000.0
    hit = score >= 0.9
    steps = fine(score, hit)
    left = np.array([np.count_nonzero((score >= step) & ~hit) for step in steps.tolist()])
    assert left[-1] == 0
    assert set(range(300)) <= set(left.tolist())
    assert (np.diff(left[::-1]) <= np.maximum(1, 0.011 * left[::-1][1:] + 1)).all()
    assert left[0] == np.count_nonzero(~hit)
    assert (coarse(score, hit)[[0, -1]] == steps[[0, -1]]).all()


def test_the_delay_is_that_of_the_first_hit() -> None:
    who, events = made((20.0, [(19.5, 0.9), (24.0, 0.9)]), (None, [(5.0, 0.9)]))
    counts = count(events, events.score > 0, len(who))
    assert counts.delay[0] == pytest.approx(2.0)
    assert np.isnan(counts.delay[1])
    assert counts.any_alarm.tolist() == [True, True]


def test_the_lowest_threshold_within_a_rate() -> None:
    who, events = made((None, [(10.0, 0.2), (30.0, 0.5), (50.0, 0.7)]), (20.0, [(20.0, 0.6)]), (None, []))
    everything = np.ones(3, bool)
    found = curve(events, events.score, everything)
    facts = Facts.of(who)
    assert found.at_most(facts, everything, 20.0) == pytest.approx(0.2), "three in 0.2 h are allowed four"
    assert 0.5 < found.at_most(facts, everything, 5.0) <= 0.7, "one is allowed"
    assert 0.7 < found.at_most(facts, everything, 0.1) < 0.700001, "none is, and the next above is let through"
    assert found.at_most(facts, facts.fell, 2.0) == np.inf, "a fall shows no false alarms an hour"
    points = dict(found.points(facts, everything))
    assert (points[max(points)].hits, points[max(points)].alarms) == (0, 0)
    lowest = points[min(points)]
    assert (lowest.falls, lowest.hits, lowest.alarms) == (1, 1, 3)
    assert lowest.hours == pytest.approx(0.2)


def test_a_curve_without_events() -> None:
    who, events = made((20.0, []))
    everything = np.ones(1, bool)
    found = curve(events, events.score, everything)
    assert [point.hits for _, point in found.points(Facts.of(who), everything)] == [0]


def test_ordinary_life_is_long_and_without_a_fall() -> None:
    long = [Trial("x", "x/1", Meta(), Truth(impact, 0.0), 0.4) for impact in (None, 700.0)]
    facts = Facts.of([*long, *made((None, []))[0]])
    assert facts.life.tolist() == [True, False, False]
    assert facts.hours.tolist() == [0.4, 0.0, 0.1]


def test_the_loose_score_takes_any_alarm_at_any_time() -> None:
    who, events = made((100.0, [(3.0, 0.9)]), (100.0, []), (None, [(5.0, 0.9)]), (None, []), (None, []))
    facts, everything = Facts.of(who), np.ones(5, bool)
    counts = count(events, events.score >= 0.5, 5)
    assert counts.score(facts, everything).hits == 0
    found = loose(counts.any_alarm, facts, everything)
    assert [found.sensitivity, found.specificity] == pytest.approx([1 / 2, 2 / 3])
    assert found.accuracy == pytest.approx(7 / 12)


def test_the_best_threshold_on_itself() -> None:
    who, events = made((9.0, [(9.0, 0.4)]), (9.0, [(9.0, 0.9)]), (None, [(5.0, 0.6)]), (None, []), (None, [(1.0, 0.1)]))
    best = best_on_itself(events, events.score, Facts.of(who), np.ones(5, bool))
    assert [best.threshold, best.sensitivity, best.specificity] == pytest.approx([0.4, 1.0, 2 / 3])
    assert np.isnan(best_on_itself(events, events.score, Facts.of(who), np.zeros(5, bool)).accuracy)


def test_groups() -> None:
    assert [group(place) for place in ("thigh", "wrist", "ankle", "unknown")] == ["trunk", "wrist", "other", "other"]
    assert [age_group(Meta(age=age)) for age in (59.9, 60.0, None)] == ["below 60", "60 and older", "not said"]
    assert age_group(Meta(group="young (18-25)")) == "below 60"
    assert age_group(Meta(group="old")) == "60 and older"
    assert age_group(Meta(group="adult (not stated)")) == "not said"
    assert [sex_group(Meta(sex=sex)) for sex in ("F", "male", None)] == ["female", "male", "not said"]
    rates = [rate_group(Meta(sample_rate_hz=hz)) for hz in (20.0, 32.0, 50.0, 200.0, None)]
    assert rates == ["below 25 Hz", "25 to 45 Hz", "45 to 75 Hz", "75 Hz and more", "not said"]
    assert range_group(Meta(range_g=4.0)) == "4 g"
