"""What a process holds and writes, again and again over a long run, and whether any of it grows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live import cpu_s
from measure import Figure, status

GROWTH_MB = 1.0
"""Of anonymous memory from the third quarter of a run to its last: allocators go up and down by some 0.5 MB."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Look:
    """A process at one moment."""

    t: float
    """Seconds of the run."""
    pid: int
    anonymous: int
    """Bytes of memory that are its own."""
    resident: int
    descriptors: int
    threads: int
    written: int
    """Bytes that it had the disk write, with those of the processes that it follows."""
    cpu_s: float
    """Seconds of processor time, likewise."""
    kept: int
    """Bytes in its folder."""


class Life:
    """Of a program, whose process may be followed by another."""

    def __init__(self, folder: Path) -> None:
        self.looks: list[Look] = []
        self._folder = folder
        self._before = (0, 0.0)

    def look(self, t: float, pid: int) -> Look:
        """At its process."""
        told = status(pid)
        if "RssAnon" not in told:
            raise ProcessLookupError(f"process {pid} has ended and nobody has asked for its status yet")
        written, used = self._used(pid)
        look = Look(
            t,
            pid,
            told["RssAnon"],
            told["VmRSS"],
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            told["Threads"],
            self._before[0] + written,
            self._before[1] + used,
            sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file()),
        )
        self.looks.append(look)
        return look

    def ends(self, pid: int) -> None:
        """Another one follows."""
        written, used = self._used(pid)
        self._before = self._before[0] + written, self._before[1] + used

    @staticmethod
    def _used(pid: int) -> tuple[int, float]:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
        counts = dict(line.split(": ") for line in lines)
        return int(counts["write_bytes"]), cpu_s(pid)


def grown(name: str, looks: Sequence[Look], speed: float) -> list[Figure]:
    """Of one process in the second half of a run: what its last quarter has against the third one.

    Args:
        speed: seconds of stream in one of wall clock.
    """
    quarter = looks[-1].t / 4
    third, last = ([each for each in looks if n * quarter < each.t <= (n + 1) * quarter] for n in (2, 3))
    if not third or not last:
        raise ValueError(f"{name} was looked at too seldom")
    anon, rss = (statistics.median(getattr(each, what) for each in last) for what in ("anonymous", "resident"))
    growth = anon - statistics.median(each.anonymous for each in third)
    slope = f"{growth / 1e6 * DAY_S / (quarter * speed):+.2f} MB a day of stream"
    all_s = looks[-1].t - looks[0].t
    written = looks[-1].written - looks[0].written
    share = (looks[-1].cpu_s - looks[0].cpu_s) / all_s

    def more(what: str) -> float:
        return max(getattr(each, what) for each in last) - max(getattr(each, what) for each in third)

    def counts(what: str) -> str:
        seen = sorted({getattr(each, what) for each in (*third, *last)})
        return f"{seen[0]} to {seen[-1]}" if len(seen) > 1 else f"always {seen[0]}"

    return [
        Figure(f"{name}: anonymous memory, last quarter", anon / 1e6, "MB", f"resident {rss / 1e6:.1f} MB"),
        Figure(f"{name}: its growth since the third", growth / 1e6, "MB", slope, most=GROWTH_MB),
        Figure(f"{name}: descriptors more in the last quarter", more("descriptors"), "", counts("descriptors"), most=0),
        Figure(f"{name}: threads more in the last quarter", more("threads"), "", counts("threads"), most=0),
        Figure(
            f"{name}: had the disk write",
            written / 1e6,
            "MB",
            f"{written / 1e6 * DAY_S / all_s:.1f} MB a day of wall clock",
        ),
        Figure(f"{name}: keeps at the end", looks[-1].kept / 1e6, "MB", f"{looks[0].kept / 1e6:.2f} MB at first"),
        Figure(f"{name}: processor seconds a second", share),
    ]
