"""Recordings as long as asked for: ordinary life at the wrist, with a fall now and then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from traces import samples_of

from falld.samples.archive import read_archive
from falld.samples.block import Block
from falld.samples.csvfile import write_csv
from falld.samples.recording import Meta, Unusable

HZ = 50.0
FALL = "fall-collapse-wrist"
REST_S = 300.0
AT_ONCE = 1 << 16

Floats = npt.NDArray[np.float32]


def life(archive: Path | None) -> Floats:
    """(n, 3) in g at `HZ`, to be lived again and again.

    Args:
        archive: of real life; the first recording of it, of which every so many samples one is taken. None: somebody
            simulated walks, uses their hands, and rests in between.
    """
    if archive is None:
        rng = np.random.default_rng(1)
        parts = []
        for name in ("walk-wrist", "clap-and-table-wrist"):
            acc = samples_of(name, 0.0, 60.0)
            rest = acc[-1] + rng.normal(0, 0.004, (int(REST_S * HZ), 3))
            parts += [acc, rest.astype(np.float32)]
        return np.concatenate(parts)
    recording = next(iter(read_archive(archive)))
    if isinstance(recording, Unusable) or recording.meta.sample_rate_hz is None:
        raise ValueError(f"the first recording of {archive} cannot be used")
    step = round(recording.meta.sample_rate_hz / HZ)
    return np.concatenate([block.acc for block in recording.blocks()])[::step]


def wear(path: Path, lived: Floats, seconds: float, begin: float, falls: list[float]) -> None:
    """Write a recording.

    Args:
        begin: where in that life it begins, as a part of it.
        falls: seconds at which a simulated fall takes the place of what was lived.
    """
    write_csv(path, Meta(sample_rate_hz=HZ, placement="wrist"), _blocks(lived, seconds, begin, falls))


def _blocks(lived: Floats, seconds: float, begin: float, falls: list[float]) -> Iterator[Block]:
    fall, first, end = samples_of(FALL, 0.0, 60.0), int(begin * len(lived)), int(seconds * HZ)
    starts = [int(at * HZ) for at in falls]
    for n in range(0, end, AT_ONCE):
        rows = np.arange(n, min(n + AT_ONCE, end))
        acc = lived[(rows + first) % len(lived)]
        for start in starts:
            during = (rows >= start) & (rows < start + len(fall))
            acc[during] = fall[rows[during] - start]
        yield Block(rows / HZ, acc)
