"""False alarms a day of wearers whose whole data set was left out."""

from __future__ import annotations

import numpy as np
import pytest

from falld.learn.baselines.impact import Magnitude
from falld.learn.baselines.method import Found
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.events import gather
from falld.learn.benchmark.fits import scores
from falld.learn.benchmark.folds import by_wearer
from falld.learn.benchmark.judge import Judge, splits
from falld.learn.benchmark.wearers import wearers
from falld.learn.extract import Trial
from falld.learn.truth import Truth
from falld.samples.recording import Meta
from falld.tasks.cache import Cache

LAB = [
    Trial("lab", f"lab/{p}", Meta(placement="waist"), Truth(impact, 0.0), 0.3)
    for p in range(10)
    for impact in (None, 5.0)
]
SEATED = [Trial("seated", f"seated/{p}", Meta(placement="waist"), Truth(None, 0.0), 4.0) for p in range(3)]
TRIALS = [*LAB, *SEATED]


def found(*peaks: float) -> Found:
    at = 5.0 + 60.0 * np.arange(len(peaks))
    return Found(at, at + 1.0, np.array(peaks))


def test_alarms_are_those_of_thresholds_from_the_lab() -> None:
    """Lab: falls of 5 g, all else 3 g. Seated: the first wearer has peaks of 4 g and of 2.6 g, the others none."""
    facts = Facts.of(TRIALS)
    each = [found(5.0) if trial.truth.impact_s else found(3.0) for trial in LAB] + [found(4.0, 2.6), found(), found()]
    gathered = gather(Magnitude(), TRIALS, each, "")
    folds = by_wearer(TRIALS, facts)
    assert [fold.name for fold in folds] == ["without seated"]
    judge = Judge(facts, gathered, splits(gathered, folds, scores(gathered, folds, Cache(), 1)), facts.lab)
    days, people = wearers(TRIALS, facts, {"magnitude": judge})
    rates = {row["thresholds"]: row["magnitude"] for row in days.json()["rows"]}
    assert {by: rate["count"] for by, rate in rates.items()} == {
        "0.5/h": 1,
        "2/h": 1,
        "6/h": 1,
        "own": 2,
        "own, heard": 2,
    }, "of the lab's 3 g there are 3.3 an hour; 2.6 g are enough for the method alone"
    assert rates["own"]["rate"] == pytest.approx(2 / 12 * 24)
    assert days.rows[0][:3] == ("seated", 3, 12.0)
    by_person = {row["person"]: row["magnitude"] for row in people.json()["rows"] if row["thresholds"] == "own"}
    assert by_person == {"seated/0": 2, "seated/1": 0, "seated/2": 0}
    assert people.shown == 0, "for the JSON alone"
