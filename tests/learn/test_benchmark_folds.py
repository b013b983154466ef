"""Who is in which fold, when data sets with falls and wearers of ordinary life are left out together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.folds import Fold, by_dataset, by_person, by_wearer
from falld.learn.benchmark.parts import Parts
from falld.learn.extract import Trial
from falld.learn.groups import person
from falld.learn.truth import Truth
from falld.samples.recording import Meta


def trials(dataset: str, people: int, hours: float, *, falls: bool, placement: str = "waist") -> list[Trial]:
    """Everybody once without a fall, and once with one where there are any."""
    return [
        Trial(dataset, person(dataset, f"s{p}"), Meta(placement=placement), Truth(impact, 0.0), hours)
        for p in range(people)
        for impact in ((None, 5.0) if falls else (None,))
    ]


WORLD = [
    *trials("sisfall", 20, 0.1, falls=True),
    *trials("smartfallmm", 20, 0.1, falls=True, placement="wrist"),
    *trials("smartfallmm_raw_old", 10, 0.3, falls=False),
    *trials("seated", 40, 1.0, falls=False),
    *trials("one_day", 1, 20.0, falls=False),
    *trials("exercises", 10, 0.1, falls=False),
]
FACTS = Facts.of(WORLD)
KINDS: dict[str, list[Fold]] = {
    "dataset": by_dataset(WORLD, FACTS),
    "wearer": by_wearer(WORLD, FACTS),
    "person": by_person(WORLD),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_in_two_parts_of_a_fold(kind: str) -> None:
    for fold in KINDS[kind]:
        parts = [set(FACTS.person[part].tolist()) for part in (fold.train, fold.tune, fold.test)]
        assert all(parts)
        assert not any(one & other for one, other in combinations(parts, 2)), fold.name


def test_a_share_of_the_wearers_is_left_out_with_each_data_set_with_falls() -> None:
    folds = KINDS["dataset"]
    assert [fold.name for fold in folds] == ["without sisfall", "without smartfallmm"]
    judged = np.sum([fold.test for fold in folds], axis=0)
    twice_seen = FACTS.dataset == "smartfallmm_raw_old"
    assert (judged[~twice_seen] == 1).all(), "everybody once"
    assert (judged[twice_seen] == 0).all(), "the same people as in smartfallmm"
    for fold in folds:
        shared = np.count_nonzero(fold.test & (FACTS.dataset == "seated"))
        assert 10 <= shared <= 30, "about half of forty"
        left = [name for name in ("sisfall", "smartfallmm") if (FACTS.dataset[fold.test] == name).any()]
        assert fold.name == f"without {left[0]}"
        assert len(left) == 1
    same = folds[1]
    assert not (same.train | same.tune)[FACTS.dataset == "smartfallmm_raw_old"].any()


def test_long_data_sets_without_falls_are_left_out_as_a_whole() -> None:
    folds = KINDS["wearer"]
    assert [fold.name for fold in folds] == ["without one_day", "without seated"]
    for fold in folds:
        name = fold.name.removeprefix("without ")
        assert (fold.test == (FACTS.dataset == name)).all()


def test_with_one_data_set_nothing_can_be_left_out() -> None:
    alone = trials("sisfall", 5, 0.1, falls=True)
    assert by_dataset(alone, Facts.of(alone)) == []
    assert by_wearer(WORLD[40:], Facts.of(WORLD[40:]))
    no_falls = trials("seated", 10, 1.0, falls=False)
    assert by_wearer(no_falls, Facts.of(no_falls)) == []


def test_lab_is_what_data_sets_with_falls_have_besides_them() -> None:
    assert set(FACTS.dataset[FACTS.lab].tolist()) == {"sisfall", "smartfallmm"}
    assert set(FACTS.dataset[FACTS.life].tolist()) == {"seated", "one_day"}
    assert not (FACTS.lab & FACTS.fell).any()


def test_falls_that_nobody_could_see_are_judged_apart() -> None:
    clean = np.arange(len(WORLD)) % 4 != 1
    tested = np.ones(len(WORLD), bool)
    parts = Parts.of(FACTS, clean, tested)
    assert [part.name for part in parts.whole] == ["all, smartfallmm cleaned", "all"]
    assert [part.name for part in parts.datasets] == ["sisfall", "smartfallmm", "smartfallmm, cleaned"]
    falls = [int(part.falls.sum()) for part in (*parts.whole, *parts.datasets)]
    assert falls == [30, 40, 20, 20, 10], "of sisfall all are judged"
    assert "0 of 0 (trunk) and 10 of 20 (wrist) falls of smartfallmm" in parts.left_out
    assert (parts.whole[0].lab == parts.whole[1].lab).all()
    assert [part.name for part in Parts.of(FACTS, tested, tested).whole] == ["all"]
    wrist = parts.whole[0].at(FACTS, "wrist")
    assert (int(wrist.falls.sum()), int(wrist.lab.sum())) == (10, 20)
