"""Who and what: the groups that figures are told by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from falld.learn.baselines.trace import Mask
from falld.learn.benchmark.cells import Rate, Section, Share
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.harvest import Harvest
from falld.learn.benchmark.judge import Judged
from falld.samples.recording import Meta

OLD = 60.0


def age_group(meta: Meta) -> str:
    """By age, or where only that is said by the data set's own groups `young` and `old`."""
    if meta.age is not None:
        return "60 and older" if meta.age >= OLD else "below 60"
    if meta.group is not None and meta.group.startswith("young"):
        return "below 60"
    return "60 and older" if meta.group == "old" else "not said"


def sex_group(meta: Meta) -> str:
    return {"F": "female", "M": "male"}.get((meta.sex or "").upper()[:1], "not said")


def rate_group(meta: Meta) -> str:
    """By nominal rate."""
    rate = meta.sample_rate_hz
    if rate is None:
        return "not said"
    for limit, name in ((25.0, "below 25 Hz"), (45.0, "25 to 45 Hz"), (75.0, "45 to 75 Hz")):
        if rate < limit:
            return name
    return "75 Hz and more"


def range_group(meta: Meta) -> str:
    return "not said" if meta.range_g is None else f"{meta.range_g:g} g"


KINDS: dict[str, Callable[[Meta], str]] = {
    "placement": lambda meta: meta.placement,
    "age": age_group,
    "sex": sex_group,
    "rate": rate_group,
    "range": range_group,
}


def members(harvest: Harvest) -> dict[str, dict[str, Mask]]:
    """The trials of each group of each kind."""
    said: dict[str, list[str]] = {
        "data set": [trial.dataset for trial in harvest.trials],
        **{kind: [of(trial.meta) for trial in harvest.trials] for kind, of in KINDS.items()},
        "after the fall": harvest.aftermath,
    }
    found: dict[str, dict[str, Mask]] = {}
    for kind, names in said.items():
        array = np.array(names)
        found[kind] = {name: array == name for name in sorted(set(names) - {""})}
    return found


def by_group(harvest: Harvest, facts: Facts, judged: dict[str, Judged], lab: Mask, rule: str) -> list[Section]:
    """Sensitivity and false alarms of each method, by group; `lab` (n,) the trials whose hours these are of."""
    found = Section("groups_sensitivity", "Falls found, by group, in %", rule, ("by", "group", "falls", *judged))
    rates = Section(
        "groups_alarms",
        "False alarms an hour of scripted activity, by group",
        rule,
        ("by", "group", "hours", *judged),
    )
    for kind, groups in members(harvest).items():
        for name, inside in groups.items():
            here = inside & (lab | facts.fell)
            scores = {m: one.counts.score(facts, here & one.tested) for m, one in judged.items()}
            first = next(iter(scores.values()))
            if first.falls:
                found.add(kind, name, first.falls, *(Share(s.hits, s.falls) for s in scores.values()))
            if first.hours and kind != "after the fall":
                rates.add(kind, name, first.hours, *(Rate(s.alarms, s.hours) for s in scores.values()))
    return [found, rates]


def by_activity(harvest: Harvest, facts: Facts, name: str, judged: Judged, rule: str, shown: int) -> list[Section]:
    """What one method misses, and what alarms it, most first."""
    label = np.array([f"{trial.dataset} {trial.meta.activity or 'not said'}" for trial in harvest.trials])
    missed = Section(
        f"missed {name}", f"{name}: falls missed, by activity", rule, ("activity", "falls", "missed"), shown=shown
    )
    false = Section(
        f"false {name}",
        f"{name}: false alarms, by activity",
        rule,
        ("activity", "trials", "hours", "false alarms"),
        shown=shown,
    )
    rows: list[tuple[str, int, int, int, float, int]] = []
    for activity in np.unique(label[judged.tested]).tolist():
        here = (label == activity) & judged.tested
        score = judged.counts.score(facts, here)
        trials = int(np.count_nonzero(here))
        rows.append((activity, score.falls, score.falls - score.hits, trials, score.hours, score.alarms))
    for activity, falls, misses, *_ in sorted(rows, key=lambda row: (-row[2], row[0])):
        if misses:
            missed.add(activity, falls, misses)
    for activity, _, _, trials, hours, alarms in sorted(rows, key=lambda row: (-row[5], row[0])):
        if alarms:
            false.add(activity, trials, hours, alarms)
    return [missed, false]
