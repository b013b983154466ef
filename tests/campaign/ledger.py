"""What each end of the road knows by itself: lines that are on the disk before anybody goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Ledger:
    """Lines of JSON, each on the disk when `write` returns. Never asks the programs that it judges."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def write(self, *lines: dict[str, Any]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        os.write(self._file, text.encode())
        os.fdatasync(self._file)


def read(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The lines; one that was cut off by the death of its writer was never written."""
    for path in paths:
        if path.exists():
            for line in path.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    yield json.loads(line)
