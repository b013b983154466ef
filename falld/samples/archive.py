"""Many recordings in one Parquet file of samples, `NAME.parquet`, and one CSV of what they are, `NAME.index.csv`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block
from falld.samples.index import read_index
from falld.samples.recording import Meta, Recording, RecordingError, Unusable

COLUMNS = ("recording", "t_us", "x_mg", "y_mg", "z_mg")
BLOCK_ROWS = 1 << 16
GROUP_ROWS = 1 << 20
"""Rows of a written row group: 14 MB decoded (8 bytes of time, 3 x 2 of acceleration)."""
CACHED_GROUPS = 2
"""A recording that crosses into the next row group is read twice in a row without decoding either again."""
SUFFIX = ".parquet"
_NO_NUMBER = np.iinfo(np.int64).min
"""Stands for a null in `recording`."""


def index_path(path: str) -> str:
    """`NAME.index.csv` of `NAME.parquet`."""
    return path.removesuffix(SUFFIX) + ".index.csv"


def read_archive(path: str | Path) -> Iterator[Recording | Unusable]:
    """The recordings of an archive, by ascending number; one that cannot be used is an `Unusable`.

    Where the archive itself cannot be opened there is one `Unusable` without a number. Memory is bounded by the
    index, by two decoded row groups (`CACHED_GROUPS`, 14 bytes a row, for all open archives together), and by a
    third while it is decoded.
    """
    source = str(path)
    try:
        archive = _Archive(source)
        described, strays = read_index(index_path(source))
        places = archive.places()
    except RecordingError as error:
        yield Unusable(source, None, error)
        return
    for stray in strays:
        yield Unusable(source, None, stray)
    numbers = sorted(places.keys() | described.keys())
    if not numbers and not strays:
        yield Unusable(source, None, RecordingError(source, "holds no recordings", "write some, or leave it out"))
    for number in numbers:
        named = None if number == _NO_NUMBER else number
        where = source if named is None else f"{source} recording {number}"
        meta = described.get(number)
        place = places.get(number)
        if place is not None and place.problem:
            yield Unusable(source, named, RecordingError(where, place.problem, "write its rows in order of recording"))
        elif meta is None:
            what = "has rows but is not in the index"
            yield Unusable(source, named, RecordingError(where, what, f"describe it in {index_path(source)}"))
        elif isinstance(meta, RecordingError):
            yield Unusable(source, named, meta)
        elif place is None:
            what = "is in the index but has no rows"
            yield Unusable(source, named, RecordingError(where, what, "take it out of the index, or write its samples"))
        else:
            yield ArchiveRecording(archive, number, meta, place.start, place.stop)


class ArchiveRecording:
    """A run of rows of an archive."""

    def __init__(self, archive: _Archive, number: int, meta: Meta, start: int, stop: int) -> None:
        self.source = archive.source
        self.number = number
        self.meta = meta
        self._archive = archive
        self._start = start
        self._stop = stop

    def blocks(self) -> Iterator[Block]:
        """The samples from the start, in blocks of at most `BLOCK_ROWS` that lie in one row group each.

        Raises:
            RecordingError: a value is missing, or the file is damaged.
        """
        where = f"{self.source} recording {self.number}"
        row = self._start
        while row < self._stop:
            i = self._archive.group_of(row)
            first, end = self._archive.bounds[i], min(self._archive.bounds[i + 1], self._stop)
            with self._archive.damage(where):
                group = _decoded(self._archive, i)
            nulls = group.nulls[(group.nulls >= row - first) & (group.nulls < end - first)]
            if len(nulls):
                what = f"a value is missing in row {first + int(nulls[0])} of the file"
                raise RecordingError(where, what, "leave out samples that are not there")
            while row < end:
                part = slice(row - first, min(row + BLOCK_ROWS, end) - first)
                # Both divisions are correctly rounded: no other double or float is nearer to the recorded decimal.
                yield Block(group.t_us[part] / 1e6, np.divide(group.mg[part], 1000, dtype=np.float32))
                row = first + part.stop


@dataclass(slots=True)
class _Place:
    """Where the rows of a recording are."""

    start: int
    stop: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    t_us: npt.NDArray[np.int64]
    mg: npt.NDArray[np.integer[Any]]
    """(n, 3)"""
    nulls: npt.NDArray[np.intp]
    """Rows with a missing value."""


class _Archive:
    """An open Parquet file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._pa = load_pyarrow(source)
        if not Path(source).is_file():
            what = "is not a file" if Path(source).exists() else "does not exist"
            raise RecordingError(source, what, "check the path")
        with self.damage(source):
            self._file = self._pa.parquet.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)
            self._check_columns()
            rows = (self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups))
            self.bounds = [0, *accumulate(rows)]
            """First row of each row group, and the end."""

    def _check_columns(self) -> None:
        schema = self._file.schema_arrow
        for name in COLUMNS:
            i = schema.get_field_index(name)
            if i < 0:
                raise RecordingError(self.source, f"no column {name}", f"write the columns {', '.join(COLUMNS)}")
            if not self._pa.types.is_integer(schema.field(i).type):
                what = f"column {name} holds {schema.field(i).type}, not whole numbers"
                raise RecordingError(self.source, what, "write microseconds and milli-g as integers")

    @contextmanager
    def damage(self, where: str) -> Iterator[None]:
        """Turns what pyarrow says of a broken file into a `RecordingError` at `where`."""
        try:
            yield
        except (self._pa.ArrowException, OSError, ValueError) as error:
            said, _, _ = str(error).partition("\n")
            what = f"cannot be read as Parquet: {said}"
            raise RecordingError(where, what, "fetch or write the archive again") from error

    def group_of(self, row: int) -> int:
        return bisect_right(self.bounds, row) - 1

    def places(self) -> dict[int, _Place]:
        """Where each recording's rows are, from the column `recording` alone."""
        places: dict[int, _Place] = {}
        highest = _NO_NUMBER
        row = 0
        with self.damage(self.source):
            for batch in self._file.iter_batches(batch_size=GROUP_ROWS, columns=["recording"]):
                numbers = batch.column(0).cast("int64").fill_null(_NO_NUMBER).to_numpy()
                edges = (np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist()
                for start, stop in pairwise([0, *edges, len(numbers)]):
                    number = int(numbers[start])
                    place = places.setdefault(number, _Place(row + start, row + start))
                    if place.stop != row + start:
                        place.problem = f"its rows are scattered: they go on in row {row + start} of the file"
                    elif number == _NO_NUMBER:
                        place.problem = f"row {row + start} of the file has no recording number"
                    elif number < highest:
                        place.problem = f"its rows come after those of recording {highest}"
                    place.stop = row + stop
                    highest = max(highest, number)
                row += len(numbers)
        return places

    def decode(self, i: int) -> _Group:
        table = self._file.read_row_group(i, columns=list(COLUMNS[1:]))
        if table.num_rows != self.bounds[i + 1] - self.bounds[i]:
            raise ValueError(f"row group {i} is cut off")
        columns = [table.column(name) for name in COLUMNS[1:]]
        missing = np.zeros(table.num_rows, dtype=bool)
        for k, column in enumerate(columns):
            if column.null_count:
                missing |= column.is_null().to_numpy()
                columns[k] = column.fill_null(0)
        t_us, *mg = (column.to_numpy() for column in columns)
        return _Group(t_us, np.column_stack(mg), np.flatnonzero(missing))


@lru_cache(maxsize=CACHED_GROUPS)
def _decoded(archive: _Archive, i: int) -> _Group:
    return archive.decode(i)


def load_pyarrow(source: str) -> Any:
    """The optional pyarrow with its `parquet`, or a `RecordingError` about `source` that says how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RecordingError(source, "pyarrow is not installed", "pip install falld[archive]") from error
    return pyarrow
