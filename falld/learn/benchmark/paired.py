"""falld against every other method, on the same people, with each data set left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falld.learn.baselines.own import Falld
from falld.learn.baselines.shipped import Shipped
from falld.learn.benchmark.bootstrap import sensitivity_difference
from falld.learn.benchmark.cells import Cell, Each, Rate, Section, Span
from falld.learn.benchmark.counts import Facts, count
from falld.learn.benchmark.equal import Point, Sweep, difference
from falld.learn.benchmark.judge import RATES, Judge
from falld.learn.benchmark.parts import COMPARED, Part, Parts

_AT = tuple(f"{rate:g}/h" for rate in RATES)
_PEOPLE = "Intervals: people drawn again"

Points = dict[str, tuple[Point, ...]]
"""By method, at each of `RATES`."""


def points(facts: Facts, judges: dict[str, Judge], part: Part) -> Points:
    """Every method at equal false alarms on one part; nothing, where nobody fell or there are no hours."""
    if not part.falls.any() or not part.lab.any():
        return {}
    sweeps = {
        name: Sweep(judge.gathered.candidates, judge.score, facts, part.falls, part.lab)
        for name, judge in judges.items()
    }
    return {name: tuple(sweep.at(rate) for rate in RATES) for name, sweep in sweeps.items()}


def compared(facts: Facts, judges: dict[str, Judge], parts: Parts) -> list[Section]:
    """The tables at equal false alarms, and falld's differences in them.

    Args:
        facts: of the trials.
        judges: of each method, each data set left out.
        parts: of what they judge.
    """
    same = (
        "Equal: each method's threshold is the lowest that keeps the judged recordings themselves to the rate, so this "
        f"compares how they rank, not how their thresholds transfer. {_PEOPLE}, and the thresholds set again. "
    )
    sections = []
    for key, where, title, some in (
        ("", "lab", ", each data set left out", parts.whole),
        ("_scripted", "scripted", ", each data set left out", parts.scripted),
        ("_by_dataset", "lab", ", by the data set left out", parts.datasets),
    ):
        equal = Section(
            f"equal{key}",
            f"Falls found in % at equal {where} false alarms{title}",
            same + parts.left_out,
            ("method", "at", "judged", "falls", *_AT, "false/day ordinary life"),
        )
        more = Section(
            f"paired{key}",
            f"falld minus each method, in points of the falls, at equal {where} false alarms{title}",
            f"{same}Paired: the same people for both. {parts.left_out}",
            ("falld minus", "at", "judged", "falls", *_AT, "all above 0"),
        )
        for part in some:
            for group in COMPARED:
                found = points(facts, judges, part.at(facts, group))
                for name, at in found.items():
                    life = Each(tuple(_life(facts, judges[name], group, point) for point in at))
                    equal.add(name, group, part.name, at[0].falls, *at, life)
                ours = found.get(Falld.name)
                for name in _others(facts, judges) if ours else ():
                    pairs = [Span(*difference(*pair)) for pair in zip(ours or (), found[name], strict=True)]
                    more.add(name, group, part.name, found[name][0].falls, *pairs, _above(pairs))
        sections += [more, equal]
    return [section for section in sections if section.rows]


def transferred(facts: Facts, judges: dict[str, Judge], parts: Parts) -> list[Section]:
    """falld's differences with thresholds that were chosen on the other data sets."""
    section = Section(
        "paired_transferred",
        "falld minus each method, in points of the falls, at transferred thresholds, each data set left out",
        "Transferred: thresholds that gave the rate on the other data sets; what they give here differs from method to "
        f"method, see the table of these rates. {_PEOPLE}, the thresholds as they are. {parts.left_out}",
        ("falld minus", "at", "judged", "falls", *_AT, "all above 0"),
    )
    if Falld.name not in judges:
        return []
    hits = {name: [judge.at_rate(rate).counts.hit for rate in RATES] for name, judge in judges.items()}
    for part in parts.whole:
        for group in COMPARED:
            falls = part.at(facts, group).falls
            for name in _others(facts, judges) if falls.any() else ():
                pairs = [
                    Span(*sensitivity_difference(first, second, falls, facts.person))
                    for first, second in zip(hits[Falld.name], hits[name], strict=True)
                ]
                section.add(name, group, part.name, int(np.count_nonzero(falls)), *pairs, _above(pairs))
    return [section]


def _others(facts: Facts, judges: dict[str, Judge]) -> list[str]:
    """What falld can be held against: not a bundle that may know the people."""
    datasets = set(facts.dataset.tolist())

    def knows(judge: Judge) -> bool:
        method = judge.gathered.method
        return isinstance(method, Shipped) and bool(method.taught_on(datasets))

    return [name for name, judge in judges.items() if name != Falld.name and not knows(judge)]


def _above(pairs: Sequence[Span]) -> Cell:
    return "yes" if all(pair.low > 0 for pair in pairs) else "no"


def _life(facts: Facts, judge: Judge, group: str, point: Point) -> Rate:
    """What the threshold gives in ordinary life; the same wearers whatever part of the falls is judged."""
    here = facts.life & judge.tested & (facts.group == group)
    events = judge.gathered.candidates
    counts = count(events, (judge.score >= point.threshold) & here[events.trial], judge.n)
    return Rate(int(counts.alarms[here].sum()), float(facts.hours[here].sum()), per_day=True)
