"""falld as programs of their own, on recordings that come with it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from falld.resources import recordings_dir

CONFIG = """\
version: 1
home: {{id: h1}}
state_dir: state
wearers:
  - id: w1
    wearables:
      - {{recording: {recording}, id: belt, speed: {speed}}}
routes:
  - broker: {{host: 127.0.0.1, port: {port}, tls: false, protocol: 3.1.1}}
alert: {{raise_after_s: {raise_after_s}}}
"""


def write_config(
    folder: Path, port: int, recording: str = "walk-wrist", *, speed: float = 1, raise_after_s: float = 20
) -> Path:
    """The configuration of home h1 with one wearable; what must not be lost is in `state` beside it."""
    path = folder / "falld.yaml"
    file = recordings_dir() / f"{recording}.csv.gz"
    path.write_text(CONFIG.format(recording=file, port=port, speed=speed, raise_after_s=raise_after_s))
    return path


@contextlib.contextmanager
def falld(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Runs a verb; killed at the end, if it still runs."""
    command = [sys.executable, "-c", "from falld.cli import main; main()", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], words: str, times: int = 1, within_s: float = 60.0) -> str:
    """What the program writes to stderr, up to and with these words."""
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    said, give_up = "", time.monotonic() + within_s
    while said.count(words) < times:
        left = give_up - time.monotonic()
        assert left > 0, f"{words!r} was not said: {said}"
        select.select([process.stderr], [], [], left)
        said += process.stderr.read() or ""
        assert process.poll() is None or said.count(words) >= times, said
    return said
