"""Falls found over false alarms, threshold by threshold."""

from __future__ import annotations

from dataclasses import dataclass

from falld.learn.baselines.trace import Mask
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.judge import Judge
from falld.learn.benchmark.thresholds import curve
from falld.learn.groups import GROUPS


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One threshold of one method at one group of placements."""

    threshold: float
    sensitivity: float
    scripted_per_hour: float
    life_per_day: float


Curves = dict[str, dict[str, list[CurvePoint]]]
"""By method, then group of placements; thresholds in common to all folds."""


def curves(facts: Facts, judges: dict[str, Judge], falls: Mask, lab: Mask) -> Curves:
    """Of every method.

    Args:
        facts: of the trials.
        judges: of each method.
        falls: (n,) what sensitivity is of.
        lab: (n,) whose hours the scripted false alarms are of.
    """
    return {
        name: {group: _curve(facts, judge, group, falls, lab) for group in GROUPS} for name, judge in judges.items()
    }


def _curve(facts: Facts, judge: Judge, group: str, falls: Mask, lab: Mask) -> list[CurvePoint]:
    here = judge.tested & (facts.group == group)
    if not (falls & here).any():
        return []
    counts = curve(judge.gathered.candidates, judge.score, here & (falls | lab | facts.life))
    scripted, life = counts.points(facts, here & (falls | lab)), counts.points(facts, here & facts.life)
    return [
        CurvePoint(threshold, one.hits / one.falls, _rate(one.alarms, one.hours), 24 * _rate(two.alarms, two.hours))
        for (threshold, one), (_, two) in zip(scripted, life, strict=True)
    ]


def _rate(alarms: int, hours: float) -> float:
    return alarms / hours if hours else float("nan")
