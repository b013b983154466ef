"""Fits on all processors at once: each split by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from falld.learn.forks import Forks
from falld.learn.train import Examples, Model, fit
from falld.learn.validate import Split
from falld.tasks import fingerprint
from falld.tasks.cache import Cache


def fit_all(
    examples: Examples, splits: Sequence[Split], workers: int, cache: Cache, progress: Callable[[str], None]
) -> tuple[list[npt.NDArray[np.float64]], Model]:
    """Fit a model for each split, and one on everything.

    Args:
        workers: processes that fit at once.
        cache: keeps what the splits' models say, so that an interrupted run goes on.
        progress: told a line for each split.

    Returns:
        For each split the (c,) probabilities of what it was not fitted on, -1 elsewhere; and the last model.
    """
    everything = np.ones(len(examples.table.trials), bool)
    keys = _keys(examples, splits) if cache.kept else [""] * len(splits)
    names = [split.name.replace(" ", "-") for split in splits]
    kept = [cache.get(name, key) for name, key in zip(names, keys, strict=True)]
    found: list[npt.NDArray[np.float64]] = []
    with Forks(examples, workers) as forks:
        fresh = iter([forks.start(_judge, split) for split, known in zip(splits, kept, strict=True) if known is None])
        last = forks.start(_fit, everything)
        for split, name, key, known in zip(splits, names, keys, kept, strict=True):
            if known is None:
                known = {"probability": next(fresh).get()}
                cache.put(name, key, known)
            progress(split.name)
            found.append(known["probability"].astype(np.float64))
        model = last.get()
    return found, model


def _keys(examples: Examples, splits: Sequence[Split]) -> list[str]:
    """Digests of all that each split's probabilities are made of."""
    table = examples.table
    made_of = fingerprint.digest(
        fingerprint.code("falld.learn.train"), table.acc.tobytes(), table.label.tobytes(), table.trial.tobytes()
    )
    return [fingerprint.digest(made_of, split.train.tobytes(), (split.tune | split.test).tobytes()) for split in splits]


def _fit(examples: Examples, train: npt.NDArray[np.bool_]) -> Model:
    return fit(examples, np.flatnonzero(train[examples.table.trial]))


def _judge(examples: Examples, split: Split) -> npt.NDArray[np.float64]:
    model = _fit(examples, split.train)
    rest = np.flatnonzero((split.tune | split.test)[examples.table.trial])
    found = np.full(len(examples.table.trial), -1.0)
    found[rest] = model.probability(examples.own[rest], examples.smooth[rest])
    return found
