"""False alarms of people in their ordinary life, each data set by what never saw any of it."""

from __future__ import annotations

import numpy as np

from falld.learn.benchmark.cells import Rate, Section
from falld.learn.benchmark.counts import Counts, Facts
from falld.learn.benchmark.judge import RATES, Judge
from falld.learn.extract import Trial


def wearers(trials: list[Trial], facts: Facts, judges: dict[str, Judge]) -> list[Section]:
    """A day of each data set, and, for the JSON, of each person in it.

    Args:
        trials: (n,).
        facts: of them.
        judges: of each method, long data sets without falls left out as a whole.
    """
    told: dict[str, dict[str, Counts]] = {
        f"{rate:g}/h": {name: judge.at_rate(rate).counts for name, judge in judges.items()} for rate in RATES
    }
    told["own"] = {name: judge.own().counts for name, judge in judges.items()}
    told["own, heard"] = {name: judge.heard() for name, judge in judges.items()}
    note = (
        "Each data set by a model and thresholds that never saw any of it. Thresholds: those that give so many lab "
        "false alarms an hour on the data sets with falls; the method's own; and what a responder hears by these."
    )
    sets = Section(
        "free",
        "False alarms a day, each long data set without falls left out",
        note,
        ("data set", "people", "hours", "thresholds", *judges),
    )
    people = Section(
        "free_people",
        "The same by wearer, counted",
        note,
        ("data set", "person", "hours", "thresholds", *judges),
        shown=0,
    )
    tested = next(iter(judges.values())).tested
    who = np.array([trial.person for trial in trials])
    for dataset in np.unique(facts.dataset[tested]).tolist():
        here = tested & (facts.dataset == dataset)
        inside = np.unique(who[here]).tolist()
        hours = float(facts.hours[here].sum())
        for by, counts in told.items():
            days = [Rate(int(one.alarms[here].sum()), hours, per_day=True) for one in counts.values()]
            sets.add(dataset, len(inside), hours, by, *days)
            for person in inside:
                own = here & (who == person)
                alarms = [int(one.alarms[own].sum()) for one in counts.values()]
                people.add(dataset, person, float(facts.hours[own].sum()), by, *alarms)
    return [sets, people]
