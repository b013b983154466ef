"""What is said to who installs, and what other programs say."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Any

WELL, UNHEARD, WRONG, TAKEN_BACK, UNHEARD_BEFORE_TOO, STUCK = range(6)
"""Exit statuses, as `installer.main` tells."""


class Stop(Exception):
    """It cannot go on: of what, what is wrong, and what to do."""

    def __init__(self, check: str, what: str, remedy: str, status: int = WRONG) -> None:
        super().__init__(check, what, remedy)
        self.status = status


class Failed(Exception):
    """A program did not do its part; says what it said last."""


def say(sign: str, check: str, what: str) -> None:
    """As `falld doctor`."""
    with contextlib.suppress(OSError):  # who lost the connection has lost the words, and not the fall alarm
        sys.stdout.write(f"{sign:2}  {check:14} {what}\n")
        sys.stdout.flush()


def run(*command: str, within_s: float = 900.0) -> str:
    """Its output.

    Raises:
        Failed: its status is not 0, it took longer, or it is not installed.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    how: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, env=environment, timeout=within_s, check=False, **how)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end in {within_s:g} s") from None
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Failed(f"{command[0]}: {' / '.join(said[-3:]) or f'status {done.returncode}'}")
    return str(done.stdout)


def told(*command: str) -> str:
    """What it says; empty where it fails."""
    try:
        return run(*command).strip()
    except Failed:
        return ""
