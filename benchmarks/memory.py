"""Memory that does not grow: a replay of an archive of more than 200 million samples, and a stream of 10^8.

The archive is one recording, made of a real one by repetition, in row groups of 2^20 rows.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import Figure, Report, data, last_core, program, run
from replay import HERE, replayed
from traces import small_archive

from falld.samples.archive import COLUMNS, GROUP_ROWS

SAMPLES = 200_000_000
MARKS = (10**7, 10**8)
"""Samples of the stream at which memory is looked at."""
GROWTH_MB = 1.0
GROWN = {"rss": "resident", "traced": "allocated (tracemalloc)"}
GROUP_MB = GROUP_ROWS * 14 / 1e6
"""A row group decoded: 8 bytes of time, three times 2 of acceleration."""
GROUPS = 12
"""As much as so many decoded row groups a replay may take above its start: two are kept, and one is decoded, of which
there are compressed and plain pages, columns and the array that they become; two more are samples of short recordings,
and Arrow keeps some of what it has freed."""
GROWN_GROUPS = 2
"""And of this at most so much more where there are 200 million samples instead of 7.6."""


def measure(quick: bool) -> Report:
    with tempfile.TemporaryDirectory() as name:
        few = small_archive(Path(name))
        archive = few if quick else data("geneactiv")
        replays, samples = replay(few, archive, Path(name), 20_000 if quick else SAMPLES)
        grown, counts = stream(archive, (2_000, 20_000) if quick else MARKS, ("rss",) if quick else tuple(GROWN))
    return Report([*replays, *grown], samples | counts)


def replay(few: Path, archive: Path, folder: Path, samples: int) -> tuple[list[Figure], dict[str, int]]:
    """A replay's peak on a little and on much, beside the floor's."""
    many = repeated(archive, folder / "many.parquet", samples)
    each = (few, archive, many)
    start, once, often = (run("-m", "falld", "replay", "--jsonl", path, core=last_core()) for path in each)
    read = run(HERE / "floor.py", many, core=last_core())
    little, some, much = (replayed(done) for done in (start, once, often))
    above, more = ((often.peak_mb - less.peak_mb) / GROUP_MB for less in (start, once))
    figures = [
        Figure(f"replay's peak, {little} samples", start.peak_mb, "MB", "what its start takes"),
        Figure(f"replay's peak, {some / 1e6:.1f} million samples", once.peak_mb, "MB", f"{once.cpu_s:.0f} s"),
        Figure(f"replay's peak, {much / 1e6:.1f} million samples", often.peak_mb, "MB", f"{often.cpu_s:.0f} s"),
        Figure("the last above the first, in decoded row groups", above, most=GROUPS),
        Figure("the last above the second, in decoded row groups", more, most=GROWN_GROUPS),
        Figure("floor's peak, the same archive", read.peak_mb, "MB", f"{read.cpu_s:.0f} s"),
        Figure("replay / floor, the same archive", often.cpu_s / read.cpu_s, beside="once"),
    ]
    return figures, {"floor": int(read.said), "falld": much}


def stream(archive: Path, marks: tuple[int, int], kinds: Sequence[str]) -> tuple[list[Figure], dict[str, int]]:
    """What the pure path gains from one mark to the other."""
    between = f"from {marks[0]:.0e} to {marks[1]:.0e} samples"
    figures, counts = [], {}
    for kind in kinds:
        told = json.loads(run(HERE / "growth.py", archive, kind, *map(str, marks)).said)
        grown = (told["bytes"][1] - told["bytes"][0]) / 1e6
        figures.append(Figure(f"pure path: growth of what is {GROWN[kind]}", grown, "MB", between, most=GROWTH_MB))
        counts = {"fed": told["fed"], "events": told["events"]}
    return figures, counts


def repeated(archive: Path, path: Path, samples: int) -> Path:
    """One recording of at least so many samples: the first one of an archive, again and again."""
    table = pq.read_table(archive, columns=list(COLUMNS))
    number = table.column("recording").to_numpy()
    table = table.slice(0, int(np.argmax(number != number[0])) or len(number)).combine_chunks()
    t_us = table.column("t_us").to_numpy()
    span = int(t_us[-1] - t_us[0] + (t_us[1] - t_us[0]))
    delta = {"use_dictionary": False, "column_encoding": "DELTA_BINARY_PACKED"}
    with pq.ParquetWriter(path, table.schema, compression="zstd", **delta) as writer:
        for i in range(-(-samples // len(t_us))):
            later = table.set_column(COLUMNS.index("t_us"), "t_us", pa.array(t_us + i * span))
            writer.write_table(later, row_group_size=GROUP_ROWS)
    index = Path(str(archive).removesuffix(".parquet") + ".index.csv").read_text(encoding="utf-8").splitlines()
    (path.parent / f"{path.stem}.index.csv").write_text("\n".join(index[:2]) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    program(measure)()
