"""The product's own candidates of all recordings that are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np

import falld.learn.extract
from falld.learn.extract import Table, Trial, extract
from falld.tasks import fingerprint
from falld.tasks.cache import Arrays, Cache
from falld.tasks.executor import Executor

Progress = Callable[[str], None]


def table_of(
    sources: Sequence[str],
    trials: list[Trial],
    progress: Progress,
    *,
    only: Sequence[str] = (),
    cache: Cache,
    who: Executor | None = None,
) -> tuple[Table, str]:
    """The candidates, extracted once for all methods that are shown them, and a digest of what they were made of.

    Args:
        sources: files, each with a recording of `trials`, in order.
        trials: what is judged, in order.
        progress: told a line for each file.
        only: the data sets of `trials`; all, if empty.
        cache: keeps them.
        who: looks at the recordings; None: this process.

    Raises:
        FalldError: what was kept is damaged.
    """
    key = ""
    if cache.kept:
        code = fingerprint.code(falld.learn.extract.__name__)
        key = fingerprint.digest("candidates", code, *sorted(only), *map(fingerprint.recordings, sources))

    def make() -> Arrays:
        progress("candidates for what is trained")
        table = _only(extract(sources, progress, who=who), only)
        assert [(one.person, one.truth) for one in table.trials] == [(one.person, one.truth) for one in trials]
        return {field.name: getattr(table, field.name) for field in fields(table) if field.name != "trials"}

    return Table(trials, **cache.made("candidates", key, make)), key  # type: ignore[arg-type]


def _only(table: Table, only: Sequence[str]) -> Table:
    """The part of a table that is of these data sets."""
    if not only:
        return table
    kept = np.array([trial.dataset in only for trial in table.trials])
    rows = kept[table.trial]
    columns = {
        field.name: getattr(table, field.name)[rows] for field in fields(table) if field.name not in ("trials", "trial")
    }
    trials = [trial for trial, is_kept in zip(table.trials, kept.tolist(), strict=True) if is_kept]
    return replace(table, trials=trials, trial=(np.cumsum(kept) - 1)[table.trial[rows]], **columns)
