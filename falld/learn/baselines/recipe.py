"""Gate and boosting: the simplest recipe with features that is known to work across data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.features import features
from falld.detect.window import Windows
from falld.learn.baselines.method import Features
from falld.learn.baselines.scouted import Fit
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.extract import Table

SEED = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """One boosting on falld's gate and features, as the library comes, on recordings as they are."""

    name: ClassVar[str] = "recipe"
    source: ClassVar[str] = (
        "Gate and boosting: |a| of at least 1.6 g and the largest within 1 s on both sides, falld's numbers for the "
        "phases of an impact, which no turn of the sensor changes, and placement, one HistGradientBoostingClassifier "
        "(scikit-learn's defaults, no early stopping); no augmentation; what is no fall is learnt from ordinary life "
        "as well. An alarm from a probability of 0.5."
    )

    def threshold(self, placement: str) -> float:
        return 0.5

    def study(self, table: Table) -> Fit:
        x = own_features(table)

        def fit(train: Mask) -> Floats:
            taught = np.flatnonzero(train[table.trial] & (table.label >= 0))
            trees = HistGradientBoostingClassifier(early_stopping=False, random_state=SEED)
            trees.fit(x[taught], table.label[taught])
            probability: Floats = trees.predict_proba(x)[:, 1]
            return probability

        return fit


def own_features(table: Table) -> Features:
    """(c, d) numbers of every candidate at its own placement; not its course, which the recipe does not know."""
    placement = np.array([trial.meta.placement for trial in table.trials])[table.trial]
    rows = {name: np.flatnonzero(placement == name) for name in np.unique(placement).tolist()}
    parts = []
    for name, some in rows.items():
        x, names = features(Windows(table.acc[some]), name)
        parts.append(x[:, [i for i, what in enumerate(names) if not what.startswith("course")]])
    # Back to the order of the table.
    found: Features = np.concatenate(parts)[np.argsort(np.concatenate(list(rows.values())))]
    return found
