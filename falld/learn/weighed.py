"""Probabilities of candidates, each weighed by what came before it in its recording, as the product does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from falld.detect.bursts import Bursts
from falld.learn.extract import Table


def weighed(table: Table, probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(c,) of all candidates that were judged.

    Args:
        table: the candidates.
        probability: (c,) of each by its window alone; below 0: it was not judged.
    """
    found = probability.copy()
    last, bursts = -1, Bursts()
    for i in np.lexsort((table.impact_t, table.trial)).tolist():
        if table.trial[i] != last:
            last, bursts = int(table.trial[i]), Bursts()
        if probability[i] >= 0:
            found[i] = bursts.weigh(float(table.impact_t[i]), float(probability[i]))
    return found
