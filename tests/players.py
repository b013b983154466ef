"""Archives of simulated people: to see that learning works takes no recording of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

NAMES = ("fall-forward-waist", "jump-waist", "fall-collapse-wrist", "clap-and-table-wrist")
PEOPLE = 14


def play(path: Path, sources: Sequence[str] = ("simulated",)) -> str:
    """Four scenes, played by people of these data sets in turn, everybody a little different."""
    rng = np.random.default_rng(3)
    with ArchiveWriter(path) as writer:
        for name in NAMES:
            meta, block = simulate(SCENES[name])
            for p in range(PEOPLE):
                own = replace(meta, subject=f"p{p}", source=sources[p % len(sources)], events=())
                noise = rng.normal(0, 0.03, block.acc.shape).astype(np.float32)
                writer.add(own, [Block(block.t, block.acc + noise)])
    return str(path)
