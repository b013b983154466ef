"""A real disk of a few pages, to fill and to make read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    def fill(self) -> None:
        with (self.folder / "fill").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        (self.folder / "fill").unlink()

    def writable(self, yes: bool) -> None:
        """As after an error of its file system; also for files that are open."""
        if not yes:
            subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, missing: Callable[[str], None], size: str = "512k") -> Iterator[SmallDisk]:
    """A file system of this size; a skip where this user may mount none."""
    if os.geteuid() != 0:
        missing("a small file system takes root to be mounted")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        missing(f"a small file system cannot be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
