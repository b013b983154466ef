"""A Dask cluster on this machine, of the programs that somebody would start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import falld

ROOT = Path(falld.__file__).resolve().parent.parent


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def dask_cluster(folder: Path, *, workers: int, python_path: str = "") -> Iterator[str]:
    """Runs a scheduler, where no falld can be imported, and workers that begin anew when they die; gives its address.

    Args:
        folder: logs and the workers' own files go there.
        workers: how many, of one thread each.
        python_path: what workers find besides falld.
    """
    address = f"tcp://127.0.0.1:{_free_port()}"
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    plain["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
    log = folder / "dask.log"
    with ExitStack() as running, log.open("wb") as out:

        def start(*args: str, env: dict[str, str]) -> None:
            command = [sys.executable, "-P", "-m", "distributed.cli.dask_" + args[0], *args[1:], "--no-dashboard"]
            process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
            running.callback(process.wait)
            running.callback(process.terminate)

        def said(words: str, times: int) -> None:
            deadline = time.monotonic() + 120
            while log.read_text().count(words) < times:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)

        start("scheduler", "--host", address, env=plain)
        if workers:
            start(
                *("worker", address, "--nworkers", str(workers), "--nthreads", "1"),
                *("--local-directory", str(folder), "--memory-limit", "0"),
                env=plain | {"PYTHONPATH": f"{ROOT}:{python_path}"},
            )
        said("Scheduler at:", 1)
        said("Registered to:", workers)
        yield address
