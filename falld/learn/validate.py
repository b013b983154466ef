"""Figures by people that the model and its threshold never saw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.extract import Table
from falld.learn.groups import HOME, group
from falld.learn.intervals import poisson
from falld.learn.score import Score, heard, score
from falld.learn.weighed import weighed

FOLDS = 5
LAB_ALARMS_PER_HOUR = 2.0
"""Most false alarms over scripted activities, which are dense with jumps, claps and stumbles."""
LIFE_ALARMS_PER_DAY = 1.0
"""Most false alarms over ordinary life. There are days of it and not months, so what is asked is that more than this is
not shown: the lower end of the 95 % interval."""
ORDINARY_LIFE = ("geneactiv_sleeppy", "stress_predict", "chest_casale")
"""Long recordings that follow no script of movements."""
Thresholds = dict[str, float]


@dataclass(frozen=True, slots=True)
class Validation:
    """Probabilities of candidates, each by a model that never saw the person, and thresholds likewise."""

    alone: npt.NDArray[np.float64]
    """(c,) by the candidate's window alone; -1 where it was not judged."""
    probability: npt.NDArray[np.float64]
    """(c,) weighed by what came before it; -1 likewise."""
    threshold: npt.NDArray[np.float64]
    """(c,) above 1 where it was not."""
    doubt: npt.NDArray[np.float64]
    """(c,) likewise."""


@dataclass(frozen=True, slots=True)
class Split:
    """Which trials a model is fitted on, its thresholds chosen on, and judged on; (trials,) each."""

    name: str
    train: npt.NDArray[np.bool_]
    tune: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]


def by_person(table: Table) -> list[Split]:
    """Each fold judged by a model of three others and thresholds of the fifth."""
    fold = folds(table)
    return [
        Split(f"fold {k + 1} of {FOLDS}", (fold != k) & (fold != (k + 1) % FOLDS), fold == (k + 1) % FOLDS, fold == k)
        for k in range(FOLDS)
    ]


def by_dataset(table: Table, datasets: Sequence[str]) -> list[Split]:
    """Each data set judged by a model, and thresholds, of the people in the others."""
    dataset = np.array([trial.dataset for trial in table.trials])
    tuning = folds(table) == 0
    return [
        Split(f"without {name}", (dataset != name) & ~tuning, (dataset != name) & tuning, dataset == name)
        for name in datasets
        if (dataset == name).any()
    ]


def judge(table: Table, splits: Sequence[Split], probabilities: Sequence[npt.NDArray[np.float64]]) -> Validation:
    """Put the splits together.

    Args:
        table: the candidates.
        splits: of one kind.
        probabilities: (c,) by the model of each split, of the candidates that it was not fitted on.
    """
    n = len(table.trial)
    judged = Validation(np.full(n, -1.0), np.full(n, -1.0), np.full(n, 2.0), np.full(n, 2.0))
    for split, found in zip(splits, probabilities, strict=True):
        tested = split.test[table.trial]
        in_context = weighed(table, found)
        thresholds, doubts = choose(table, in_context, split.tune)
        judged.alone[tested] = found[tested]
        judged.probability[tested] = in_context[tested]
        judged.threshold[tested] = limits(table, thresholds)[tested]
        judged.doubt[tested] = limits(table, doubts)[tested]
    return judged


def folds(table: Table) -> npt.NDArray[np.int64]:
    """(trials,) the fold of each one's person."""
    return np.array([zlib.crc32(trial.person.encode()) % FOLDS for trial in table.trials])


def choose(
    table: Table, scores: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]
) -> tuple[Thresholds, Thresholds]:
    """The lowest thresholds that keep the false alarms of the chosen trials within the limits, and the lowest doubts.

    With these a responder hears no more false alarms in the end than are told at once: who sits still after a blow does
    not walk either, so that doubts with room of their own fill it with ordinary life.

    Args:
        table: the candidates.
        scores: (c,) probabilities.
        chosen: (trials,) which trials to go by.
    """
    groups = np.array([group(trial.meta.placement) for trial in table.trials])
    datasets = np.array([trial.dataset for trial in table.trials])
    life = np.isin(datasets, ORDINARY_LIFE)
    chosen = chosen & (datasets != HOME)
    thresholds: Thresholds = {}
    doubts: Thresholds = {}
    for name in ("wrist", "trunk"):
        lab, long = chosen & (groups == name) & ~life, chosen & (groups == name) & life
        thresholds[name], doubts[name] = _choose(table, scores, lab, long)
    for found in (thresholds, doubts):
        found["other"] = max(found.values())
    return thresholds, doubts


def _choose(
    table: Table, scores: npt.NDArray[np.float64], lab: npt.NDArray[np.bool_], life: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Threshold and doubt of one group of placements."""

    def told(limit: float, trials: npt.NDArray[np.bool_]) -> Score:
        return score(table, scores, np.full(len(scores), limit), trials)

    def in_the_end(doubt: float, trials: npt.NDArray[np.bool_]) -> Score:
        return heard(table, scores, np.full(len(scores), threshold), np.full(len(scores), doubt), trials)

    threshold = _lowest(
        lambda limit: (
            _within(told(limit, lab), LAB_ALARMS_PER_HOUR)
            and _not_shown_above(told(limit, life), LIFE_ALARMS_PER_DAY / 24)
        )
    )
    most = [(trials, told(threshold, trials).alarms) for trials in (lab, life)]
    doubt = _lowest(lambda limit: all(in_the_end(limit, trials).alarms <= alarms for trials, alarms in most))
    return threshold, min(doubt, threshold)


_GRID = 1 / (1 + np.exp(-np.arange(-4.0, 9.0, 0.1)))
"""Thresholds that are tried, evenly in logits."""


def _lowest(allowed: Callable[[float], bool]) -> float:
    """The lowest threshold that is allowed; so are all above it, but for the refractory time."""
    low, high = 0, len(_GRID) - 1
    while low < high:
        middle = (low + high) // 2
        if allowed(float(_GRID[middle])):
            high = middle
        else:
            low = middle + 1
    return round(float(_GRID[low]), 6)


def _within(scored: Score, per_hour: float) -> bool:
    """No more alarms than the limit allows in that time; one is always allowed, as none proves nothing."""
    return scored.alarms <= max(1.0, per_hour * scored.hours)


def _not_shown_above(scored: Score, per_hour: float) -> bool:
    return not scored.hours or poisson(scored.alarms, scored.hours)[0] <= per_hour


def limits(table: Table, thresholds: Thresholds) -> npt.NDArray[np.float64]:
    """(c,) the threshold that applies to each candidate."""
    return by_placement(table, lambda placement: thresholds[group(placement)])


def by_placement(table: Table, limit: Callable[[str], float]) -> npt.NDArray[np.float64]:
    """(c,) what `limit` says of the placement of each candidate."""
    return np.array([limit(trial.meta.placement) for trial in table.trials])[table.trial]
