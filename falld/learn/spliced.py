"""Whether falls are heard, and walking away is seen: `python -m falld.learn.spliced ARCHIVE... [--bundle FOLDER]`.

Most recordings of falls end before it can be told whether the person stays down. So each staged fall is put into scenes
that go on, and judged by models that never saw the person, at the bundle's thresholds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from falld.detect.bundle import Bundle
from falld.learn.calibrate import Calibration
from falld.learn.extract import Table, extract
from falld.learn.groups import group
from falld.learn.intervals import percent
from falld.learn.robust import altered, judged
from falld.learn.scenes import AFTER_S, SCENES, Lives
from falld.learn.score import heard, score, taken_back
from falld.learn.train import Examples
from falld.learn.validate import by_placement
from falld.learn.weighed import weighed
from falld.resources import shipped_bundle
from falld.samples.catalogue import open_paths


def outcome(
    table: Table, probability: npt.NDArray[np.float64], bundle: Bundle, chosen: npt.NDArray[np.bool_]
) -> dict[str, object]:
    """What became of the chosen trials' falls.

    Args:
        table: the candidates.
        probability: (c,) of each, by a model that never saw the person.
        bundle: whose thresholds are taken.
        chosen: (trials,) all of falls.
    """
    threshold, doubt = by_placement(table, bundle.threshold), by_placement(table, bundle.doubt)
    told = score(table, probability, threshold, chosen)
    final = heard(table, probability, threshold, doubt, chosen)
    back = score(table, np.where(taken_back(table), probability, -1.0), threshold, chosen)
    return {
        "falls": told.falls,
        "told": _share(told.hits, told.falls),
        "taken_back": _share(back.hits, told.falls),
        "heard": _share(final.hits, told.falls),
        "false_alarms": told.alarms,
    }


def _share(n: int, of: int) -> str:
    return f"{n}, {percent(n, of)}"


def tables(archives: Iterable[str], progress: Callable[[str], None]) -> dict[str, Table]:
    """The candidates of the recordings as they are, and of their scenes; the trials are the same."""
    archives = list(archives)
    lives = Lives.of(each for path in archives for each in open_paths([path]))
    plain = extract(archives, progress)
    found = {"as recorded": plain}
    for ends in SCENES:
        progress(ends)
        found[ends] = altered(plain, archives, partial(lives.scene, ends=ends), progress)
    return found


@click.command()
@click.argument("archives", nargs=-1, required=True)
@click.option("--also", multiple=True, help="An archive that is learnt from but not judged. Repeatable.")
@click.option("--bundle", type=click.Path(path_type=Path), default=None, help="Whose thresholds; else the shipped one.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes that fit at once.")
def main(archives: tuple[str, ...], also: tuple[str, ...], bundle: Path | None, workers: int) -> None:
    """Prints one JSON object a line for each scene and group of placements."""

    def progress(line: str) -> None:
        click.echo(line, err=True)

    taken = Bundle.load(bundle or shipped_bundle())
    found = tables(archives, progress)
    plain = found["as recorded"]
    everything = plain.followed_by(extract(also, progress)) if also else plain
    calibration = Calibration(**taken.card["calibration"]["sigmoid"])
    seconds = [np.array([trial.hours * 3600 for trial in table.trials]) for table in found.values()]
    placed = np.all([longer > seconds[0] + AFTER_S for longer in seconds[1:]], axis=0)
    groups = np.array([group(trial.meta.placement) for trial in plain.trials])
    probabilities = judged(Examples(everything), list(found.values()), workers)
    for (name, table), probability in zip(found.items(), probabilities, strict=True):
        for place in ("trunk", "wrist"):
            chosen = placed & (groups == place)
            if chosen.any():
                said = {
                    "scene": name,
                    "at": place,
                    **outcome(table, weighed(table, calibration(probability)), taken, chosen),
                }
                click.echo(json.dumps(said, ensure_ascii=False))


if __name__ == "__main__":
    main()
