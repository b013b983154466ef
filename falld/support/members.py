"""What a support bundle tells, each thing by itself; none of it fails where something is missing."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falld
from falld.alert.clock import boottime, clock_synced, utc_now
from falld.alert.database import OutboxError
from falld.alert.message import utc_text
from falld.alert.outbox import Outbox
from falld.daemon.control import ControlError, ask_health
from falld.daemon.home import CLIPS, OUTBOX
from falld.sensors.source import SourceError

PACKAGES = (
    "bleak", "bleak-retry-connector", "click", "dbus-fast", "numpy", "onnxruntime", "paho-mqtt", "pydantic", "pyyaml",
)  # fmt: skip
UNIT = "falld"
LINES = 2000
"""Of the journal: at 150 characters each, 300 kB."""
LARGEST = 2 * 2**20
"""Characters of it."""
JOURNAL_S = 20.0


def versions() -> dict[str, Any]:
    """Of falld and of what it stands on. The machine's name is not in it."""
    return {
        "falld": falld.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "distribution": _distribution(),
        "packages": {name: _version(name) for name in PACKAGES},
        "utc": utc_text(utc_now()),
        "clock_synced": clock_synced(),
        "up_s": round(boottime()),
    }


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def health(folder: Path) -> dict[str, Any]:
    """What the running daemon says; that none does, where none does."""
    try:
        return ask_health(folder)
    except ControlError as error:
        return {"fault": str(error)}


def state(folder: Path) -> dict[str, Any]:
    """The files that the daemon keeps, their sizes and rights; nothing that is in them."""
    try:
        files = {str(path.relative_to(folder)): _file(path) for path in _files(folder)}
    except OSError as error:
        return {"fault": f"{folder}: {error.strerror}"}
    kinds = Counter(Path(name).suffix for name in files if name.startswith(f"{CLIPS}/"))
    kept = {name: about for name, about in files.items() if not name.startswith(f"{CLIPS}/")}
    return {"files": kept, "clips": dict(sorted(kinds.items()))}


def waiting(folder: Path) -> dict[str, Any]:
    """How many messages wait for a hub, where no daemon runs that could say it.

    A copy is opened, for SQLite writes even where it only reads.
    """
    outbox = folder / OUTBOX
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for name in (outbox.name, f"{outbox.name}-wal"):
                if (folder / name).exists():
                    shutil.copyfile(folder / name, Path(scratch, name))
            if not Path(scratch, outbox.name).exists():
                return {"fault": f"{outbox}: is not there"}
            with contextlib.closing(Outbox.open(Path(scratch, outbox.name))) as copy:
                return {"messages": len(copy)}
    except OutboxError as error:
        return {"fault": f"{outbox}: {error.what}"}
    except OSError as error:
        return {"fault": f"{outbox}: {error.strerror}"}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield from _files(path) if path.is_dir() and not path.is_symlink() else [path]


def _file(path: Path) -> dict[str, Any]:
    about = path.lstat()
    return {
        "bytes": about.st_size,
        "mode": f"{about.st_mode & 0o777:04o}",
        "age_s": round(time.time() - about.st_mtime),
    }


def adapters() -> dict[str, Any]:
    """Of Bluetooth, and whether each is on."""
    from falld.sensors.bluez import powered

    try:
        return {"powered": asyncio.run(powered())}
    except SourceError as error:
        return {"fault": str(error)}


def journal() -> str | None:
    """The end of the service's journal; None: this machine has none."""
    program = shutil.which("journalctl")
    if program is None:
        return None
    command = [
        program,
        f"--unit={UNIT}",
        f"--lines={LINES}",
        "--no-pager",
        "--no-hostname",
        "--output=short-iso",
        "--quiet",
    ]
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=JOURNAL_S, check=False, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be read: {error}\n"
    return (done.stderr + done.stdout).decode("utf-8", "replace")[-LARGEST:]
