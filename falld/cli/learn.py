"""Train a detector."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
import numpy as np

from falld.errors import FalldError

NEEDED = ("sklearn", "skl2onnx", "onnx", "scipy", "pyarrow")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="ARCHIVE...")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The bundle's folder.")
def command(paths: tuple[str, ...], out: Path) -> None:
    """Train a detector on archives, judge it on people it never saw, and write its bundle with its card."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FalldError("falld learn", f"needs {', '.join(missing)}", "pip install 'falld[learn]'")
    from falld.learn.bundle import write_bundle
    from falld.learn.card import STAGED, card
    from falld.learn.extract import extract
    from falld.learn.train import Examples, fit
    from falld.learn.validate import ORDINARY_LIFE, by_dataset, by_person, choose

    def progress(line: str) -> None:
        click.echo(line, err=True)

    table = extract(paths, progress)
    examples = Examples(table)
    people = by_person(examples, progress)
    sets = by_dataset(examples, (*STAGED, *ORDINARY_LIFE), progress)
    thresholds = choose(table, people.probability, np.ones(len(table.trials), bool))
    model = fit(examples, np.arange(len(table.trial)))
    said = f"falld learn {' '.join(Path(path).name for path in paths)} --out {out}"
    write_bundle(out, model, card(out.name, table, thresholds, people, sets, int(model.n_features_in_), said))
    progress(f"{out}: thresholds {thresholds}")
