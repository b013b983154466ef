"""The benchmark's curves and differences as pictures."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from falld.errors import FalldError
from falld.learn.benchmark.cells import Section, Span
from falld.learn.benchmark.curves import CurvePoint
from falld.learn.benchmark.judge import RATES
from falld.learn.benchmark.report import Report

_AXES = {
    "scripted_per_hour": "False alarms an hour of scripted activity",
    "life_per_day": "False alarms a day of ordinary life",
}
_APART = 0.22
"""Of a row: how far apart the differences of one method at several rates are drawn."""

Draw = Callable[[Any], None]


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
    """Falls found over false alarms, by kind of folds, group of placements and kind of hours; and falld's differences.

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
    for name, draw in (*_curves(report), *_differences(report.section("paired"))):
        figure, axes = pyplot.subplots(figsize=(7, 5))
        draw(axes)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")  # to look for the best place can take so long that it is warned of
        path = folder / f"{name}.svg"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Without a date and with fixed ids the same report gives the same file.
            with pyplot.rc_context({"svg.hashsalt": "falld"}):
                figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
        except OSError as error:
            raise FalldError(str(path), f"cannot be written: {error.strerror}", "name another folder") from error
        finally:
            pyplot.close(figure)
        written.append(path)
    return written


def _curves(report: Report) -> Iterator[tuple[str, Draw]]:
    """The name and the drawing of each picture of curves."""
    for kind, methods in report.curves.items():
        for group in sorted({group for groups in methods.values() for group in groups}):
            for key, label in _AXES.items():
                lines = {name: _line(groups.get(group, []), key) for name, groups in methods.items()}
                if any(lines.values()):
                    yield f"{kind}-{group}-{key.replace('_', '-')}", _Lines(lines, label, f"{group}, by {kind}")


class _Lines:
    """Curves of several methods."""

    def __init__(self, lines: dict[str, list[tuple[float, float]]], label: str, title: str) -> None:
        self._lines = lines
        self._words = {"xlabel": label, "title": title}

    def __call__(self, axes: Any) -> None:
        for name, points in self._lines.items():
            if points:
                axes.plot(*zip(*points, strict=True), label=name)
        axes.set(xscale="log", ylabel="Falls found in %", ylim=(0, 100), **self._words)


def _differences(section: Section | None) -> Iterator[tuple[str, Draw]]:
    """The same of falld's differences, of all that is judged together."""
    rows = section.rows if section is not None else []
    for group in dict.fromkeys(str(row[1]) for row in rows):
        judged = next(str(row[2]) for row in rows if row[1] == group)
        some = {
            str(row[0]): [cell for cell in row if isinstance(cell, Span)]
            for row in rows
            if row[1] == group and row[2] == judged
        }
        yield f"paired-{group}", _Whiskers(some, f"{group}, each data set left out; {judged}")


class _Whiskers:
    """Differences with their intervals, a row for each method."""

    def __init__(self, spans: dict[str, list[Span]], title: str) -> None:
        self._spans = spans
        self._title = title

    def __call__(self, axes: Any) -> None:
        rows = range(len(self._spans))
        for i, rate in enumerate(RATES):
            spans = [each[i] for each in self._spans.values()]
            values = [100 * span.value for span in spans]
            # Thresholds are set again in each draw, so that a value may lie outside its interval.
            below = [max(0.0, 100 * (span.value - span.low)) for span in spans]
            above = [max(0.0, 100 * (span.high - span.value)) for span in spans]
            places = [row + _APART * (i - 1) for row in rows]
            axes.errorbar(values, places, xerr=[below, above], fmt="o", capsize=3, label=f"{rate:g} an hour")
        axes.axvline(0.0, color="black", linewidth=0.8)
        axes.set(xlabel="falld minus each method: falls found, in points", title=self._title, yticks=list(rows))
        axes.set_yticklabels(list(self._spans))
        axes.invert_yaxis()


def _line(points: list[CurvePoint], key: str) -> list[tuple[float, float]]:
    """(false alarms, % found), from few alarms to many; none can stand on a logarithmic axis without any."""
    found = [(float(getattr(point, key)), 100 * point.sensitivity) for point in points]
    return sorted((x, y) for x, y in found if math.isfinite(x) and x > 0)
