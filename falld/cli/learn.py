"""Train a detector."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click
import numpy as np

from falld.errors import FalldError

NEEDED = ("sklearn", "skl2onnx", "onnx", "scipy", "pyarrow")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="ARCHIVE...")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The bundle's folder.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes that fit at once.")
def command(paths: tuple[str, ...], out: Path, workers: int) -> None:
    """Train a detector on archives, judge it on people it never saw, and write its bundle with its card."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FalldError("falld learn", f"needs {', '.join(missing)}", "pip install 'falld[learn]'")
    from falld.learn.bundle import write_bundle
    from falld.learn.card import STAGED, card
    from falld.learn.extract import extract
    from falld.learn.farm import fit_all
    from falld.learn.train import Examples
    from falld.learn.validate import ORDINARY_LIFE, by_dataset, by_person, choose, judge

    def progress(line: str) -> None:
        click.echo(line, err=True)

    table = extract(paths, progress)
    persons, sets = by_person(table), by_dataset(table, (*STAGED, *ORDINARY_LIFE))
    found, model = fit_all(Examples(table), [*persons, *sets], workers, progress)
    people = judge(table, persons, found[: len(persons)])
    others = judge(table, sets, found[len(persons) :])
    thresholds, doubts = choose(table, people.probability, np.ones(len(table.trials), bool))
    said = f"falld learn {' '.join(Path(path).name for path in paths)} --out {out}"
    write_bundle(out, model, card(out.name, table, thresholds, doubts, people, others, model.width, said))
    progress(f"{out}: thresholds {thresholds}, doubts {doubts}")
