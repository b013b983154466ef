"""What is known about the recordings of an archive, as the rows of its CSV index."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from falld.samples.meta import MAX_RATE_HZ, known_placement
from falld.samples.recording import FallSpan, Meta, RecordingError

INDEX_COLUMNS = (
    "recording",
    "dataset",
    "subject",
    "age",
    "sex",
    "placement",
    "sensor",
    "activity",
    "is_fall",
    "fs",
    "n",
    "duration",
    "fall_start",
    "fall_end",
    "impact",
    "group",
    "device_range_g",
    "note",
    "file",
)
NEEDED_INDEX_COLUMNS = ("recording", "fs")
SIMULATED_NOTE = "simulated"
"""The index has no column for it, so `note` says it."""


def read_index(path: str) -> tuple[dict[int, Meta | RecordingError], list[RecordingError]]:
    """What is known of each recording, or why it cannot be known; and the errors of rows without a number."""
    described: dict[int, Meta | RecordingError] = {}
    strays: list[RecordingError] = []
    for where, row in _index_rows(path):
        written = (row.get("recording") or "").strip()
        if not re.fullmatch(r"-?[0-9]+(\.0)?", written):
            what = f"recording is {written[:40]!r}, not a whole number"
            strays.append(RecordingError(where, what, "give each recording its number"))
            continue
        number = int(written.removesuffix(".0"))
        if number in described:
            what = f"recording {number} is in the index twice"
            described[number] = RecordingError(where, what, "keep the row that is right")
        elif None in row or None in row.values():
            what = f"recording {number} has more or fewer cells than the header"
            described[number] = RecordingError(where, what, "mend the row, quoting text that holds a comma")
        else:
            try:
                described[number] = from_index(row, where)
            except RecordingError as error:
                described[number] = error
    return described, strays


def _index_rows(path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """FILE:LINE and the cells by column of each row; a cell that is not there is None, more of them are under None."""
    remedy = f"write it with at least the columns {', '.join(NEEDED_INDEX_COLUMNS)}"
    line = 1
    try:
        with Path(path).open("rb") as file:
            lines = (data.decode("utf-8-sig" if i == 0 else "utf-8") for i, data in enumerate(file))
            reader = csv.DictReader(lines, strict=True)
            missing = [name for name in NEEDED_INDEX_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise RecordingError(f"{path}:1", f"no column {', '.join(missing)}", remedy)
            for row in reader:
                yield f"{path}:{reader.line_num}", row
                line = reader.line_num + 1
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror}", "put it beside the .parquet file") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}:{line}", "is not UTF-8", "save it as UTF-8") from error
    except csv.Error as error:
        raise RecordingError(f"{path}:{line}", f"is not CSV: {error}", "mend the row, or its quotes") from error


def from_index(row: Mapping[str, str], where: str) -> Meta:
    """What a row of an index says; an empty cell or a missing column is "not said".

    Rate, `is_fall` and the times of the fall, on which a verdict rests, must be right; an age or a range that is no
    number is a warning.

    Raises:
        RecordingError: one of those cells is not what its column holds.
    """
    warnings: list[str] = []

    def text(column: str) -> str | None:
        return row.get(column) or None

    def number(column: str) -> float | None:
        cell = text(column)
        if cell is None:
            return None
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise RecordingError(where, f"{column} is {cell[:40]!r}, not a number", "write a number or leave it empty")
        return value

    def loose(column: str) -> float | None:
        try:
            return number(column)
        except RecordingError as error:
            warnings.append(f"{where}: {error.what}; ignored")
            return None

    rate = number("fs")
    if rate is not None and not 0 < rate <= MAX_RATE_HZ:
        raise RecordingError(
            where, f"fs is {rate:g} Hz", f"write a rate between 0 and {MAX_RATE_HZ:g} Hz or leave it empty"
        )
    said = number("is_fall")
    if said not in (None, 0.0, 1.0):
        raise RecordingError(where, f"is_fall is {said:g}", "write 0 or 1 or leave it empty")
    fall = FallSpan(onset_s=number("fall_start"), impact_s=number("impact"), end_s=number("fall_end"))
    placement = known_placement(text("placement"), where, warnings)
    age, range_g = loose("age"), loose("device_range_g")
    if range_g is not None and range_g <= 0:
        warnings.append(f"{where}: device_range_g is {range_g:g}; ignored")
        range_g = None
    return Meta(
        placement=placement,
        sensor=text("sensor"),
        sample_rate_hz=rate,
        range_g=range_g,
        subject=text("subject"),
        age=age,
        sex=text("sex"),
        source=text("dataset"),
        simulated=text("note") == SIMULATED_NOTE,
        activity=text("activity"),
        is_fall=None if said is None else bool(said),
        group=text("group"),
        falls=() if fall == FallSpan(None, None) else (fall,),
        warnings=tuple(warnings),
    )


def to_index(meta: Meta, number: int, where: str) -> dict[str, str]:
    """The row that `from_index` reads back; `licence` and `warnings` have no column and are left out.

    `n` and `duration` stay empty: the samples say them.

    Raises:
        RecordingError: the description holds several falls, marks or expected events, on which a verdict would rest,
            or a text of several lines.
    """
    if len(meta.falls) > 1 or meta.events or meta.expected is not None:
        what = "an archive has one fall a recording, and no place for events or expected ones"
        raise RecordingError(where, what, "cut the recording, or keep it as CSV with YAML")
    fall = meta.falls[0] if meta.falls else FallSpan(None, None)
    cells: dict[str, float | str | None] = {
        "recording": number,
        "dataset": meta.source,
        "subject": meta.subject,
        "age": meta.age,
        "sex": meta.sex,
        "placement": meta.placement,
        "sensor": meta.sensor,
        "activity": meta.activity,
        "is_fall": None if meta.is_fall is None else int(meta.is_fall),
        "fs": meta.sample_rate_hz,
        "fall_start": fall.onset_s,
        "fall_end": fall.end_s,
        "impact": fall.impact_s,
        "group": meta.group,
        "device_range_g": meta.range_g,
        "note": SIMULATED_NOTE if meta.simulated else None,
    }
    row = {column: "" if (cell := cells.get(column)) is None else str(cell) for column in INDEX_COLUMNS}
    for column, text in row.items():
        if "\r" in text or "\n" in text:
            raise RecordingError(where, f"{column} is {text[:40]!r}, with a line break", "keep it to one line")
    return row
