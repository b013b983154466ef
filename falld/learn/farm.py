"""Fits on all processors at once: each split in a process of its own, one thread each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from falld.learn.train import Examples, Model, fit
from falld.learn.validate import Split

_examples: Examples | None = None
"""Hundreds of megabytes, which the workers inherit by the fork instead of a copy each."""


def fit_all(
    examples: Examples, splits: Sequence[Split], workers: int, progress: Callable[[str], None]
) -> tuple[list[npt.NDArray[np.float64]], Model]:
    """Fit a model for each split, and one on everything.

    Returns:
        For each split the (c,) probabilities of what it was not fitted on, -1 elsewhere; and the last model.
    """
    global _examples
    _examples = examples
    everything = np.ones(len(examples.table.trials), bool)
    found: list[npt.NDArray[np.float64]] = []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        last = pool.apply_async(_fit, (everything,))
        for split, probabilities in zip(splits, pool.imap(_judge, splits), strict=True):
            progress(split.name)
            found.append(probabilities)
        model: Model = last.get()
    _examples = None
    return found, model


def _fit(train: npt.NDArray[np.bool_]) -> Model:
    assert _examples is not None
    with threadpool_limits(1):
        return fit(_examples, np.flatnonzero(train[_examples.table.trial]))


def _judge(split: Split) -> npt.NDArray[np.float64]:
    assert _examples is not None
    model = _fit(split.train)
    rest = np.flatnonzero((split.tune | split.test)[_examples.table.trial])
    found = np.full(len(_examples.table.trial), -1.0)
    with threadpool_limits(1):
        found[rest] = model.probability(_examples.own[rest])
    return found
