"""One recording as a CSV file, plain or gzipped, with its description in a YAML file beside it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from falld.samples.atomic import replacing
from falld.samples.block import Block
from falld.samples.digest import digest
from falld.samples.meta import dump_yaml, read_yaml
from falld.samples.recording import Meta, RecordingError

COLUMNS = ("time_s", "x_g", "y_g", "z_g")
SUFFIXES = (".csv", ".csv.gz")
CHUNK_BYTES = 1 << 17
"""About 3,500 rows of 37 bytes: the parser runs at full speed, and some 1.3 MB are held while it does."""
ROW_BYTES = {".csv": 37, ".csv.gz": 12}
"""About, as falld writes them."""
MAX_LINE_BYTES = 1 << 16
"""A row is 40 bytes; a longer line means that this is no CSV, and must not grow without bound."""

_ROW = "%.6f,%.5f,%.5f,%.5f\n"
"""Microseconds, and 10 µg: finer than the 61 µg of a 16-bit sensor at ±2 g, so that every count stays apart."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLOAT32_MAX = float(np.finfo(np.float32).max)

Rows = npt.NDArray[np.float64]


class CsvRecording:
    """A recording in `NAME.csv` or `NAME.csv.gz`, described by `NAME.yaml` where there is one.

    The samples are read and judged only in `blocks()`, the description at once.

    Raises:
        RecordingError: there is no such file, or its description cannot be used.
    """

    def __init__(self, path: str | Path) -> None:
        self.source = str(path)
        self.number = None
        self._path = Path(path).absolute()
        if not self._path.is_file():
            what = "is not a file" if self._path.exists() else "does not exist"
            raise RecordingError(self.source, what, "check the path")
        yaml = yaml_path(self.source)
        self.meta = read_yaml(Path(yaml), yaml) if Path(yaml).exists() else Meta()

    def blocks(self) -> Iterator[Block]:
        """The samples from the start, in memory bounded by `CHUNK_BYTES`.

        Raises:
            RecordingError: with FILE:LINE of what cannot be read, or FILE.
        """
        table = _Table(self.source)
        for lines in _chunks(self._path, table):
            rows = table.parse(lines)
            del lines  # several times the samples in size, and the next ones may be asked for minutes later
            if len(rows):
                yield Block(rows[:, 0].copy(), rows[:, 1:].astype(np.float32))
        if not table.rows:
            raise RecordingError(self.source, "holds no samples", "record again, or leave it out")

    @property
    def rows(self) -> int:
        """About how many samples it has, by its size."""
        size = self._path.stat().st_size if self._path.is_file() else 0
        return size // ROW_BYTES[SUFFIXES[_is_gzip(self.source)]]

    def digest(self) -> str:
        """A name for its bytes and its description.

        Raises:
            RecordingError: it cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                return digest(hashlib.file_digest(file, "sha256").hexdigest(), repr(self.meta))
        except OSError as error:
            raise _unreadable(self.source, error) from error


def _unreadable(source: str, error: OSError) -> RecordingError:
    return RecordingError(source, f"cannot be read: {error.strerror}", "check its permissions and its disk")


def yaml_path(path: str) -> str:
    """`NAME.yaml` of `NAME.csv` or `NAME.csv.gz`."""
    for suffix in reversed(SUFFIXES):
        if path.endswith(suffix):
            return path[: -len(suffix)] + ".yaml"
    raise RecordingError(path, "is not named as a CSV", "name it .csv or .csv.gz")


class _Table:
    """Lines to numbers: where the columns are, and the line that the next chunk starts with."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.line = 1
        self.rows = 0
        self._width = 0
        self._at: tuple[int, ...] = ()

    def error(self, line: int, what: str, remedy: str) -> RecordingError:
        return RecordingError(f"{self.source}:{line}", what, remedy)

    def parse(self, lines: list[str]) -> Rows:
        """(n, 4): seconds and g of the next lines, the header taken off; blank lines hold nothing."""
        if not self._at:
            self._header(lines[0])
            self.line += 1
            lines = lines[1:]
        rows = self._fast(lines)
        if rows is None:
            rows = np.array(
                [row for i, line in enumerate(lines) for row in self._careful(self.line + i, line)], dtype=np.float64
            )
            rows = rows.reshape(-1, len(COLUMNS))
        self.line += len(lines)
        self.rows += len(rows)
        return rows

    def _header(self, line: str) -> None:
        names = [name.strip() for name in next(csv.reader([line.strip("\r")]), [])]
        wanted = f"the first line must be {','.join(COLUMNS)}"
        if not any(name in COLUMNS for name in names):
            raise self.error(1, f"no header: {line[:40].strip()!r}", wanted)
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise self.error(1, f"no column {', '.join(missing)}", wanted)
        twice = [name for name in COLUMNS if names.count(name) > 1]
        if twice:
            raise self.error(1, f"column {', '.join(twice)} is there twice", wanted)
        self._width = len(names)
        self._at = tuple(names.index(name) for name in COLUMNS)

    def _fast(self, lines: list[str]) -> Rows | None:
        """None where a line needs a closer look."""
        full = [line for line in lines if line and line != "\r"]
        if not full:
            return np.empty((0, len(COLUMNS)))
        commas = self._width - 1
        if any(line.count(",") != commas for line in full):
            return None
        try:
            rows = np.loadtxt(full, delimiter=",", comments=None, usecols=self._at, ndmin=2)
        except ValueError:
            return None
        # A comparison with NaN is false, so this finds NaN as well.
        return rows if len(rows) == len(full) and bool((np.abs(rows) <= _FLOAT32_MAX).all()) else None

    def _careful(self, line: int, text: str) -> Iterator[list[float]]:
        """The row in a line, if any."""
        if not text.strip():
            return
        try:
            cells = next(csv.reader([text.strip("\r")], strict=True))
        except csv.Error as error:
            raise self.error(line, f"is not CSV: {error}", "mend or remove the line") from error
        if len(cells) != self._width:
            what = f"{len(cells)} columns where the header has {self._width}"
            cut = "the line may be cut off: " if len(cells) < self._width else ""
            raise self.error(line, what, f"{cut}mend or remove it")
        yield [self._cell(line, name, cells[i]) for name, i in zip(COLUMNS, self._at, strict=True)]

    def _cell(self, line: int, name: str, text: str) -> float:
        text = text.strip()
        shown = repr(text[:40])
        if not text:
            raise self.error(line, f"{name} is empty", "write every sample whole, or leave its line out")
        if not _NUMBER.fullmatch(text):
            if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
                raise self.error(line, f"{name} is {text}", "leave the line out: a gap is better than a made-up sample")
            raise self.error(line, f"{name} is {shown}, not a number", "write a plain number such as -0.98")
        value = float(text)
        if not abs(value) <= _FLOAT32_MAX:
            raise self.error(line, f"{name} is {shown}, beyond every sensor", "mend or remove the line")
        return value


def _chunks(path: Path, table: _Table) -> Iterator[list[str]]:
    """Lists of whole lines, the last one without its end where the file stops in it."""
    source = table.source
    rest = b""
    start = True
    try:
        with gzip.open(path, "rb") if _is_gzip(source) else path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                if start:
                    data = data.removeprefix(b"\xef\xbb\xbf")
                    start = False
                cut = data.rfind(b"\n") + 1
                if cut:
                    yield _decode(rest + data[:cut], table).removesuffix("\n").split("\n")
                    rest = b""
                rest += data[cut:]
                if len(rest) > MAX_LINE_BYTES:
                    what = f"the line is longer than {MAX_LINE_BYTES} bytes"
                    raise table.error(table.line, what, "end each row with a newline")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        after = f" after line {table.line - 1}" if table.line > 1 else ""
        what = f"is not whole gzip{after}: {error}"
        raise RecordingError(source, what, "fetch the file again, or unpack what is left of it") from error
    except OSError as error:
        raise _unreadable(source, error) from error
    if start:
        raise RecordingError(source, "is empty", "record again, or leave it out")
    if rest:
        yield _decode(rest, table).split("\n")


def _is_gzip(path: str) -> bool:
    return path.endswith(".gz")


def _decode(data: bytes, table: _Table) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = table.line + data.count(b"\n", 0, error.start)
        raise table.error(line, "is not UTF-8", "save the file as plain CSV in UTF-8") from error


def write_csv(path: str | Path, meta: Meta, blocks: Iterable[Block]) -> None:
    """Write a recording and its description, which appear whole or not at all.

    Args:
        path: `NAME.csv`, or `NAME.csv.gz` for gzip, the same bytes for the same samples; `NAME.yaml` is written too.
        meta: see `dump_yaml` for what it keeps.
        blocks: stamps are rounded to 1 µs, acceleration to 10 µg.

    Raises:
        RecordingError: a sample is not finite, there is none, or the files cannot be written.
    """
    source = str(path)
    described = Path(yaml_path(source))
    with replacing(described) as beside, replacing(Path(path)) as file:
        beside.write(dump_yaml(meta).encode())
        if _is_gzip(source):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                _write_rows(cast(BinaryIO, packed), blocks, source)
        else:
            _write_rows(file, blocks, source)


def _write_rows(file: BinaryIO, blocks: Iterable[Block], source: str) -> None:
    file.write((",".join(COLUMNS) + "\n").encode())
    n = 0
    for block in blocks:
        if not (np.isfinite(block.t).all() and np.isfinite(block.acc).all()):
            raise RecordingError(
                source, f"a sample after row {n} is not finite", "leave out samples that are not there"
            )
        for start in range(0, len(block), 1 << 16):
            part = slice(start, start + (1 << 16))
            rows = zip(block.t[part].tolist(), *block.acc[part].T.tolist(), strict=True)
            file.write("".join([_ROW % row for row in rows]).encode())
        n += len(block)
    if not n:
        raise RecordingError(source, "there are no samples to write", "give at least one")
