"""What methods are compared on."""

from __future__ import annotations

import numpy as np

from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.parts import Part, Parts
from falld.learn.extract import Trial
from falld.learn.truth import Truth
from falld.samples.recording import Meta

LAB = [
    *(Trial("smartfallmm", f"s/{i}", Meta(placement="wrist"), Truth(5.0, 0.0), 0.01) for i in range(3)),
    Trial("smartfallmm", "s/0", Meta(placement="wrist"), Truth(None, 0.0), 0.1),
]
GYM = Trial("gym", "g/0", Meta(placement="wrist"), Truth(None, 0.0), 0.2)
DAY = Trial("day", "d/0", Meta(placement="wrist"), Truth(None, 0.0), 10.0)
CLEAN = np.array([True, False, True, False, False, False])


def parts(trials: list[Trial], clean: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Parts:
    return Parts.of(Facts.of(trials), clean[: len(trials)], np.ones(len(trials), bool))


def hours(of: Part, trials: list[Trial]) -> float:
    return float(Facts.of(trials).hours[of.lab].sum())


def test_the_same_falls_are_held_to_the_hours_of_the_lab_and_of_all_that_is_scripted() -> None:
    trials = [*LAB, GYM, DAY]
    found = parts(trials, CLEAN)
    assert [part.name for part in found.whole] == [part.name for part in found.scripted]
    assert [int(part.falls.sum()) for part in found.scripted] == [2, 3], "cleaned, and all"
    assert [hours(part, trials) for part in found.whole] == [0.1, 0.1]
    assert [round(hours(part, trials), 3) for part in found.scripted] == [0.3, 0.3], "ordinary life is not scripted"


def test_nothing_is_held_twice_to_the_same_hours() -> None:
    assert parts([*LAB, DAY], CLEAN).scripted == []
    assert parts(LAB, np.ones(4, bool)).scripted == []
