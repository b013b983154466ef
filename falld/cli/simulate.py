"""Make recordings from a simulated body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from falld.samples.csvfile import write_csv
from falld.simulate.body import PLACEMENTS
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES, Scene

MAX_RATE_HZ = 400.0
"""The body is laid out at 1000 Hz, and the sensor's filter needs 0.4 of its rate."""


@click.command()
@click.argument("scene", required=False, type=click.Choice(list(SCENES)), metavar="[SCENE]")
@click.option("--list", "listing", is_flag=True, help="Show the scenes.")
@click.option(
    "--all",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Make every scene as shipped.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="NAME.csv or NAME.csv.gz; NAME.yaml goes beside it."
)
@click.option("--seed", type=click.IntRange(min=0), help="Another wearer and other movements.")
@click.option("--placement", type=click.Choice(list(PLACEMENTS)), help="Where the sensor is worn.")
@click.option("--rate", "rate_hz", type=click.FloatRange(1.0, MAX_RATE_HZ), metavar="HZ", help="Samples per second.")
@click.option("--range", "range_g", type=click.FloatRange(1.0, 64.0), metavar="G", help="Beyond ±G it clips.")
@click.option("--jitter", type=click.FloatRange(min=0.0), metavar="MS", help="Standard deviation of the stamps.")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Samples to a packet, stamped when it arrives.")
@click.option("--loss", type=click.FloatRange(0.0, 0.9), metavar="SHARE", help="Packets that never arrive.")
@click.option(
    "--gap", "gaps", type=(float, float), multiple=True, metavar="START LENGTH", help="Seconds without samples."
)
@click.option("--ideal", is_flag=True, help="A sensor without noise, offset, gain error, strap and mounting.")
def command(
    scene: str | None,
    listing: bool,
    folder: Path | None,
    out: Path | None,
    seed: int | None,
    placement: str | None,
    **worn: Any,
) -> None:
    """Make recordings of falls and daily activities from a simulated body.

    They show that the road from samples to alert works. No figure of detection quality may come from them.
    """
    if sum((scene is not None, listing, folder is not None)) != 1:
        raise click.UsageError("give a scene, or --list, or --all FOLDER")
    if listing:
        for name, story in SCENES.items():
            click.echo(f"{name:28} {story.what}")
    elif folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, story in SCENES.items():
            _write(story, folder / f"{name}.csv.gz")
    elif scene is not None:
        if out is None:
            raise click.UsageError("give --out FILE.csv or FILE.csv.gz")
        _write(_changed(SCENES[scene], seed, placement, worn), out)


def _changed(scene: Scene, seed: int | None, placement: str | None, worn: dict[str, Any]) -> Scene:
    jitter = worn.pop("jitter")
    given = {key: value for key, value in worn.items() if value}
    if jitter:
        given["jitter_s"] = jitter / 1000.0
    return replace(
        scene,
        seed=scene.seed if seed is None else seed,
        placement=placement or scene.placement,
        sensor=replace(scene.sensor, **given),
    )


def _write(scene: Scene, path: Path) -> None:
    meta, block = simulate(scene)
    write_csv(path, meta, [block])
    impacts = ", ".join(f"{span.impact_s:.2f} s" for span in meta.falls)
    click.echo(f"{path}: {len(block)} samples, {meta.placement}" + (f", impact at {impacts}" if impacts else ""))
