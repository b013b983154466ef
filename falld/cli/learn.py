"""Train a detector, or gather what a home has to teach."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click
import numpy as np

from falld.errors import FalldError
from falld.samples.recording import PLACEMENTS

NEEDED = ("sklearn", "skl2onnx", "onnx", "scipy", "pyarrow")


class _Learn(click.Group):
    """Trains where no other command is named: `falld learn ARCHIVE... --out FOLDER`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["train", *args])


@click.group(cls=_Learn, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Train a detector on archives: `falld learn ARCHIVE... --out FOLDER`, see `falld learn train --help`."""


@command.command()
@click.argument("paths", nargs=-1, required=True, metavar="ARCHIVE...")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The bundle's folder.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes that fit at once.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path),
              help="A folder that keeps finished fits, so that an interrupted run goes on.")  # fmt: skip
def train(paths: tuple[str, ...], out: Path, workers: int, work: Path | None) -> None:
    """Train a detector on archives, judge it on people it never saw, and write its bundle with its card."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FalldError("falld learn", f"needs {', '.join(missing)}", "pip install 'falld[learn]'")
    from falld.learn.bundle import write_bundle
    from falld.learn.calibrate import calibrate
    from falld.learn.card import STAGED, card
    from falld.learn.extract import extract
    from falld.learn.farm import fit_all
    from falld.learn.train import Examples
    from falld.learn.validate import ORDINARY_LIFE, by_dataset, by_person, choose, judge
    from falld.learn.weighed import weighed
    from falld.tasks.cache import Cache

    def progress(line: str) -> None:
        click.echo(line, err=True)

    table = extract(paths, progress)
    persons, sets = by_person(table), by_dataset(table, (*STAGED, *ORDINARY_LIFE))
    found, model = fit_all(Examples(table), [*persons, *sets], workers, Cache(work), progress)
    people = judge(table, persons, found[: len(persons)])
    others = judge(table, sets, found[len(persons) :])
    calibration = calibrate(people.alone[table.label >= 0], table.label[table.label >= 0])
    in_context = weighed(table, calibration(people.alone))
    thresholds, doubts = choose(table, in_context, np.ones(len(table.trials), bool))
    said = f"falld learn {' '.join(Path(path).name for path in paths)} --out {out}"
    write_bundle(out, model, calibration, card(out.name, table, calibration, thresholds, doubts, people, others, said))
    progress(f"{out}: thresholds {thresholds}, doubts {doubts}")


def _placements(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """By wearable id, under "" of all others."""
    found: dict[str, str] = {}
    for one in given:
        wearable, _, place = one.rpartition("=")
        if place not in PLACEMENTS or wearable in found:
            what = "is given twice" if place in PLACEMENTS else f"is not one of {', '.join(PLACEMENTS)}"
            raise click.BadParameter(f"{one} {what}")
        found[wearable] = place
    return found


@command.command()
@click.argument("stores", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="HUB_DB...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The archive, .parquet.")
@click.option("--placement", "placements", multiple=True, callback=_placements, metavar="[WEARABLE=]PLACE",
              help="Where the wearable of this id sits, or all others do; else unknown. Repeatable.")  # fmt: skip
def collect(stores: tuple[Path, ...], out: Path, placements: dict[str, str]) -> None:
    """Gather the clips of alerts that responders answered for certain, from the stores of hubs, into an archive."""
    from falld.learn.collect import collect as gather

    counts = gather(stores, out, placements)
    for said, n in sorted(counts.items()):
        click.echo(f"{n} {said}" if said in ("fall", "false alarm") else f"{n} left out: {said}")
