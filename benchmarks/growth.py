"""Feeds the pure path by repetition, and tells what is resident or allocated: `growth.py ARCHIVE (rss|traced) N...`."""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from falld.daemon import heap
from falld.detect.budget import BUDGET_PER_DAY
from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.learnt import Learnt
from falld.resources import shipped_bundle
from falld.samples.archive import read_archive
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.recording import Unusable

ROWS = 1 << 20
"""Of the archive's first recording, at most: 20 MB that stand in memory from the beginning."""

AT_ONCE = 4096
"""Samples fed at once: what a block takes for a moment is then small beside what is looked for."""


def endless(archive: Path) -> tuple[float, Iterator[Block]]:
    """The first recording's rate, and its samples again and again on a clock that goes on."""
    recording = next(iter(read_archive(archive)))
    assert not isinstance(recording, Unusable)
    rate_hz = recording.meta.sample_rate_hz
    assert rate_hz is not None
    kept: list[Block] = []
    for block in recording.blocks():
        kept += [Block(block.t[i : i + AT_ONCE], block.acc[i : i + AT_ONCE]) for i in range(0, len(block), AT_ONCE)]
        if sum(map(len, kept)) >= ROWS:
            break
    span = float(kept[-1].t[-1] - kept[0].t[0]) + 1 / rate_hz
    return rate_hz, (Block(block.t + i * span, block.acc) for i in count() for block in kept)


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(archive: Path, how: str, marks: list[int]) -> None:
    """Prints bytes at each mark."""

    rate_hz, blocks = endless(archive)
    learnt = Learnt.empty(calibrate=True, budget_per_day=BUDGET_PER_DAY)
    bundle = Bundle.load(shipped_bundle())
    detector = Detector(bundle, Clock("stamps", rate_hz), "wrist", candidates=True, learnt=learnt)
    if how == "traced":
        tracemalloc.start()
    fed, events, told = 0, 0, []
    for mark in marks:
        while fed < mark:
            block = next(blocks)
            events += len(detector.feed(block))
            fed += len(block)
        gc.collect()
        heap.trim()
        told.append(resident() if how == "rss" else tracemalloc.get_traced_memory()[0])
    print(json.dumps({"fed": fed, "events": events, "bytes": told}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [int(each) for each in sys.argv[3:]])
