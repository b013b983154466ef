"""Who is learnt from, who thresholds are chosen on, and who is judged."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.baselines.trace import Mask
from falld.learn.benchmark.counts import Facts
from falld.learn.extract import Trial

FOLDS = 5
ALONE_H = 8.0
"""A data set without falls of at least so many hours is also judged as a whole by what never saw it. In fewer even no
alarm at all leaves 11 a day possible (3.7 in 8 h, 95 %)."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold; (n,) trials each. Nobody is in two of them."""

    name: str
    train: Mask
    tune: Mask
    test: Mask


def fold_of(trials: list[Trial]) -> npt.NDArray[np.int64]:
    """(n,) the fold of each trial's person."""
    return _share([trial.person for trial in trials], FOLDS)


def _share(people: list[str], of: int) -> npt.NDArray[np.int64]:
    """The same for a person always, whoever else is there."""
    return np.array([zlib.crc32(person.encode()) % of for person in people], np.int64)


def by_person(trials: list[Trial]) -> list[Fold]:
    """Each fold judged by what three of the others taught, with the fourth to choose thresholds on."""
    fold = fold_of(trials)
    tuning = [(k + 1) % FOLDS for k in range(FOLDS)]
    return [
        Fold(f"fold {k + 1}", (fold != k) & (fold != tuning[k]), fold == tuning[k], fold == k) for k in range(FOLDS)
    ]


def by_dataset(trials: list[Trial], facts: Facts) -> list[Fold]:
    """Each data set with falls left out, and with it a share of the people of the data sets without any.

    So everybody is judged once, the wearers of ordinary life by what was taught by other wearers and by all but one of
    the data sets with falls. A fifth of the people left chooses thresholds.
    """
    names = facts.with_falls.tolist()
    if len(names) < 2:
        return []
    faller = np.isin(facts.person, facts.person[np.isin(facts.dataset, names)])
    share = np.where(faller, -1, _share([trial.person for trial in trials], len(names)))
    return [
        _without(f"without {name}", trials, facts, (facts.dataset == name) | (share == k))
        for k, name in enumerate(names)
    ]


def by_wearer(trials: list[Trial], facts: Facts) -> list[Fold]:
    """Each long data set without falls left out as a whole."""
    names = [
        name
        for name in np.unique(facts.dataset).tolist()
        if name not in facts.with_falls and facts.hours[facts.dataset == name].sum() >= ALONE_H
    ]
    folds = [_without(f"without {name}", trials, facts, facts.dataset == name) for name in names]
    return [fold for fold in folds if facts.fell[fold.train].any()]


def _without(name: str, trials: list[Trial], facts: Facts, test: Mask) -> Fold:
    """Nobody of the test is in the rest, not even in another data set."""
    others = ~np.isin(facts.person, facts.person[test])
    tuning = fold_of(trials) == 0
    return Fold(name, others & ~tuning, others & tuning, test)
