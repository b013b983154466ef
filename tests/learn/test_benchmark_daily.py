"""What is heard at one false alarm a day of ordinary life."""

from __future__ import annotations

import numpy as np

from falld.learn.baselines.own import Falld
from falld.learn.benchmark.cells import Rate
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.daily import one_a_day
from falld.learn.benchmark.equal import Point
from falld.learn.benchmark.events import Events, Gathered
from falld.learn.benchmark.judge import Judge, Split
from falld.learn.benchmark.parts import Parts
from falld.learn.extract import Trial
from falld.learn.truth import Truth
from falld.samples.recording import Meta

FALLS = 5
TRIALS = [
    *(Trial("lab", f"lab/{i}", Meta(placement="wrist"), Truth(5.0, 0.0), 0.01) for i in range(FALLS)),
    Trial("lab", "lab/0", Meta(placement="wrist"), Truth(None, 0.0), 0.1),
    Trial("days", "days/0", Meta(placement="wrist"), Truth(None, 0.0), 48.0),
]
LAB, DAYS = FALLS, FALLS + 1


def heard(back: list[bool] | None = None) -> tuple[Point, Rate]:
    """Falls with scores of 1 to 5, seen 30 s after the impact; in the lab one of 9, in two days 4.5, 3.5 and 2.5."""
    facts = Facts.of(TRIALS)
    trial = np.array([*range(FALLS), LAB, DAYS, DAYS, DAYS])
    impact_t = np.array([5.0] * FALLS + [5.0, 100.0, 200.0, 300.0])
    t = impact_t + 30.0
    score = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 4.5, 3.5, 2.5])
    late = np.zeros(len(trial), bool)
    events = Events(trial, impact_t, t, score, late, t - facts.impact[trial], late.astype(np.int64))
    gathered = Gathered(Falld(), events, back=None if back is None else np.array(back))
    every, lab = np.ones(len(TRIALS), bool), facts.lab
    judge = Judge(facts, gathered, [Split(score, every, every)], lab)
    section = one_a_day(facts, {"falld": judge}, Parts.of(facts, every, every))
    ((_, group, _, falls, point, life),) = section.rows
    assert (group, falls) == ("wrist", FALLS)
    assert isinstance(point, Point)
    assert isinstance(life, Rate)
    return point, life


def test_the_lowest_threshold_that_ordinary_life_allows_hears_the_falls_above_it() -> None:
    point, life = heard()
    assert (point.hits, life.count, life.hours) == (3, 2, 48.0), "two alarms in two days; the lab is not asked"
    assert 2.5 < point.threshold <= 3.0


def test_who_walks_again_is_not_heard_of() -> None:
    point, life = heard([False, False, False, False, True, False, True, False, False])
    assert (point.hits, life.count) == (4, 2)
    assert point.threshold <= 1.0
