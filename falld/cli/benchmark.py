"""Judge detectors."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falld.errors import FalldError

if TYPE_CHECKING:
    from falld.detect.bundle import Bundle

NEEDED = ("sklearn", "scipy", "pyarrow")
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
@click.option("--methods", metavar="NAME,...", help=f"Only these methods; `{BUNDLE}` stands for the bundle.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this data set; may be given again.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Everything, as JSON.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Curves, as SVG.")
def command(
    paths: tuple[str, ...],
    bundles: tuple[Path, ...],
    methods: str | None,
    only: tuple[str, ...],
    json_path: Path | None,
    plots: Path | None,
) -> None:
    """Judge a bundle and published methods by one rule, on people that no threshold was chosen on.

    PATH is a recording, an archive, or a folder of them. Tables go to standard output.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise FalldError("falld benchmark", f"needs {', '.join(missing)}", "pip install 'falld[learn]'")
    from falld.learn.baselines.catalogue import PUBLISHED, published
    from falld.learn.baselines.method import Method
    from falld.learn.baselines.shipped import Shipped
    from falld.learn.benchmark.plots import load_pyplot, plot
    from falld.learn.benchmark.report import benchmark

    if plots is not None:
        load_pyplot()
    names = [BUNDLE, *(method.name for method in PUBLISHED)] if methods is None else methods.split(",")
    chosen: list[Method] = published([name for name in names if name != BUNDLE])
    if BUNDLE in names:
        chosen += [Shipped(bundle) for bundle in _bundles(bundles)]
    twice = {method.name for method in chosen if [other.name for other in chosen].count(method.name) > 1}
    if twice:
        raise FalldError("falld benchmark", f"two methods are called {', '.join(sorted(twice))}", "leave one out")
    report = benchmark(paths, chosen, lambda line: click.echo(line, err=True), only=only)
    click.echo(report.text())
    if json_path is not None:
        try:
            json_path.write_text(json.dumps(report.json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise FalldError(str(json_path), f"cannot be written: {error.strerror}", "name another file") from error
    if plots is not None:
        for path in plot(report, plots):
            click.echo(f"{path}", err=True)


def _bundles(folders: tuple[Path, ...]) -> list[Bundle]:
    from falld.detect.bundle import Bundle
    from falld.resources import shipped_bundle

    return [Bundle.load(folder) for folder in folders or (shipped_bundle(),)]
