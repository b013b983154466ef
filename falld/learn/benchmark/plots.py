"""The benchmark's curves as pictures."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

from falld.errors import FalldError
from falld.learn.benchmark.report import CurvePoint, Report

_AXES = {
    "scripted_per_hour": "False alarms an hour of scripted activity",
    "life_per_day": "False alarms a day of ordinary life",
}


def load_pyplot() -> Any:
    """The optional matplotlib, drawing into files alone.

    Raises:
        FalldError: it is not installed.
    """
    try:
        importlib.import_module("matplotlib").use("agg")
    except ImportError as error:
        raise FalldError("--plots", "matplotlib is not installed", "pip install 'falld[plot]'") from error
    return importlib.import_module("matplotlib.pyplot")


def plot(report: Report, folder: Path) -> list[Path]:
    """Sensitivity over false alarms, a picture for each group of placements and kind of hours.

    Args:
        report: of a benchmark.
        folder: made if need be.

    Returns:
        The files written.

    Raises:
        FalldError: matplotlib is missing, or the folder cannot be written.
    """
    pyplot = load_pyplot()
    written: list[Path] = []
    for group in sorted({group for groups in report.curves.values() for group in groups}):
        for key, label in _AXES.items():
            lines = {name: _line(groups.get(group, []), key) for name, groups in report.curves.items()}
            if not any(lines.values()):
                continue
            figure, axes = pyplot.subplots(figsize=(7, 5))
            for name, points in lines.items():
                if points:
                    axes.plot(*zip(*points, strict=True), label=name)
            axes.set(xscale="log", xlabel=label, ylabel="Falls found in %", ylim=(0, 100), title=group)
            axes.grid(alpha=0.3)
            axes.legend()
            path = folder / f"{group}-{key.replace('_', '-')}.svg"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                # Without a date and with fixed ids the same report gives the same file.
                with pyplot.rc_context({"svg.hashsalt": "falld"}):
                    figure.savefig(path, metadata={"Date": None})
            except OSError as error:
                raise FalldError(str(path), f"cannot be written: {error.strerror}", "name another folder") from error
            finally:
                pyplot.close(figure)
            written.append(path)
    return written


def _line(points: list[CurvePoint], key: str) -> list[tuple[float, float]]:
    """(false alarms, % found), from few alarms to many; none can stand on a logarithmic axis without any."""
    found = [(float(getattr(point, key)), 100 * point.sensitivity) for point in points]
    return sorted((x, y) for x, y in found if math.isfinite(x) and x > 0)
