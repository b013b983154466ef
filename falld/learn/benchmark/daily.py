"""Falls that a responder hears of, where ordinary life gives no more than one false alarm a day."""

from __future__ import annotations

import numpy as np

from falld.learn.benchmark.cells import Rate, Section
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.equal import Sweep
from falld.learn.benchmark.judge import Judge
from falld.learn.benchmark.parts import COMPARED, Parts

PER_DAY = 1.0


def one_a_day(facts: Facts, judges: dict[str, Judge], parts: Parts) -> Section:
    """Each method with the lowest threshold that ordinary life allows; doubtful candidates are not confirmed.

    Args:
        facts: of the trials.
        judges: of each method, each data set left out.
        parts: of what they judge.
    """
    section = Section(
        "one_a_day",
        "Falls heard in % at one false alarm a day of ordinary life, each data set left out",
        "Each method's threshold is the lowest at which the judged wearers of ordinary life hear no more than "
        f"{PER_DAY:g} a day; alarms that walking takes back within 20 s are not heard, a hit is one until 40 s after "
        f"the impact. Intervals: people drawn again, and the thresholds set again. {parts.left_out}",
        ("method", "at", "judged", "falls", "heard %", "false/day ordinary life"),
    )
    for part in parts.whole:
        for group in COMPARED:
            falls = part.at(facts, group).falls
            for name, judge in judges.items():
                life = facts.life & judge.tested & (facts.group == group)
                if not falls.any() or not life.any():
                    continue
                back = judge.gathered.back
                score = judge.score if back is None else np.where(back, -np.inf, judge.score)
                point = Sweep(judge.until_responder(), score, facts, falls, life, alarms=life).at(PER_DAY / 24)
                alarms = Rate(point.alarms, point.hours, per_day=True)
                section.add(name, group, part.name, point.falls, point, alarms)
    return section
