"""The benchmark's tables."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from falld.learn.benchmark.bootstrap import ratio, sensitivity_difference
from falld.learn.benchmark.cells import Rate, Section, Share, Span
from falld.learn.benchmark.counts import Counts, Facts, Mask, count
from falld.learn.benchmark.folds import RATES, Judge, Judged
from falld.learn.benchmark.harvest import Gathered, Harvest
from falld.learn.benchmark.loose import best_on_itself, loose
from falld.learn.groups import GROUPS

RULE = (
    "An alarm from 1 s before to 10 s after the impact is a hit, every other one is false, 10 s refractory. "
    "In % and per hour [95 % interval: Wilson, Poisson]."
)


def data(harvest: Harvest, facts: Facts) -> Section:
    """What was judged."""
    section = Section(
        "data",
        "Data",
        "Ordinary life: recordings of at least 20 minutes without a fall; everything else is scripted.",
        ("data set", "people", "recordings", "falls", "scripted h", "ordinary life h"),
    )
    for name in np.unique(facts.dataset).tolist():
        here = facts.dataset == name
        section.add(
            name,
            len(np.unique(facts.person[here])),
            int(np.count_nonzero(here)),
            int(np.count_nonzero(here & facts.fell)),
            float(facts.hours[here & ~facts.life].sum()),
            float(facts.hours[here & facts.life].sum()),
        )
    return section


def own_limit(harvest: Harvest, gathered: Gathered) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) the method's own threshold for each trial."""
    by_place = {p: gathered.method.threshold(p) for p in {trial.meta.placement for trial in harvest.trials}}
    return np.array([by_place[trial.meta.placement] for trial in harvest.trials])


def as_published(harvest: Harvest, gathered: Gathered, judge: Judge) -> Judged:
    """With the method's own thresholds, or its very events where it has more than scores."""
    if gathered.falls is None:
        return judge.as_published(own_limit(harvest, gathered))
    everything = np.ones(len(gathered.falls.trial), bool)
    return Judged(count(gathered.falls, everything, judge.n), np.ones(judge.n, bool), [])


def published(facts: Facts, judged: dict[str, Judged]) -> Section:
    section = Section(
        "as_published",
        "With the thresholds that each method came with",
        RULE + " The forest is out of fold by person. People: the interval when people are drawn again.",
        ("method", "at", "falls", "found %", "people", "false/h scripted", "false/day ordinary life"),
    )
    for name, one in judged.items():
        for group in GROUPS:
            here = one.tested & (facts.group == group)
            staged, life = one.counts.score(facts, here & ~facts.life), one.counts.score(facts, here & facts.life)
            if staged.falls or staged.hours or life.hours:
                people = ratio((one.counts.hit & here), facts.fell & here, facts.person)
                section.add(
                    name,
                    group,
                    staged.falls,
                    Share(staged.hits, staged.falls),
                    Span(*people),
                    Rate(staged.alarms, staged.hours),
                    Rate(life.alarms, life.hours, per_day=True),
                )
    return section


def loosely(facts: Facts, methods: dict[str, tuple[Gathered, Judge, Judged]], strict: dict[str, Judged]) -> Section:
    section = Section(
        "loose",
        "The loose score beside the strict one",
        "Loose, as most papers count: any alarm anywhere in a fall trial is a hit, a trial without a fall is right if "
        "there is none, ordinary life is left out. Best: the threshold that is best on the very trials it is told of.",
        ("method", "at", "strict %", "loose %", "loose specificity %", "best accuracy %", "at threshold"),
    )
    for name, (gathered, judge, own) in methods.items():
        for group in GROUPS:
            here = own.tested & (facts.group == group) & ~facts.life
            scored = strict[name].counts.score(facts, here)
            if scored.falls and scored.hours:
                lax = loose(own.counts.any_alarm, facts, here)
                best = best_on_itself(gathered.candidates, judge.score, facts, here)
                section.add(
                    name,
                    group,
                    Share(scored.hits, scored.falls),
                    100 * lax.sensitivity,
                    100 * lax.specificity,
                    100 * best.accuracy,
                    best.threshold,
                )
    return section


def at_equal_alarms(key: str, title: str, note: str, facts: Facts, judges: dict[str, Judge]) -> Section:
    """Sensitivity at the same scripted false alarms, and what became of these alarms on the judged people."""
    columns = ("method", "at", "falls", "wanted/h", "found %", "people", "false/h scripted", "false/day ordinary life")
    section = Section(key, title, note, columns)
    for name, judge in judges.items():
        for group in GROUPS:
            for rate in RATES:
                one = judge.at_rate(rate)
                here = one.tested & (facts.group == group)
                staged, life = one.counts.score(facts, here & ~facts.life), one.counts.score(facts, here & facts.life)
                if staged.falls:
                    section.add(
                        name,
                        group,
                        staged.falls,
                        rate,
                        Share(staged.hits, staged.falls),
                        Span(*ratio(one.counts.hit & here, facts.fell & here, facts.person)),
                        Rate(staged.alarms, staged.hours),
                        Rate(life.alarms, life.hours, per_day=True),
                    )
    return section


def ordinary_life(facts: Facts, judged: dict[str, Judged], rule: str) -> Section:
    section = Section(
        "ordinary_life", "False alarms a day of ordinary life", rule, ("data set", "people", "hours", *judged)
    )
    for name in np.unique(facts.dataset[facts.life]).tolist():
        here = facts.life & (facts.dataset == name)
        scores = [one.counts.score(facts, here & one.tested) for one in judged.values()]
        people = len(np.unique(facts.person[here]))
        hours = float(facts.hours[here].sum())
        section.add(name, people, hours, *(Rate(s.alarms, s.hours, per_day=True) for s in scores))
    return section


def differences(facts: Facts, judged: dict[str, Judged], rate: float) -> Section:
    section = Section(
        "differences",
        f"Falls found more by one method than by another, in points, at {rate:g} scripted false alarms an hour",
        "Paired: the same people are drawn for both [95 %].",
        ("method", "than", *GROUPS),
    )
    for (name, one), (other, two) in combinations(judged.items(), 2):
        cells = []
        for group in GROUPS:
            here = facts.fell & one.tested & two.tested & (facts.group == group)
            cells.append(Span(*sensitivity_difference(two.counts.hit, one.counts.hit, here, facts.person)))
        section.add(other, name, *cells)
    return section


def responder(facts: Facts, heard: dict[str, Counts]) -> Section:
    section = Section(
        "responder",
        "What a responder would hear",
        "Each fall that is not taken back within 20 s, and each confirmed one; a hit until 40 s after the impact. "
        "A method that takes nothing back and confirms nothing is heard with all its alarms.",
        ("method", "at", "falls", "found %", "false/h scripted", "false/day ordinary life"),
    )
    for name, one in heard.items():
        for group in GROUPS:
            here: Mask = facts.group == group
            staged, life = one.score(facts, here & ~facts.life), one.score(facts, here & facts.life)
            if staged.falls:
                section.add(
                    name,
                    group,
                    staged.falls,
                    Share(staged.hits, staged.falls),
                    Rate(staged.alarms, staged.hours),
                    Rate(life.alarms, life.hours, per_day=True),
                )
    return section


def delays(judged: dict[str, Judged]) -> Section:
    section = Section(
        "delay",
        "Seconds from the impact to the alarm, of the falls found",
        "Negative: told before the impact by the scoring rule, which takes the larger of two peaks.",
        ("method", "found", "5 %", "25 %", "median", "75 %", "95 %"),
    )
    for name, one in judged.items():
        delay = one.counts.delay[one.counts.hit]
        if len(delay):
            section.add(name, len(delay), *np.quantile(delay, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist())
    return section
