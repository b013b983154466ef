"""A crash before and after every step that the outbox takes on its file, and a disk that fails from any of them on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import steps
from ledger import read
from verdict import Verdict

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

    what: str
    name: str
    calls: tuple[str, ...]
    inject: str

    @property
    def crashes(self) -> bool:
        return self.inject.startswith("signal")


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
    return [
        Trial("crash", f"crash before call {nth}", CALLS, f"signal=KILL:when={nth}")
        for nth in range(1, made.total() + 1)
    ]


def failures(made: Counter[str]) -> list[Trial]:
    """From each call on, for ever or for a while."""
    return [
        Trial(what, f"{what}, from call {nth} {until}", calls, f"error={error}:when={nth}{end}")
        for what, (calls, error) in FAILURES.items()
        for nth in range(1, sum(made[call] for call in calls) + 1)
        for until, end in (("on", "+"), (f"to {nth + PASSING}", f"..{nth + PASSING}"))
    ]


def tried(name: str, strace: str, folder: Path, trials: Sequence[Trial]) -> Verdict:
    """All of them in one verdict. A run that made fewer calls than were counted, and ended before its moment, counts as
    one without a fault."""
    began = time.monotonic()
    verdict = Verdict(name)
    for trial in trials:
        _try(strace, folder, trial, verdict)
        shutil.rmtree(folder)
    verdict.took_s = time.monotonic() - began
    return verdict


def _try(strace: str, folder: Path, trial: Trial, verdict: Verdict) -> None:
    done = run(strace, folder, trial.calls, "-e", f"inject={','.join(trial.calls)}:{trial.inject}")
    accepted, hub = _keys(folder / "accepted"), _keys(folder / "hub")
    ended = list(read([folder / "end"]))
    verdict.accepted += len(accepted)
    verdict.alerts += len({alert_id for alert_id, _ in accepted})
    verdict.faults[trial.what] += not (trial.crashes and ended)

    def wrong(what: str) -> None:
        verdict.wrong.append(f"{trial.name}: {what}")

    if not trial.crashes:
        if done.returncode or not ended:
            wrong(f"it ended with {done.returncode}: {done.stderr[-500:]}")
        elif trial.inject.endswith("+") and ended[0]["fault"] is None:
            wrong("nobody was told that the disk fails")
    with closing(EnduringOutbox.open(folder / steps.OUTBOX)) as outbox:
        lost = accepted - hub - (set(outbox.waiting()) if trial.crashes else set())
        verdict.lost += [(trial.name, *key) for key in sorted(lost)]
        if outbox.fault() is not None:
            wrong(f"it does not recover: {outbox.fault()}")


def _keys(path: Path) -> set[Key]:
    return {(line["alert_id"], line["seq"]) for line in read([path])}
