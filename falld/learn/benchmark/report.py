"""The benchmark: every method under one rule, on the same recordings and folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import falld
from falld.learn.baselines.method import Method
from falld.learn.baselines.shipped import Shipped
from falld.learn.benchmark.cells import Section, paragraph, plain
from falld.learn.benchmark.counts import Counts, Facts, count, curve
from falld.learn.benchmark.folds import Judge, judges
from falld.learn.benchmark.groups import by_activity, by_group
from falld.learn.benchmark.harvest import RESPONDER_LATE_S, Gathered, Harvest, harvest
from falld.learn.benchmark.sections import (
    RULE,
    as_published,
    at_equal_alarms,
    data,
    delays,
    differences,
    loosely,
    ordinary_life,
    own_limit,
    published,
    responder,
)
from falld.learn.groups import GROUPS
from falld.learn.truth import EARLY_S

COMPARED = 2.0
"""Scripted false alarms an hour at which methods are compared in detail."""
_ACTIVITIES = 15
"""Most missed, and most false, activities that are printed of the last method."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One threshold of one method at one group of placements."""

    threshold: float
    sensitivity: float
    scripted_per_hour: float
    life_per_day: float


@dataclass
class Report:
    """All that the benchmark found."""

    sections: list[Section]
    curves: dict[str, dict[str, list[CurvePoint]]]
    """By method, then group of placements: out of fold by person, thresholds in common."""
    sources: dict[str, str]
    warnings: list[str]

    def text(self) -> str:
        said = [*self.warnings, *(f"{name}: {source}" for name, source in self.sources.items())]
        shown = [section.text() for section in self.sections if section.shown != 0]
        return "\n\n".join(["\n".join(paragraph(line) for line in said), *shown])

    def json(self) -> dict[str, Any]:
        """Everything, with counts."""
        return {
            "falld": falld.__version__,
            "rule": RULE,
            "warnings": self.warnings,
            "methods": self.sources,
            "tables": {section.key: section.json() for section in self.sections},
            "curves": {
                name: {
                    group: [
                        {key: plain(getattr(point, key)) for key in CurvePoint.__slots__ if key[0] != "_"}
                        for point in points
                    ]
                    for group, points in groups.items()
                }
                for name, groups in self.curves.items()
            },
        }


def benchmark(
    paths: Sequence[str], methods: Sequence[Method], progress: Callable[[str], None], *, only: Sequence[str] = ()
) -> Report:
    """Run and judge.

    Args:
        paths: recordings, archives, or folders of them.
        methods: at least one; of the last the text tells the activities as well, of the others only the JSON.
        progress: told what is being done.
        only: data sets to keep to; all, if empty.

    Raises:
        FalldError: there is nothing to judge.
    """
    found = harvest(paths, methods, progress, only=only)
    for what in found.left_out:
        progress(f"left out: {what}")
    facts = Facts.of(found.trials)
    people: dict[str, Judge] = {}
    sets: dict[str, Judge] = {}
    for gathered in found.methods:
        name = gathered.method.name
        people[name], other = judges(found, facts, gathered, progress)
        if other is not None:
            sets[name] = other
    return _report(found, facts, people, sets)


def _report(found: Harvest, facts: Facts, people: dict[str, Judge], sets: dict[str, Judge]) -> Report:
    by_name = {gathered.method.name: gathered for gathered in found.methods}
    own = {name: as_published(found, by_name[name], judge) for name, judge in people.items()}
    compared = {name: judge.at_rate(COMPARED) for name, judge in people.items()}
    at_rate = f"At {COMPARED:g} scripted false alarms an hour by person. "
    folds = "Thresholds by group of placements on people of other folds. " + RULE
    sections = [
        data(found, facts),
        published(facts, own),
        loosely(facts, {name: (by_name[name], people[name], own[name]) for name in people}, own),
        at_equal_alarms("by_person", "At equal false alarms, by person", folds, facts, people),
    ]
    if sets:
        note = "Thresholds, and what was learnt, from other data sets. " + RULE
        title = "At equal false alarms, each data set left out"
        sections.append(at_equal_alarms("by_dataset", title, note, facts, sets))
        left = {name: judge.at_rate(COMPARED) for name, judge in sets.items()}
        note = f"At {COMPARED:g} scripted false alarms an hour of the other data sets. "
        sections += [
            replace(section, key=f"{section.key}_by_dataset", title=f"{section.title}, each data set left out")
            for section in by_group(found, facts, left, note + RULE)
        ]
    last = found.methods[-1].method.name
    sections += [
        ordinary_life(facts, compared, at_rate + RULE),
        differences(facts, compared, COMPARED),
        responder(facts, {name: heard(found, by_name[name], judge) for name, judge in people.items()}),
        *by_group(found, facts, compared, at_rate + RULE),
        delays(compared),
    ]
    for name, one in compared.items():
        sections += by_activity(found, facts, name, one, at_rate, _ACTIVITIES if name == last else 0)
    curves = {
        name: {group: _curve(facts, by_name[name], judge, group) for group in GROUPS} for name, judge in people.items()
    }
    sources = {name: gathered.method.source for name, gathered in by_name.items()}
    return Report(sections, curves, sources, _warnings(found, facts))


def heard(found: Harvest, gathered: Gathered, judge: Judge) -> Counts:
    """What of a method reaches a responder."""
    if gathered.heard is not None:
        return count(gathered.heard, np.ones(len(gathered.heard.trial), bool), judge.n)
    events = gathered.candidates
    impact = np.array([np.nan if t.truth.impact_s is None else t.truth.impact_s for t in found.trials])[events.trial]
    late = (events.impact_t >= impact - EARLY_S) & (events.t <= impact + RESPONDER_LATE_S)
    return count(replace(events, hit=late), judge.score >= own_limit(found, gathered)[events.trial], judge.n)


def _curve(facts: Facts, gathered: Gathered, judge: Judge, group: str) -> list[CurvePoint]:
    here = facts.group == group
    if not facts.fell[here].any():
        return []
    counts = curve(gathered.candidates, judge.score, here)
    scripted, life = counts.points(facts, here & ~facts.life), counts.points(facts, here & facts.life)
    return [
        CurvePoint(threshold, one.hits / one.falls, _rate(one.alarms, one.hours), 24 * _rate(two.alarms, two.hours))
        for (threshold, one), (_, two) in zip(scripted, life, strict=True)
    ]


def _rate(alarms: int, hours: float) -> float:
    return alarms / hours if hours else float("nan")


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
