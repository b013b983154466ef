"""Figures by people that the model and its threshold never saw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.extract import Table
from falld.learn.score import Score, score
from falld.learn.train import Examples, fit, group, probability

FOLDS = 5
LAB_ALARMS_PER_HOUR = 2.0
"""Most false alarms over scripted activities, which are dense with jumps, claps and stumbles."""
LIFE_ALARMS_PER_DAY = 2.0
"""Most false alarms over ordinary life, of which there is too little to ask for less."""
ORDINARY_LIFE = ("geneactiv_sleeppy", "stress_predict", "chest_casale")
"""Long recordings that follow no script of movements."""
Thresholds = dict[str, float]


@dataclass(frozen=True, slots=True)
class Validation:
    """Probabilities of candidates, each by a model that never saw the person, and thresholds likewise."""

    probability: npt.NDArray[np.float64]
    """(c,) -1 where a candidate was not judged."""
    threshold: npt.NDArray[np.float64]
    """(c,) above 1 where it was not."""


def by_person(examples: Examples, progress: Callable[[str], None]) -> Validation:
    """Each fold judged by a model of three others and a threshold of the fifth."""
    fold = folds(examples.table)
    judged = _nothing(examples.table)
    for k in range(FOLDS):
        tuning = (k + 1) % FOLDS
        _judge(examples, judged, train=(fold != k) & (fold != tuning), tune=fold == tuning, test=fold == k)
        progress(f"fold {k + 1} of {FOLDS}")
    return judged


def by_dataset(examples: Examples, datasets: Sequence[str], progress: Callable[[str], None]) -> Validation:
    """Each data set judged by a model, and a threshold, of the people in the others."""
    table = examples.table
    dataset = np.array([trial.dataset for trial in table.trials])
    tuning = folds(table) == 0
    judged = _nothing(table)
    for name in datasets:
        other = dataset != name
        _judge(examples, judged, train=other & ~tuning, tune=other & tuning, test=~other)
        progress(f"without {name}")
    return judged


def folds(table: Table) -> npt.NDArray[np.int64]:
    """(trials,) the fold of each one's person."""
    return np.array([zlib.crc32(trial.person.encode()) % FOLDS for trial in table.trials])


def choose(table: Table, scores: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]) -> Thresholds:
    """The lowest thresholds that keep the false alarms of the chosen trials within both limits.

    Args:
        table: the candidates.
        scores: (c,) probabilities.
        chosen: (trials,) which trials to go by.
    """
    groups = np.array([group(trial.meta.placement) for trial in table.trials])
    life = np.isin([trial.dataset for trial in table.trials], ORDINARY_LIFE)
    found: Thresholds = {}
    for name in ("wrist", "trunk"):
        lab = chosen & (groups == name) & ~life
        long = chosen & (groups == name) & life
        for threshold in _GRID:
            limit = np.full(len(scores), threshold)
            if _within(score(table, scores, limit, lab), LAB_ALARMS_PER_HOUR) and _within(
                score(table, scores, limit, long), LIFE_ALARMS_PER_DAY / 24
            ):
                break
        found[name] = round(float(threshold), 6)
    return found | {"other": max(found.values())}


_GRID = 1 / (1 + np.exp(-np.arange(-3.0, 10.0, 0.1)))
"""Thresholds that are tried, evenly in logits."""


def _within(scored: Score, per_hour: float) -> bool:
    """Fewer alarms than the limit allows in that time; one is always allowed, as none proves nothing."""
    return scored.alarms <= max(1.0, per_hour * scored.hours)


def limits(table: Table, thresholds: Thresholds) -> npt.NDArray[np.float64]:
    """(c,) the threshold that applies to each candidate."""
    return np.array([thresholds[group(trial.meta.placement)] for trial in table.trials])[table.trial]


def _nothing(table: Table) -> Validation:
    return Validation(np.full(len(table.trial), -1.0), np.full(len(table.trial), 2.0))


def _judge(
    examples: Examples,
    judged: Validation,
    *,
    train: npt.NDArray[np.bool_],
    tune: npt.NDArray[np.bool_],
    test: npt.NDArray[np.bool_],
) -> None:
    """Fit on some trials, choose thresholds on others, and judge a third part."""
    table = examples.table
    model = fit(examples, np.flatnonzero(train[table.trial]))
    tuned, tested = np.flatnonzero(tune[table.trial]), np.flatnonzero(test[table.trial])
    scores = np.full(len(table.trial), -1.0)
    scores[tuned] = probability(model, examples, tuned)
    judged.threshold[tested] = limits(table, choose(table, scores, tune))[tested]
    judged.probability[tested] = probability(model, examples, tested)
