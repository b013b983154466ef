"""Equal false alarms: thresholds set on what is judged, in all and in every draw."""

from __future__ import annotations

import numpy as np
import pytest

from falld.learn.baselines.trace import Floats
from falld.learn.benchmark.counts import Facts, count
from falld.learn.benchmark.equal import Sweep, difference
from falld.learn.benchmark.events import Events
from falld.learn.extract import Trial
from falld.learn.truth import Truth
from falld.samples.recording import Meta

PEOPLE, EACH = 12, 20
RNG = np.random.default_rng(7)
TRIALS = [
    Trial("lab", f"lab/{p}", Meta(placement="waist"), Truth(5.0 if i % 2 else None, 0.0), 0.05)
    for p in range(PEOPLE)
    for i in range(EACH)
]
FACTS = Facts.of(TRIALS)
N = len(TRIALS)


def events(skill: float) -> Events:
    """Two candidates a trial; the better the skill, the higher those of falls."""
    trial = np.repeat(np.arange(N), 2)
    impact_t = np.tile([5.0, 30.0], N)
    t = impact_t + 2.0
    hit = FACTS.fell[trial] & (impact_t == 5.0)
    score = RNG.normal(size=2 * N) + skill * hit
    return Events(trial, impact_t, t, score, hit, t - FACTS.impact[trial], hit.astype(np.int64))


def sweep(of: Events, score: Floats | None = None) -> Sweep:
    return Sweep(of, of.score if score is None else score, FACTS, FACTS.fell, FACTS.lab)


GOOD, POOR = events(3.0), events(1.0)


@pytest.mark.parametrize("per_hour", [0.6, 2.1, 6.1, 1000.0])
def test_the_threshold_is_the_lowest_that_keeps_to_the_rate(per_hour: float) -> None:
    point = sweep(GOOD).at(per_hour)
    hours = FACTS.hours[FACTS.lab].sum()
    below = np.unique(GOOD.score[GOOD.score < point.threshold])
    counted = [count(GOOD, GOOD.score >= limit, N) for limit in (point.threshold, *below[-40:].tolist())]
    assert point.hours == pytest.approx(hours)
    assert (point.hits, point.alarms) == (counted[0].hit.sum(), counted[0].alarms.sum())
    assert point.alarms <= per_hour * hours
    if per_hour < 100:
        more = [one.hit.sum() for one in counted[1:] if one.alarms.sum() <= per_hour * hours]
        assert max(more, default=point.hits) == point.hits, "no lower one finds more at that rate"


def test_any_order_preserving_change_of_scores_is_the_same_method() -> None:
    plain, bent = sweep(GOOD).at(2.0), sweep(GOOD, np.exp(GOOD.score) - 9).at(2.0)
    assert (plain.hits, plain.alarms) == (bent.hits, bent.alarms)
    assert (plain.drawn == bent.drawn).all()
    assert difference(plain, bent) == (0.0, 0.0, 0.0)


def test_a_better_method_is_better_in_nearly_every_draw() -> None:
    good, poor = sweep(GOOD).at(2.0), sweep(POOR).at(2.0)
    value, low, high = difference(good, poor)
    assert 0 < low < value < high
    assert difference(poor, good)[2] < 0
    share, lowest, highest = good.share()
    assert share == good.hits / good.falls
    assert lowest < share < highest
    assert good.json()["hits"] == good.hits


def test_setting_the_threshold_again_widens_the_interval() -> None:
    """Draws with a person whose false alarms score high must find less at the same rate."""
    calm = GOOD.score.copy()
    restless = (FACTS.person[GOOD.trial] == 0) & ~GOOD.hit
    calm[restless] += 4.0
    one = sweep(GOOD, calm).at(2.0)
    assert np.ptp(one.drawn) > np.ptp(sweep(GOOD).at(2.0).drawn)


def test_without_hours_or_candidates_nothing_is_found() -> None:
    no_lab = Sweep(GOOD, GOOD.score, FACTS, FACTS.fell, np.zeros(N, bool)).at(2.0)
    assert (no_lab.hits, no_lab.threshold, no_lab.alarms) == (0, np.inf, 0)
    assert no_lab.json()["threshold"] is None
    nobody = np.full(len(GOOD.trial), -np.inf)
    assert sweep(GOOD, nobody).at(2.0).hits == 0
