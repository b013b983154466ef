"""falld's own detector as a method: trained anew for each fold by the code that makes the shipped bundle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from falld.learn.baselines.scouted import Fit
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.extract import Table
from falld.learn.score import taken_back
from falld.learn.train import Examples, fit
from falld.learn.validate import choose, limits
from falld.learn.weighed import weighed


def fit_fold(examples: Examples, train: Mask) -> Floats:
    """The (c,) probabilities of every candidate by a model of some trials' candidates, and by what came before it.

    Args:
        examples: all candidates.
        train: (n,) the trials to learn from.
    """
    model = fit(examples, np.flatnonzero(train[examples.table.trial]))
    return weighed(examples.table, model.probability(examples.own, examples.smooth))


@dataclass(frozen=True, slots=True)
class Falld:
    """The detector of this falld, not of any bundle."""

    name: ClassVar[str] = "falld"
    source: ClassVar[str] = (
        "falld's own detector, fitted for each fold by the code of `falld learn`. Its own thresholds are chosen on the "
        "fold's tuning people by the rule that the bundle's are chosen by, and differ between folds."
    )

    def threshold(self, placement: str) -> float:
        """Where no fold has chosen one."""
        return 0.5

    def study(self, table: Table) -> Fit:
        return partial(fit_fold, Examples(table))

    def alarms(self, table: Table, score: Floats, tune: Mask) -> tuple[Mask, Mask]:
        thresholds, doubts = choose(table, score, tune)
        told = score >= limits(table, thresholds)
        sure = told & ~taken_back(table)
        confirmed = ~told & (score >= limits(table, doubts)) & np.isinf(table.walk_t)
        return told, sure | confirmed

    def taken_back(self, table: Table) -> Mask:
        return taken_back(table)
