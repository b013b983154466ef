"""Judge detectors."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falld.cli.options import several
from falld.errors import FalldError
from falld.samples.atomic import replacing

if TYPE_CHECKING:
    from falld.learn.baselines.method import Method
    from falld.learn.baselines.scouted import Scouted
    from falld.learn.baselines.shipped import Shipped

NEEDED = ("sklearn", "scipy", "pyarrow", "threadpoolctl")
BUNDLE = "bundle"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--bundle",
    "bundles",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="A bundle's folder, not the shipped one; may be given again.",
)
@click.option(
    "--methods",
    metavar="NAME,...",
    help=f"Only these methods; `{BUNDLE}` stands for the bundle, `published` for all published ones.",
)
@click.option(
    "--folds",
    metavar="KIND,...",
    help="Only these: `dataset` leaves data sets with falls out, `wearer` long ones without, `person` people.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this data set; may be given again.")
@several("what methods find and what fits give", " Fits stay on this machine.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Everything, as JSON.")
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The tables, into the places that this page has for them, or a new page.",
)
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Curves, as SVG.")
def command(
    paths: tuple[str, ...],
    bundles: tuple[Path, ...],
    methods: str | None,
    folds: str | None,
    only: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    work: Path | None,
    json_path: Path | None,
    markdown: Path | None,
    plots: Path | None,
) -> None:
    """Judge falld's detector, bundles and published methods by one rule, on people that no threshold was chosen on.

    PATH is a recording, an archive, or a folder of them. Tables go to standard output.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FalldError("falld benchmark", f"needs {', '.join(missing)}", "pip install 'falld[learn]'")
    from falld.learn.benchmark.markdown import write_markdown
    from falld.learn.benchmark.plots import load_pyplot, plot
    from falld.learn.benchmark.report import FOLDS, benchmark
    from falld.tasks.cache import Cache
    from falld.tasks.executor import executor

    if plots is not None:
        load_pyplot()
    chosen = _methods(methods, bundles)
    kinds = FOLDS if folds is None else tuple(folds.split(","))
    for kind in kinds:
        if kind not in FOLDS:
            raise FalldError("--folds", f"there are none called {kind!r}", f"choose of {', '.join(FOLDS)}")

    def progress(line: str) -> None:
        click.echo(line, err=True)

    fits = workers or os.cpu_count() or 1
    who = executor(workers, scheduler)
    report = benchmark(paths, chosen, progress, only=only, kinds=kinds, cache=Cache(work), workers=fits, who=who)
    click.echo(report.text())
    if json_path is not None:
        with replacing(json_path) as file:
            file.write((json.dumps(report.json(), indent=1, ensure_ascii=False) + "\n").encode())
    if markdown is not None:
        write_markdown(report, markdown)
    if plots is not None:
        for path in plot(report, plots):
            progress(f"{path}")


def _methods(names: str | None, bundles: tuple[Path, ...]) -> list[Method | Scouted]:
    """By default all of them, falld's own last but for the bundles."""
    from falld.learn.baselines.catalogue import ALL_PUBLISHED, SCOUTED
    from falld.learn.baselines.catalogue import methods as known

    wanted = [ALL_PUBLISHED, *(method.name for method in SCOUTED), BUNDLE] if names is None else names.split(",")
    chosen = known([name for name in wanted if name != BUNDLE])
    if BUNDLE in wanted:
        chosen += _bundles(bundles)
    twice = {method.name for method in chosen if [other.name for other in chosen].count(method.name) > 1}
    if twice:
        raise FalldError("falld benchmark", f"two methods are called {', '.join(sorted(twice))}", "leave one out")
    return chosen


def _bundles(folders: tuple[Path, ...]) -> list[Shipped]:
    from falld.detect.bundle import SUMS, Bundle
    from falld.learn.baselines.shipped import Shipped
    from falld.resources import shipped_bundle

    return [
        Shipped(Bundle.load(folder), (folder / SUMS).read_text("ascii"), str(folder.absolute()))
        for folder in folders or (shipped_bundle(),)
    ]
