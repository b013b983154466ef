"""Many recordings in one Parquet file of samples, `NAME.parquet`, and one CSV of what they are, `NAME.index.csv`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block
from falld.samples.digest import digest
from falld.samples.index import read_index
from falld.samples.recording import Meta, RecordingError, Unusable

COLUMNS = ("recording", "t_us", "x_mg", "y_mg", "z_mg")
BLOCK_ROWS = 1 << 15
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


def read_archive(path: str | Path) -> Iterator[ArchiveRecording | Unusable]:
    """The recordings of an archive, by ascending number; one that cannot be used is an `Unusable`.

    Where the archive itself cannot be opened there is one `Unusable` without a number. Memory is bounded by the
    index, by two decoded row groups (`CACHED_GROUPS`, 14 bytes a row, for all open archives together), and by a
    third while it is decoded.
    """
    source = str(path)
    try:
        archive = _Archive(source, Path(source).absolute())
        places = archive.places()
        described, strays = read_index(index_path(source))
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

    @property
    def rows(self) -> int:
        """How many samples it has."""
        return self._stop - self._start

    def digest(self) -> str:
        """A name for the row groups that it lies in, for its place in them and for its row in the index.

        Raises:
            RecordingError: the file cannot be read.
        """
        archive = self._archive
        groups = range(archive.group_of(self._start), archive.group_of(self._stop - 1) + 1)
        with archive.damage(f"{self.source} recording {self.number}"):
            parts = [archive.digest(i) for i in groups]
        first = archive.bounds[groups[0]]
        return digest(*parts, f"{self._start - first} {self._stop - first}", repr(self.meta))

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
                acc = np.empty((3, part.stop - part.start), np.float32)
                for axis, mg in zip(acc, group.mg, strict=True):
                    axis[:] = mg[part]
                acc /= np.float32(1000)
                yield Block(group.t_us[part] / 1e6, acc.T)
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
    mg: list[npt.NDArray[np.integer[Any]]]
    """By axis."""
    nulls: npt.NDArray[np.intp]
    """Rows with a missing value."""


class _Archive:
    """A Parquet file, opened when something of it is asked for."""

    def __init__(self, source: str, path: Path) -> None:
        self.source = source
        self._path = path
        self._pa = load_pyarrow(source)
        self._digests: dict[int, str] = {}
        self._stamp = (0, 0)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.source, self._path, *self._stamp)

    @cached_property
    def _file(self) -> Any:
        if not self._path.is_file():
            what = "is not a file" if self._path.exists() else "does not exist"
            raise RecordingError(self.source, what, "check the path")
        with self.damage(self.source):
            stat = self._path.stat()
            self._stamp = stat.st_mtime_ns, stat.st_size
            file = self._pa.parquet.ParquetFile(self._path, page_checksum_verification=True, pre_buffer=False)
            self._check_columns(file.schema_arrow)
        return file

    @cached_property
    def bounds(self) -> list[int]:
        """First row of each row group, and the end."""
        rows = (self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups))
        return [0, *accumulate(rows)]

    def _check_columns(self, schema: Any) -> None:
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
            for i in range(self._file.num_row_groups):
                column = self._file.read_row_group(i, columns=["recording"]).column(0)
                if column.null_count:
                    column = column.cast("int64").fill_null(_NO_NUMBER)
                numbers = _as_array(column)
                edges = (np.flatnonzero(numbers[1:] != numbers[:-1]) + 1).tolist()
                for start, stop in pairwise([0, *edges, len(numbers)] if len(numbers) else []):
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

    def digest(self, i: int) -> str:
        """A name for the bytes of a row group, and for how they are written."""
        if i not in self._digests:
            group = self._file.metadata.row_group(i)
            chunks = [group.column(k) for k in range(group.num_columns)]
            written = [f"{chunk.compression} {chunk.encodings}" for chunk in chunks]
            parts: list[str | bytes] = [str(self._file.schema_arrow), *written]
            with self._path.open("rb") as file:
                for chunk in chunks:
                    file.seek(chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset)
                    parts.append(file.read(chunk.total_compressed_size))
            self._digests[i] = digest(*parts)
        return self._digests[i]

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
        t_us, *mg = (_as_array(column) for column in columns)
        return _Group(t_us, mg, np.flatnonzero(missing))


def _as_array(column: Any) -> npt.NDArray[Any]:
    """A column without nulls. Not by its `to_numpy`, for which pyarrow loads pandas, if it is there, in 0.3 s."""
    return np.from_dlpack(column.combine_chunks())


@lru_cache(maxsize=CACHED_GROUPS)
def _decoded(archive: _Archive, i: int) -> _Group:
    return archive.decode(i)


@lru_cache(maxsize=8)
def _arrived(source: str, path: Path, _mtime_ns: int, _size: int) -> _Archive:
    """An archive that another process has opened; the same for all of its recordings until it is written anew."""
    return _Archive(source, path)


def load_pyarrow(source: str) -> Any:
    """The optional pyarrow with its `parquet`, or a `RecordingError` about `source` that says how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RecordingError(source, "pyarrow is not installed", "pip install falld[archive]") from error
    return pyarrow
