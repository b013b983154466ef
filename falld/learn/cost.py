"""What one candidate costs a live daemon: `python -m falld.learn.cost [BUNDLE]`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from falld.detect.bundle import REFERENCE, Bundle
from falld.detect.reference import Reference
from falld.detect.smooth import shown
from falld.detect.window import Windows
from falld.resources import shipped_bundle

TIMES = 50
"""Each reference case is judged; with 16 of them the median is that of 800."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of processor time for one candidate alone, medians."""

    features: float
    whole: float
    """Features and model."""

    def __str__(self) -> str:
        return f"one candidate costs {self.whole:.2f} ms of processor time, {self.features:.2f} ms of it for features"


def cost(folder: Path) -> Cost:
    """Judge a bundle's reference cases one by one.

    Raises:
        BundleError: the bundle is refused.
    """
    bundle = Bundle.load(folder)
    cases = Reference.from_bytes((folder / REFERENCE).read_bytes()).cases
    alone = [(Windows(acc[None]), each.placement) for each in cases for acc in each.windows.acc]
    spent = []
    for windows, placement in alone * TIMES:
        # Of the process, not of the clock on the wall: other work of the machine does not count.
        begun = time.process_time()
        shown(windows, placement)
        described = time.process_time()
        bundle.probabilities(windows, placement)
        spent.append((described - begun, time.process_time() - described))
    return Cost(*(np.median(spent, axis=0) * 1e3).tolist())


@click.command()
@click.argument("bundle", type=click.Path(file_okay=False, path_type=Path), required=False)
def command(bundle: Path | None) -> None:
    """Tell what one candidate costs live on this machine, features and model."""
    click.echo(cost(bundle or shipped_bundle()))


if __name__ == "__main__":
    command()
