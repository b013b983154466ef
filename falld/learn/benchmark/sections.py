"""The benchmark's tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from falld.learn.baselines.trace import Mask
from falld.learn.benchmark.aftermath import STAYS, WALKS
from falld.learn.benchmark.bootstrap import ratio, sensitivity_difference
from falld.learn.benchmark.cells import Each, Rate, Section, Share, Span
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.judge import RATES, Judge, Judged
from falld.learn.benchmark.loose import best_on_itself, loose
from falld.learn.groups import GROUPS

RULE = (
    "An alarm from 1 s before to 10 s after the impact is a hit, every other one is false, 10 s refractory. "
    "In % and per hour [95 % interval: Wilson, Poisson]."
)


def data(facts: Facts) -> Section:
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


def as_published(facts: Facts, judged: dict[str, Judged]) -> Section:
    section = Section(
        "as_published",
        "With the thresholds that each method came with",
        RULE + " What is trained is out of fold by person. People: the interval when people are drawn again.",
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


def loosely(facts: Facts, judges: dict[str, Judge], strict: dict[str, Judged]) -> Section:
    section = Section(
        "loose",
        "The loose score beside the strict one",
        "Loose, as most papers count: any alarm anywhere in a fall trial is a hit, a trial without a fall is right if "
        "there is none, ordinary life is left out. Best: the threshold that is best on the very trials it is told of.",
        ("method", "at", "strict %", "loose %", "loose specificity %", "best accuracy %", "at threshold"),
    )
    for name, judge in judges.items():
        own = strict[name]
        for group in GROUPS:
            here = own.tested & (facts.group == group) & ~facts.life
            scored = own.counts.score(facts, here)
            if scored.falls and scored.hours:
                lax = loose(own.counts.any_alarm, facts, here)
                best = best_on_itself(judge.gathered.candidates, judge.score, facts, here)
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


def at_equal_alarms(key: str, title: str, note: str, facts: Facts, judges: dict[str, Judge], lab: Mask) -> Section:
    """Sensitivity at the same false alarms of the tuned people, and what these came to on the judged ones."""
    at = tuple(f"{rate:g}/h: %" for rate in RATES)
    columns = ("method", "at", "falls", *at, "came to, false/h", "came to, false/day ordinary life")
    section = Section(key, title, note, columns)
    for name, judge in judges.items():
        judged = [judge.at_rate(rate).counts for rate in RATES]
        for group in GROUPS:
            here = judge.tested & (facts.group == group)
            staged = [one.score(facts, here & (lab | facts.fell)) for one in judged]
            life = [one.score(facts, here & facts.life) for one in judged]
            people = [ratio(one.hit & here, facts.fell & here, facts.person) for one in judged]
            if staged[0].falls:
                section.add(
                    name,
                    group,
                    staged[0].falls,
                    *(Share(one.hits, one.falls, over) for one, over in zip(staged, people, strict=True)),
                    Each(tuple(Rate(one.alarms, one.hours) for one in staged)),
                    Each(tuple(Rate(one.alarms, one.hours, per_day=True) for one in life)),
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
        shown=0,
    )
    for (name, one), (other, two) in combinations(judged.items(), 2):
        cells = []
        for group in GROUPS:
            here = facts.fell & one.tested & two.tested & (facts.group == group)
            cells.append(Span(*sensitivity_difference(two.counts.hit, one.counts.hit, here, facts.person)))
        section.add(other, name, *cells)
    return section


def responder(key: str, title: str, facts: Facts, after: Sequence[str], judges: dict[str, Judge], lab: Mask) -> Section:
    """The second table of the rule, by each method's own thresholds.

    Args:
        after: (n,) what became of each faller.
    """
    section = Section(
        key,
        title,
        "Each fall that is not taken back within 20 s, and each confirmed one; a hit until 40 s after the impact. "
        "A method that takes nothing back and confirms nothing is heard with all its alarms. Apart: falls after which "
        "the person is seen to stay down, and to walk away.",
        ("method", "at", "falls", "found %", STAYS, WALKS, "false/h", "false/day ordinary life"),
    )
    aftermath = np.array(after)
    for name, judge in judges.items():
        heard = judge.heard()
        for group in GROUPS:
            here = judge.tested & (facts.group == group)
            staged, life = heard.score(facts, here & (lab | facts.fell)), heard.score(facts, here & facts.life)
            apart = [heard.score(facts, here & (aftermath == what)) for what in (STAYS, WALKS)]
            if staged.falls:
                section.add(
                    name,
                    group,
                    staged.falls,
                    *(Share(one.hits, one.falls) for one in (staged, *apart)),
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
