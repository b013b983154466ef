"""Recordings for the benchmarks: those that come with falld, put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from falld.resources import recordings_dir
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.csvfile import CsvRecording


def small_archive(folder: Path) -> Path:
    """All of them in one archive."""
    path = folder / "small.parquet"
    with ArchiveWriter(path) as archive:
        for file in sorted(recordings_dir().glob("*.csv.gz")):
            recording = CsvRecording(file)
            falls = recording.meta.falls
            meta = replace(recording.meta, is_fall=bool(falls), falls=falls[:1], events=(), expected=None)
            archive.add(meta, recording.blocks())
    return path


def samples_of(name: str, start_s: float, end_s: float) -> npt.NDArray[np.float32]:
    """(n, 3) in g, part of one of them at 50 Hz."""
    recording = CsvRecording(recordings_dir() / f"{name}.csv.gz")
    blocks = list(recording.blocks())
    t = np.concatenate([block.t for block in blocks])
    acc = np.concatenate([block.acc for block in blocks])
    return acc[(t >= start_s) & (t < end_s)]
