"""A recording that grows while it is made, and of which a crash leaves all but the last seconds."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from falld.samples.atomic import replacing
from falld.samples.block import Block
from falld.samples.csvfile import COLUMNS, yaml_path
from falld.samples.meta import dump_yaml
from falld.samples.recording import Mark, Meta, RecordingError

SAVE_S = 5.0
"""Seconds of samples that may be lost: some 9 kB at 50 Hz, enough for gzip to pack well."""
_ROW = "%.6f,%.5f,%.5f,%.5f\n"
"""As recordings are written: microseconds, and 10 µg."""


class Recorder:
    """Writes `NAME.csv` or `NAME.csv.gz` piece by piece, each a whole gzip member on the disk, and `NAME.yaml`.

    Time begins at the first sample.

    Args:
        path: where; there must be none yet.

    Raises:
        RecordingError: it is there already, or its name is not that of a recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._yaml = Path(yaml_path(str(path)))
        self._meta: Meta | None = None
        self._rows = [",".join(COLUMNS) + "\n"]
        self._start_t = 0.0
        self._saved_s = 0.0
        self.samples = 0
        self.seconds = 0.0
        """How long it is."""
        for each in (path, self._yaml):
            if each.exists():
                raise RecordingError(str(each), "is there already", "name another file, or move this one away")

    @property
    def begun(self) -> bool:
        return self._meta is not None

    @property
    def due(self) -> bool:
        """Whether there is enough to `save`."""
        return self.seconds - self._saved_s >= SAVE_S

    def begin(self, t: float, meta: Meta) -> None:
        """The first sample's time, and what is known; marks are added.

        Raises:
            RecordingError: the disk does not do its part.
        """
        self._start_t = t
        self._describe(meta)

    def add(self, block: Block) -> None:
        """The next samples, kept until `save`."""
        t = (block.t - self._start_t).tolist()
        self._rows += [_ROW % row for row in zip(t, *block.acc.T.tolist(), strict=True)]
        self.samples += len(block)
        self.seconds = t[-1]

    def mark(self, t: float, kind: Literal["cancel", "help", "marker"]) -> None:
        """Something happened at this time of the samples' clock; before the first of them nothing is marked.

        Raises:
            RecordingError: the disk does not do its part.
        """
        if self._meta is not None:
            mark = Mark(round(max(0.0, t - self._start_t), 3), kind)
            self._describe(replace(self._meta, events=(*self._meta.events, mark)))

    def save(self) -> None:
        """What was added goes to the disk.

        Raises:
            RecordingError: the disk does not do its part.
        """
        if not self.samples:
            return
        data = "".join(self._rows).encode()
        if self._path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        try:
            with self._path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            what = f"cannot be written: {error.strerror}"
            raise RecordingError(str(self._path), what, "check folder and free space") from error
        self._rows.clear()
        self._saved_s = self.seconds

    def _describe(self, meta: Meta) -> None:
        self._meta = meta
        with replacing(self._yaml) as file:
            file.write(dump_yaml(meta).encode())
