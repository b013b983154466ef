"""Which tables there are of each kind of folds, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from falld.learn.benchmark.cells import Section
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.daily import one_a_day
from falld.learn.benchmark.groups import by_activity, by_group
from falld.learn.benchmark.harvest import Harvest
from falld.learn.benchmark.judge import Judge, Judged
from falld.learn.benchmark.paired import compared, transferred
from falld.learn.benchmark.parts import Parts
from falld.learn.benchmark.sections import (
    RULE,
    as_published,
    at_equal_alarms,
    delays,
    differences,
    loosely,
    ordinary_life,
    responder,
)

COMPARED = 2.0
"""Scripted false alarms an hour at which methods are compared in detail."""
_ACTIVITIES = 15
"""Most missed, and most false, activities that are printed of one method."""
_LEFT_OUT = "each data set left out"


@dataclass(frozen=True, slots=True)
class Tables:
    """What is needed for any table."""

    found: Harvest
    facts: Facts

    def by_dataset(self, judges: dict[str, Judge], parts: Parts) -> list[Section]:
        """Each data set with falls left out, and a share of the wearers with it."""
        facts = self.facts
        note = (
            "Transferred: thresholds, and what was learnt, from other data sets and other wearers; false alarms an "
            "hour are those of the lab, the recordings without a fall of data sets with falls. "
        )
        judged = self._detail(judges)
        return [
            *compared(facts, judges, parts),
            at_equal_alarms(
                "by_dataset", f"At transferred thresholds, {_LEFT_OUT}", note + RULE, facts, judges, facts.lab
            ),
            *transferred(facts, judges, parts),
            responder(
                "responder_by_dataset",
                f"What a responder would hear, {_LEFT_OUT}",
                facts,
                self.found.aftermath,
                judges,
                facts.lab,
            ),
            one_a_day(facts, judges, parts),
            *(
                replace(section, key=f"{section.key}_by_dataset", title=f"{section.title}, {_LEFT_OUT}")
                for section in by_group(self.found, facts, judged, facts.lab, f"{note}At {COMPARED:g} an hour. {RULE}")
            ),
        ]

    def by_person(self, judges: dict[str, Judge], spoken: str) -> list[Section]:
        """Every person judged by others of the same data sets.

        Args:
            judges: of each method.
            spoken: the method whose activities are printed; those of the others are in the JSON.
        """
        facts, found = self.facts, self.found
        own = {name: judge.own() for name, judge in judges.items()}
        judged = self._detail(judges)
        folds = "Thresholds by group of placements on people of other folds. "
        at_rate = f"At {COMPARED:g} scripted false alarms an hour by person. "
        scripted = facts.scripted
        sections = [
            as_published(facts, own),
            loosely(facts, judges, own),
            at_equal_alarms("by_person", "At equal false alarms, by person", folds + RULE, facts, judges, scripted),
            ordinary_life(facts, judged, at_rate + RULE),
            differences(facts, judged, COMPARED),
            responder("responder", "What a responder would hear", facts, found.aftermath, judges, scripted),
            *by_group(found, facts, judged, scripted, at_rate + RULE),
            delays(judged),
        ]
        for name, one in judged.items():
            sections += by_activity(found, facts, name, one, at_rate, _ACTIVITIES if name == spoken else 0)
        return sections

    def _detail(self, judges: dict[str, Judge]) -> dict[str, Judged]:
        return {name: judge.at_rate(COMPARED) for name, judge in judges.items()}
