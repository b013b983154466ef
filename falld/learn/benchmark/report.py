"""The benchmark: every method under one rule, on the same recordings and folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

import falld
from falld.learn.baselines.method import Method
from falld.learn.baselines.own import Falld
from falld.learn.baselines.scouted import Scouted
from falld.learn.baselines.shipped import Shipped
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.benchmark.cells import Section, paragraph, plain
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.curves import CurvePoint, Curves, curves
from falld.learn.benchmark.events import Gathered
from falld.learn.benchmark.fits import scores
from falld.learn.benchmark.folds import Fold, by_dataset, by_person, by_wearer
from falld.learn.benchmark.harvest import Harvest, harvest
from falld.learn.benchmark.judge import Judge, splits
from falld.learn.benchmark.parts import Parts
from falld.learn.benchmark.sections import RULE, data
from falld.learn.benchmark.tables import Tables
from falld.learn.benchmark.wearers import wearers
from falld.tasks.cache import Cache
from falld.tasks.executor import Executor, Here

FOLDS = ("dataset", "wearer", "person")
"""Kinds of folds, in the order of what they prove: data sets left out, long recordings left out, people left out."""


@dataclass
class Report:
    """All that the benchmark found."""

    sections: list[Section]
    curves: dict[str, Curves]
    """By kind of folds."""
    sources: dict[str, str]
    warnings: list[str]

    def section(self, key: str) -> Section | None:
        """The table of that key."""
        return next((section for section in self.sections if section.key == key), None)

    def text(self) -> str:
        said = [*self.warnings, *(f"{name}: {source}" for name, source in self.sources.items())]
        shown = [section.text() for section in self.sections if section.shown != 0]
        return "\n\n".join(["\n".join(paragraph(line) for line in said), *shown])

    def json(self) -> dict[str, Any]:
        """Everything, with counts."""
        names = [name for name in CurvePoint.__slots__ if name[0] != "_"]
        return {
            "falld": falld.__version__,
            "rule": RULE,
            "warnings": self.warnings,
            "methods": self.sources,
            "tables": {section.key: section.json() for section in self.sections},
            "curves": {
                kind: {
                    method: {
                        group: [{name: plain(getattr(point, name)) for name in names} for point in points]
                        for group, points in groups.items()
                    }
                    for method, groups in methods.items()
                }
                for kind, methods in self.curves.items()
            },
        }


def benchmark(
    paths: Sequence[str],
    methods: Sequence[Method | Scouted],
    progress: Callable[[str], None],
    *,
    only: Sequence[str] = (),
    kinds: Sequence[str] = FOLDS,
    cache: Cache | None = None,
    workers: int = 1,
    who: closing[Executor] | None = None,
) -> Report:
    """Run and judge.

    Args:
        paths: recordings, archives, or folders of them.
        methods: at least one; of falld, or else the last, the text tells the activities as well, of the others only
            the JSON.
        progress: told what is being done.
        only: data sets to keep to; all, if empty.
        kinds: of `FOLDS`.
        cache: keeps what methods found and what fits gave.
        workers: processes that fit at once.
        who: looks at the recordings, and is closed when all were seen; None: this process.

    Raises:
        FalldError: there is nothing to judge.
    """
    cache = cache or Cache()
    with who or closing(Here()) as executor:
        found = harvest(paths, methods, progress, only=only, cache=cache, who=executor)
    for what in found.left_out:
        progress(f"left out: {what}")
    facts = Facts.of(found.trials)
    tables = Tables(found, facts)
    sections = [data(facts)]
    drawn: dict[str, Curves] = {}
    folds = {
        "dataset": (by_dataset(found.trials, facts), facts.lab),
        "wearer": (by_wearer(found.trials, facts), facts.lab),
        "person": (by_person(found.trials), facts.scripted),
    }
    judged = judges(facts, found.methods, {kind: folds[kind] for kind in kinds}, progress, cache, workers)
    if sets := judged.get("dataset"):
        parts = Parts.of(facts, np.array(found.whole), next(iter(sets.values())).tested)
        sections += tables.by_dataset(sets, parts)
        drawn["dataset"] = curves(facts, sets, parts.whole[0].falls, facts.lab)
    if long := judged.get("wearer"):
        sections += wearers(found.trials, facts, long)
    if people := judged.get("person"):
        sections += tables.by_person(people, Falld.name if Falld.name in people else list(people)[-1])
        drawn["person"] = curves(facts, people, facts.fell, facts.scripted)
    sources = {gathered.method.name: gathered.method.source for gathered in found.methods}
    return Report(sections, drawn, sources, _warnings(found, facts))


def judges(
    facts: Facts,
    methods: Sequence[Gathered],
    kinds: dict[str, tuple[list[Fold], Mask]],
    progress: Callable[[str], None],
    cache: Cache,
    workers: int,
) -> dict[str, dict[str, Judge]]:
    """Of each kind of folds, without those of which there are none here, every method.

    Args:
        facts: of the trials.
        methods: what each found.
        kinds: their folds, and (n,) the trials whose false alarms are held to a rate.
        progress: told of each fold.
        cache: keeps the scores of what is fitted.
        workers: processes that fit at once.
    """
    every = [fold for folds, _ in kinds.values() for fold in folds]
    made: dict[str, dict[str, Judge]] = {kind: {} for kind, (folds, _) in kinds.items() if folds}
    for gathered in methods:
        name = gathered.method.name
        done: list[Floats] = []
        for fold, score in zip(every, scores(gathered, every, cache, workers), strict=True):
            done.append(score)
            progress(f"{name}: {fold.name} ({len(done)} of {len(every)})")
        ready = iter(done)
        for kind, by_name in made.items():
            folds, lab = kinds[kind]
            by_name[name] = Judge(facts, gathered, splits(gathered, folds, [next(ready) for _ in folds]), lab)
    return made


def _warnings(found: Harvest, facts: Facts) -> list[str]:
    """What the figures are not."""
    said = []
    if any(trial.meta.simulated for trial in found.trials):
        said.append("Some recordings are simulated: no figure of detection quality may come from them.")
    for gathered in found.methods:
        if isinstance(gathered.method, Shipped):
            seen = gathered.method.taught_on(set(facts.dataset.tolist()))
            if seen:
                name = gathered.method.name
                said.append(
                    f"{name} was, or may have been, trained on people of {', '.join(sorted(seen))}: its figures there "
                    "are no estimate of what it does for others."
                )
    if found.left_out:
        said.append(f"{len(found.left_out)} recordings could not be used.")
    return said
