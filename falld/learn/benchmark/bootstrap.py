"""Intervals by resampling people, who are the unit of everything: trials of one person resemble each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from falld.learn.baselines.trace import Floats, Mask

DRAWS = 2000
SEED = 1

Interval = tuple[float, float, float]
"""Value, and the 2.5 and 97.5 % points."""


def ratio(top: npt.NDArray[np.generic], bottom: npt.NDArray[np.generic], person: npt.NDArray[np.int64]) -> Interval:
    """Interval of `top.sum() / bottom.sum()`, e.g. hits over falls or alarms over hours.

    Args:
        top: (n,) of each trial.
        bottom: (n,) of each trial.
        person: (n,) whose it is.
    """
    return difference(top, np.zeros(len(top)), bottom, person)


def difference(
    first: npt.NDArray[np.generic],
    second: npt.NDArray[np.generic],
    bottom: npt.NDArray[np.generic],
    person: npt.NDArray[np.int64],
) -> Interval:
    """Interval of the difference of two methods' ratios, judged on the same people: the same draw for both.

    People without anything in `bottom` (no fall, or no hour) are not drawn.

    Args:
        first: (n,) e.g. hits of the one method in each trial.
        second: (n,) of the other.
        bottom: (n,) e.g. whether the trial is a fall.
        person: (n,) whose it is.
    """
    size = int(person.max(initial=-1)) + 1
    below = np.bincount(person, bottom.astype(np.float64), size)
    above = np.bincount(person, first.astype(np.float64) - second.astype(np.float64), size)
    some = below > 0
    below, above = below[some], above[some]
    if not len(below):
        return np.nan, np.nan, np.nan
    weights = draws(len(below))
    drawn: Floats = (weights @ above) / (weights @ below)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return float(above.sum() / below.sum()), low, high


def draws(people: int) -> Floats:
    """(DRAWS, people) how often each is drawn; the same for every method."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(people, np.full(people, 1 / people), size=DRAWS).astype(np.float64)


def sensitivity_difference(first: Mask, second: Mask, fell: Mask, person: npt.NDArray[np.int64]) -> Interval:
    """How much more of the falls the first method finds than the second, with a paired interval over people."""
    return difference(first & fell, second & fell, fell, person)
