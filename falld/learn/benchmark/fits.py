"""Scores of every candidate by what the folds taught: fits, several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from falld.learn.baselines.scouted import Fit
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.events import Gathered
from falld.learn.benchmark.folds import Fold
from falld.learn.forks import Forks
from falld.tasks import fingerprint
from falld.tasks.cache import Cache


def scores(gathered: Gathered, folds: Sequence[Fold], cache: Cache, workers: int) -> Iterator[Floats]:
    """The (c,) scores of every candidate, by what each fold taught, in their order.

    Args:
        gathered: what a method found.
        folds: whose training people it learns from.
        cache: keeps the scores.
        workers: processes that fit at once.
    """
    if gathered.study is None:
        yield from (gathered.candidates.score for _ in folds)
        return
    events = gathered.candidates
    names, keys, missing = [], [], []
    for fold in folds:
        taught = fold.train[events.trial] & (events.label >= 0)
        label = events.label[taught]
        key = ""
        if cache.kept:
            code = fingerprint.code(type(gathered.method).__module__)
            key = fingerprint.digest("scores", code, gathered.key, np.packbits(taught).tobytes(), label.tobytes())
        names.append(f"{gathered.method.name}-{fold.name.replace(' ', '-')}")
        keys.append(key)
        # Where nobody fell, or nothing else happened, there is nothing to tell apart.
        both = label.any() and (label == 0).any()
        missing.append(both and cache.get(names[-1], key) is None)
    trains = [fold.train for fold, is_missing in zip(folds, missing, strict=True) if is_missing]
    fits = _fitted(gathered.study(), trains, workers) if trains else iter(())
    for name, key, is_missing in zip(names, keys, missing, strict=True):
        if is_missing:
            score = next(fits)
            cache.put(name, key, {"score": score})
            yield score
        else:
            kept = cache.get(name, key)
            yield np.zeros(len(events.trial)) if kept is None else kept["score"].astype(np.float64)


def _fitted(fit: Fit, trains: Sequence[Mask], workers: int) -> Iterator[Floats]:
    if workers == 1:
        for train in trains:
            with threadpool_limits(1):
                score = fit(train)
            yield score
    else:
        with Forks(fit, min(workers, len(trains))) as forks:
            for promise in [forks.start(_run, train) for train in trains]:
                yield promise.get()


def _run(fit: Fit, train: Mask) -> Floats:
    return fit(train)
