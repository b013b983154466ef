"""A crash before and after every step that the outbox takes on its file, and a disk that fails from any of them on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import steps
from ledger import read

from falld.alert.enduring import EnduringOutbox

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink")
"""All by which SQLite changes a file or makes sure of it."""
FAILURES = {"EIO on a sync": (("fdatasync", "fsync"), "EIO"), "no space for a write": (("pwrite64",), "ENOSPC")}
PASSING = 3
"""So many calls fail, of a disk that works again."""
WITHIN_S = 60.0
Key = tuple[str, int]


@dataclass(frozen=True)
class Trial:
    """One run of the steps.

    Args:
        inject: what strace is told to do, and when.
    """

    name: str
    calls: tuple[str, ...]
    inject: str

    @property
    def crashes(self) -> bool:
        return self.inject.startswith("signal")


class NotReached(Exception):
    """The moment did not come."""


def run(strace: str, folder: Path, calls: Sequence[str], *options: str) -> subprocess.CompletedProcess[str]:
    """The steps in a fresh folder, under strace, which sees only what happens to the outbox's files."""
    folder.mkdir()
    command = [strace, "-f", "-o", str(folder / "trace"), "-e", f"trace={','.join(calls)}", *options]
    for end in ("", "-wal", "-journal"):
        command += ["-P", str(folder / (steps.OUTBOX + end))]
    command += [sys.executable, str(Path(steps.__file__)), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)


def count(strace: str, folder: Path) -> Counter[str]:
    """How often each call is made where nothing fails, until all is done but the closing."""
    done = run(strace, folder, [*CALLS, "write"], "-P", str(folder / "end"))
    assert done.returncode == 0, done.stderr
    made = re.findall(r"^\d+ +(\w+)\(", (folder / "trace").read_text(), re.MULTILINE)
    shutil.rmtree(folder)
    return Counter(made[: made.index("write")])


def crashes(made: Counter[str]) -> list[Trial]:
    """Before each call; the crash after one is that before the next."""
    return [Trial(f"crash before call {nth}", CALLS, f"signal=KILL:when={nth}") for nth in range(1, made.total() + 1)]


def failures(made: Counter[str]) -> list[Trial]:
    """From each call on, for ever or for a while."""
    return [
        Trial(f"{what}, from call {nth} {until}", calls, f"error={error}:when={nth}{end}")
        for what, (calls, error) in FAILURES.items()
        for nth in range(1, sum(made[call] for call in calls) + 1)
        for until, end in (("on", "+"), (f"to {nth + PASSING}", f"..{nth + PASSING}"))
    ]


def check(strace: str, folder: Path, trial: Trial) -> str | None:
    """What is wrong after a trial; None: nothing is lost, and who had to be told was told.

    Raises:
        NotReached: fewer calls were made than when they were counted.
    """
    done = run(strace, folder, trial.calls, "-e", f"inject={','.join(trial.calls)}:{trial.inject}")
    accepted, hub = _keys(folder / "accepted"), _keys(folder / "hub")
    ended = list(read([folder / "end"]))
    wrong = None
    if trial.crashes and ended:
        shutil.rmtree(folder)
        raise NotReached(trial.name)
    if not trial.crashes and (done.returncode or not ended):
        wrong = f"it ended with {done.returncode}: {done.stderr[-500:]}"
    elif not trial.crashes and accepted - hub:
        wrong = "the hub did not get all"
    elif trial.inject.endswith("+") and ended[0]["fault"] is None:
        wrong = "nobody was told that the disk fails"
    with closing(EnduringOutbox.open(folder / steps.OUTBOX)) as outbox:
        lost = accepted - hub - set(outbox.waiting())
        if lost:
            wrong = f"lost {sorted(lost)}"
        elif outbox.fault() is not None:
            wrong = f"it does not recover: {outbox.fault()}"
    shutil.rmtree(folder)
    return wrong


def _keys(path: Path) -> set[Key]:
    return {(line["alert_id"], line["seq"]) for line in read([path])}
