"""Cells of the benchmark's tables: figures with their intervals, as text and as JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from falld.learn.intervals import poisson, wilson

_WIDTH = 120
"""Columns of a line of prose."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with a Wilson interval, and for the JSON alone the interval over people."""

    hits: int
    total: int
    people: tuple[float, float, float] | None = None

    def text(self) -> str:
        if not self.total:
            return "-"
        low, high = wilson(self.hits, self.total)
        return f"{100 * self.hits / self.total:.1f} [{100 * low:.1f}, {100 * high:.1f}]"

    def json(self) -> dict[str, Any]:
        low, high = wilson(self.hits, self.total)
        share = self.hits / self.total if self.total else None
        said: dict[str, Any] = {"hits": self.hits, "total": self.total, "share": share, "low": low, "high": high}
        return said if self.people is None else said | {"people": Span(*self.people).json()}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many hours, with a Poisson interval; told per hour or per day."""

    count: int
    hours: float
    per_day: bool = False

    def _rates(self) -> tuple[float, float, float]:
        scale = 24.0 if self.per_day else 1.0
        low, high = poisson(self.count, self.hours)
        return scale * self.count / self.hours, scale * low, scale * high

    def text(self) -> str:
        if self.hours <= 0:
            return "-"
        return "{:.2f} [{:.2f}, {:.2f}]".format(*self._rates())

    def json(self) -> dict[str, float | str | None]:
        said: dict[str, float | str | None] = {"count": self.count, "hours": self.hours}
        rate, low, high = self._rates() if self.hours > 0 else (None, None, None)
        return said | {"per": "day" if self.per_day else "hour", "rate": rate, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Span:
    """A value in percent or as it is, with the interval that people drawn again give."""

    value: float
    low: float
    high: float
    percent: bool = True

    def text(self) -> str:
        if math.isnan(self.value):
            return "-"
        scale = 100 if self.percent else 1
        return f"{scale * self.value:.1f} [{scale * self.low:.1f}, {scale * self.high:.1f}]"

    def json(self) -> dict[str, float | None]:
        return {"value": plain(self.value), "low": plain(self.low), "high": plain(self.high)}


@dataclass(frozen=True, slots=True)
class Each:
    """One rate after the other, told without their intervals."""

    rates: tuple[Rate, ...]

    def text(self) -> str:
        return " / ".join(rate.text().split(" ")[0] for rate in self.rates)

    def json(self) -> list[dict[str, float | str | None]]:
        return [rate.json() for rate in self.rates]


class Told(Protocol):
    """A figure that knows how it is told."""

    def text(self) -> str: ...

    def json(self) -> Any: ...


Cell = Told | str | int | float


def paragraph(prose: str) -> str:
    """Prose as it stands between tables."""
    return textwrap.fill(prose, _WIDTH)


def plain(value: float) -> float | None:
    """As JSON has it: no NaN, no infinity."""
    return value if math.isfinite(value) else None


def text(cell: Cell) -> str:
    """As a person reads it."""
    if isinstance(cell, float):
        return f"{cell:.2f}" if math.isfinite(cell) else "-"
    return str(cell) if isinstance(cell, str | int) else cell.text()


def json(cell: Cell) -> Any:
    """As a program reads it."""
    if isinstance(cell, float):
        return plain(cell)
    return cell if isinstance(cell, str | int) else cell.json()


@dataclass
class Section:
    """One table."""

    key: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    shown: int | None = None
    """Rows that are printed, none of a table that is for the JSON alone; there all of them are."""

    def add(self, *cells: Cell) -> None:
        self.rows.append(cells)

    def text(self) -> str:
        """Aligned for a terminal, numbers to the right."""
        rows = self.rows if self.shown is None else self.rows[: self.shown]
        lines = [list(self.columns), *([text(cell) for cell in row] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        words = [all(isinstance(row[i], str) for row in self.rows) for i in range(len(self.columns))]
        aligned = [_aligned(line, widths, words) for line in lines]
        rest = [f"({len(self.rows) - len(rows)} more in the JSON)"] if len(rows) < len(self.rows) else []
        head = [self.title, paragraph(self.note), "", aligned[0], "-" * len(aligned[0])]
        return "\n".join([*head, *aligned[1:], *rest])

    def markdown(self) -> str:
        """The table alone, numbers to the right."""
        rows = self.rows if self.shown is None else self.rows[: self.shown]
        rules = ["---" if all(isinstance(row[i], str) for row in rows) else "---:" for i in range(len(self.columns))]
        # A bar would end a cell.
        cells = [[text(cell).replace("|", "\\|") for cell in row] for row in rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in [list(self.columns), rules, *cells])

    def json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "note": self.note,
            "rows": [{name: json(cell) for name, cell in zip(self.columns, row, strict=True)} for row in self.rows],
        }


def _aligned(cells: Sequence[str], widths: Sequence[int], words: Sequence[bool]) -> str:
    parts = [
        cell.ljust(width) if word else cell.rjust(width) for cell, width, word in zip(cells, widths, words, strict=True)
    ]
    return "  ".join(parts).rstrip()
