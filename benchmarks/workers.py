"""Replay by two workers beside replay by one, on work of at least a minute; no result is kept between runs.

Both write the same lines. Needs two cores that nobody else uses.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path

from measure import Figure, Report, Run, data, interleaved, program, run
from replay import replayed
from traces import small_archive

WORK_S = 60.0
"""Of one worker, at least: the archive is given as often as that takes."""
GAIN = 1.7
REPETITIONS = 3


def measure(quick: bool) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        archive = small_archive(Path(folder)) if quick else data("sisfall")
        times = 1 if quick else math.ceil(WORK_S / replay(1, archive, 1).wall_s)
        seen: dict[int, Run] = {}

        def work(workers: int) -> float:
            seen[workers] = replay(workers, archive, times)
            return seen[workers].wall_s

        spent = interleaved({"one": lambda: work(1), "two": lambda: work(2)}, 1 if quick else REPETITIONS)
    one, two = spent["one"], spent["two"]
    figures = [
        one.figure("one worker", f"{archive.stem} {times} times, {replayed(seen[1]) / 1e6:.1f} million samples"),
        two.figure("two workers"),
        Figure("one worker / two", one.median / two.median, least=GAIN),
    ]
    lines = {str(workers): hashlib.sha256(done.said.encode()).hexdigest() for workers, done in seen.items()}
    return Report(figures, {"lines": lines})


def replay(workers: int, archive: Path, times: int) -> Run:
    return run("-m", "falld", "replay", "--jsonl", "--workers", str(workers), *([archive] * times))


if __name__ == "__main__":
    program(measure)()
