"""Recordings into an archive: samples go to `NAME.parquet`, what they are goes to `NAME.index.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from falld.samples.archive import COLUMNS, GROUP_ROWS, SUFFIX, index_path, load_pyarrow
from falld.samples.atomic import replacing
from falld.samples.block import Block
from falld.samples.index import INDEX_COLUMNS, to_index
from falld.samples.recording import Meta, RecordingError

MIN_MG, MAX_MG = -32768, 32767
MAX_T_US = 1 << 53
"""285 years: up to here a double of seconds gives back the very microsecond."""


class ArchiveWriter:
    """Writes an archive recording by recording; used as a context manager.

    Both files take their place when the context ends well, and neither does when it ends with an exception. Memory
    is bounded by one row group of `GROUP_ROWS` rows, and by the index.

    Args:
        path: `NAME.parquet`.

    Raises:
        RecordingError: the files cannot be written, or pyarrow is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self._source = str(path)
        if not self._source.endswith(SUFFIX):
            raise RecordingError(self._source, "is not named as an archive", f"name it {SUFFIX}")
        self._pa = load_pyarrow(self._source)
        self._index: list[dict[str, str]] = []
        self._columns = [np.empty(GROUP_ROWS, dtype) for dtype in (np.int32, np.int64, np.int16, np.int16, np.int16)]
        self._fill = 0
        self._flushed = -1
        self._broken: RecordingError | None = None

    def __enter__(self) -> Self:
        pa = self._pa
        schema = pa.schema([(name, str(column.dtype)) for name, column in zip(COLUMNS, self._columns, strict=True)])
        with ExitStack() as stack:
            self._index_file = stack.enter_context(replacing(Path(index_path(self._source))))
            file = stack.enter_context(replacing(Path(self._source)))
            # Neighbouring samples differ little: their differences take half the room of a dictionary of values.
            delta = {"use_dictionary": False, "column_encoding": "DELTA_BINARY_PACKED"}
            writer = pa.parquet.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True, **delta)
            self._parquet = stack.enter_context(writer)
            self._stack = stack.pop_all()
        return self

    def add(self, meta: Meta, blocks: Iterable[Block]) -> int:
        """Write one recording, of which stamps are kept to 1 µs and acceleration to 1 milli-g.

        Where it fails nothing of it is written, and others can be added; but one that fails after more than
        `GROUP_ROWS` rows spoils the archive, and every further call says so.

        Args:
            meta: see `to_index` for what is kept.
            blocks: at least one sample.

        Returns:
            Its number, from 0.

        Raises:
            RecordingError: a sample is beyond what 16 bits of milli-g hold, or there is none.
        """
        if self._broken:
            raise self._broken
        number, start = len(self._index), self._fill
        where = f"{self._source} recording {number}"
        row = to_index(meta, number, where)
        whole = False
        try:
            n, first, last = 0, 0, 0
            for block in blocks:
                t_us, mg = _integers(block, where)
                if len(block):
                    first, last = int(t_us[0]) if n == 0 else first, int(t_us[-1])
                n += len(block)
                self._put(number, t_us, mg)
            if not n:
                raise RecordingError(where, "there are no samples to write", "give at least one")
            whole = True
        finally:
            if not whole:
                self._fill = start
                if self._flushed == number:
                    what = f"recording {number} was cut off after some of its rows were written"
                    self._broken = RecordingError(self._source, what, "write the archive again without it")
        self._index.append(row | {"n": str(n), "duration": str((last - first) / 1e6)})
        return number

    def _put(self, number: int, t_us: npt.NDArray[np.int64], mg: npt.NDArray[np.int16]) -> None:
        done = 0
        while done < len(t_us):
            k = min(len(t_us) - done, len(self._columns[0]) - self._fill)
            to, of = slice(self._fill, self._fill + k), slice(done, done + k)
            for column, values in zip(self._columns, (number, t_us[of], *mg[of].T), strict=True):
                column[to] = values
            self._fill += k
            done += k
            if self._fill == len(self._columns[0]):
                self._flush()

    def _flush(self) -> None:
        if self._fill:
            rows = self._pa.record_batch([column[: self._fill] for column in self._columns], names=COLUMNS)
            self._parquet.write_batch(rows)
            self._flushed = int(self._columns[0][self._fill - 1])
            self._fill = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if self._broken:
                raise self._broken
            self._flush()
            text = io.StringIO(newline="")
            rows = csv.DictWriter(text, INDEX_COLUMNS, lineterminator="\n")
            rows.writeheader()
            rows.writerows(self._index)
            self._index_file.write(text.getvalue().encode())


def _integers(block: Block, where: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int16]]:
    """(n,) microseconds and (n, 3) milli-g."""
    t_us = np.rint(block.t * 1e6)
    mg = np.rint(block.acc.astype(np.float64) * 1000)
    # A comparison with NaN is false, so these find NaN as well.
    if not (np.abs(t_us) <= MAX_T_US).all():
        raise RecordingError(where, "a stamp is not finite", "leave out samples that are not there")
    if not ((mg >= MIN_MG) & (mg <= MAX_MG)).all():
        what = f"a sample is beyond {MIN_MG} to {MAX_MG} milli-g, or not finite"
        raise RecordingError(where, what, "check the unit: acceleration is in g")
    return t_us.astype(np.int64), mg.astype(np.int16)
