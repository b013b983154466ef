"""The tables as Markdown, in a page of their own or in the places that a page has for them."""

from __future__ import annotations

import re
from pathlib import Path

from falld.errors import FalldError
from falld.learn.benchmark.report import Report
from falld.samples.atomic import replacing

_END = "<!-- end -->"
_PLACE = re.compile(r"<!-- table (?P<key>[^>]+?) -->\n.*?<!-- end -->", re.DOTALL)


def write_markdown(report: Report, path: Path) -> None:
    """Write the tables.

    Args:
        report: of a benchmark.
        path: a page with places, `<!-- table KEY -->` to `<!-- end -->`, gets those tables and stays as it is
            elsewhere, also where this report has no such table. Any other file is made anew, with all of them.

    Raises:
        FalldError: it cannot be read or written.
    """
    try:
        page = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise FalldError(str(path), f"cannot be read ({error})", "name another file") from error
    with replacing(path) as file:
        file.write((filled(report, page) if _PLACE.search(page) else alone(report)).encode())


def filled(report: Report, page: str) -> str:
    """A page with its places filled."""

    def place(found: re.Match[str]) -> str:
        section = report.section(found["key"])
        return found[0] if section is None else _place(section.key, section.markdown())

    return _PLACE.sub(place, page)


def alone(report: Report) -> str:
    """All tables that are not for the JSON alone, each in its place."""
    parts = [
        f"## {section.title}\n\n{section.note}\n\n{_place(section.key, section.markdown())}"
        for section in report.sections
        if section.shown != 0
    ]
    return "\n\n".join(["# Benchmark", *report.warnings, *parts]) + "\n"


def _place(key: str, table: str) -> str:
    return f"<!-- table {key} -->\n\n{table}\n\n{_END}"
