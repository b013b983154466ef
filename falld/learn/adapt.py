"""What adapting to a wearer is worth, and what it costs.

    python -m falld.learn.adapt ARCHIVE... [--bundle FOLDER] [--without DATASET=FOLDER]... [--budget N]

Recordings of data sets in which nobody falls are taken for ordinary life. Each wearer's time is cut in half: in the
first the detector adapts, in the second it is judged, and goes on adapting, beside one that does not adapt. The falls
of the other data sets are then played to a detector that has had such a wearer's first hour, or all their time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from falld.detect.budget import BUDGET_PER_DAY, STEP, STEPS
from falld.detect.bundle import Bundle
from falld.learn.groups import GROUPS, group
from falld.learn.intervals import percent, poisson
from falld.learn.lives import SETTINGS, Bundles, Scouted, Wearer, catch, has_falls, raised, raised_by, scouted, wearers
from falld.resources import shipped_bundle


def life_lines(found: Sequence[Wearer], budget: float) -> Iterator[str]:
    """The second halves: for each data set and place, and for each wearer whom adapting made a difference for."""
    for dataset, where in dict.fromkeys((each.dataset, each.group) for each in found):
        own = [each for each in found if (each.dataset, each.group) == (dataset, where)]
        hours = sum(each.hours for each in own)
        yield f"{dataset}, {where}: {len(own)} wearers, {hours:.1f} h judged"
        for name in SETTINGS:
            counts = [sum(getattr(each.lives[name], of) for each in own) for of in ("told", "heard")]
            said = [f"{count} {_rate(count, hours)}" for count in counts]
            yield f"  {name:<11} told at once {said[0]}, heard {said[1]}"
        for each in own:
            counts = [f"{name} {life.told}/{life.heard}" for name, life in each.lives.items()]
            if len({(life.told, life.heard) for life in each.lives.values()}) > 1:
                capped = each.lives["capped"]
                first, end = (STEP * raised(learnt, budget) for learnt in (capped.first_hour, capped.end))
                moved = f"limits raised by {first:.1f} after an hour, {end:.1f} in the end"
                yield f"    {each.person} ({each.hours:.1f} h): told/heard {', '.join(counts)}; {moved}"


def fall_lines(falls: Iterable[Scouted], found: Sequence[Wearer], bundles: Bundles, budget: float) -> Iterator[str]:
    """What the falls come to, beside what the most restless wearers of the same place leave behind."""
    steps = partial(raised, per_day=budget)
    states: dict[str, dict[str, dict[str, Any] | None]] = {}
    for where in GROUPS:
        lives = [each.lives["capped"] for each in found if each.group == where]
        states[where] = {"as shipped": None, "nothing learnt yet": raised_by(0)}
        if lives:
            first, end = [life.first_hour for life in lives], [life.end for life in lives]
            states[where]["first hour of the most restless"] = max(first, key=steps)
            states[where]["all time of the most restless"] = max(end, key=steps)
            early, late = (sum(steps(each) > 0 for each in some) for some in (first, end))
            yield f"{where}: limits are raised for {early} of {len(lives)} wearers after an hour, for {late} in the end"
        for up in (STEPS // 2, STEPS):
            states[where][f"limits raised by {STEP * up:.1f}"] = raised_by(up)
    caught: dict[tuple[str, str], dict[str, list[tuple[bool, bool]]]] = {}
    for fall in falls:
        where, dataset = group(fall.trial.meta.placement), fall.trial.dataset
        row = caught.setdefault((dataset, where), {})
        for name, state in states[where].items():
            row.setdefault(name, []).append(catch(fall, bundles(dataset), state, budget))
    for (dataset, where), row in caught.items():
        yield f"{dataset}, {where}: {len(row['as shipped'])} falls"
        for name, all_of in row.items():
            said = [_share(sum(one[i] for one in all_of), len(all_of)) for i in (0, 1)]
            higher = STEP * steps(states[where][name] or raised_by(0))
            yield f"  {name:<33} (+{higher:.1f}) told at once {said[0]}, told or confirmed {said[1]}"


def _rate(count: int, hours: float) -> str:
    low, high = poisson(count, hours / 24) if hours else (0.0, 0.0)
    return f"({count / hours * 24 if hours else 0:.1f} [{low:.1f}, {high:.1f}] a day)"


def _share(hits: int, total: int) -> str:
    return f"{hits} ({percent(hits, total)})"


def _others(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, Path]:
    pairs = [one.partition("=") for one in given]
    if not all(middle for _, middle, _ in pairs):
        raise click.BadParameter("is not DATASET=FOLDER")
    return {dataset: Path(folder) for dataset, _, folder in pairs}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="ARCHIVE...")
@click.option("--bundle", type=click.Path(path_type=Path), help="A bundle's folder, not the shipped one.")
@click.option("--without", multiple=True, callback=_others, metavar="DATASET=FOLDER",
              help="The bundle for the recordings of a data set, best one that never saw it. Repeatable.")  # fmt: skip
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), default=BUDGET_PER_DAY, help="Alarms a day.")
def command(paths: tuple[str, ...], bundle: Path | None, without: dict[str, Path], budget: float) -> None:
    """What adapting to a wearer is worth on ordinary life, and what it costs in falls."""
    usual = Bundle.load(bundle or shipped_bundle())
    special = {dataset: Bundle.load(folder) for dataset, folder in without.items()}

    def progress(line: str) -> None:
        click.echo(line, err=True)

    def bundles(dataset: str) -> Bundle:
        return special.get(dataset, usual)

    with_falls = {path: has_falls(path) for path in paths}
    found: list[Wearer] = []
    for path in (path for path, falls in with_falls.items() if not falls):
        found += wearers(scouted(path, progress, falls=False), bundles, budget)
    for dataset in dict.fromkeys(each.dataset for each in found):
        used = bundles(dataset)
        seen = dataset in used.card.get("trained_on", ())
        worth = "has SEEN these wearers: too good to be true" if seen else "has never seen this data set"
        click.echo(f"{dataset}: judged by {used.name}, which {worth}")
    click.echo(f"\nOrdinary life, second half of each wearer's time, budget {budget:g} a day")
    for line in life_lines(found, budget):
        click.echo(line)
    click.echo("\nFalls, by what was learnt before (what calibrates is a sensor's own and is off)")
    falls = (fall for path, some in with_falls.items() if some for fall in scouted(path, progress, falls=True))
    for line in fall_lines((fall for fall in falls if fall.trial.truth.impact_s is not None), found, bundles, budget):
        click.echo(line)


if __name__ == "__main__":
    command()
