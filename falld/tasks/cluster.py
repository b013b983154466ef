"""A Dask cluster that somebody runs."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import cache
from typing import Any

from distributed import Client, Future, KilledWorker, get_worker
from distributed.comm.core import CommClosedError

from falld.errors import FalldError
from falld.tasks import fingerprint
from falld.tasks.executor import Lost, Promise, Result, Task

_PATIENCE_S = 30
"""For the scheduler to answer, and for its first worker: both may just have been started."""
_CODE = "falld's source"
_alone = threading.Lock()
"""A worker may run several threads; what opens archives and models is made for one."""


class Cluster:
    """The workers of a scheduler. They see recordings and bundle at the same absolute paths as this machine, and have
    the same falld and libraries, or else are refused: results are the same to the bit wherever they are made.

    Args:
        address: e.g. `tcp://host:8786`.

    Raises:
        FalldError: nobody answers there, or there is no worker.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        try:
            self._client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            what = f"no Dask scheduler answers ({error})"
            raise FalldError(address, what, "start one with `dask scheduler`, or mend the address") from None
        try:
            self._client.wait_for_workers(1, timeout=_PATIENCE_S)
        except (OSError, TimeoutError):
            self._client.close()
            remedy = f"start some with `dask worker {address} --nworkers N --nthreads 1`"
            raise FalldError(address, "the Dask scheduler has no worker", remedy) from None
        self.ahead = 4 * max(4, sum(self._client.nthreads().values()))
        """Some more than are there now: others may join."""

    def start(self, function: Callable[[Task], Result], task: Task) -> Promise[Result]:
        expected = fingerprint.libraries() | {_CODE: _code(function.__module__)}
        call = pickle.dumps((expected, function, task))
        return _Submitted(self, str(task), call, self.submit(call))

    def submit(self, call: bytes) -> Future:
        """Have a worker `run` it."""
        return self._client.submit(_on_a_worker(), call, pure=False)

    def close(self) -> None:
        self._client.close()


@cache
def _code(module: str) -> str:
    return fingerprint.code(module)[:12]


@dataclass(frozen=True, slots=True)
class _Submitted:
    cluster: Cluster
    task: str
    call: bytes
    future: Future

    def result(self) -> Any:
        try:
            return self._gathered(self.future)
        except KilledWorker:
            pass
        # Dask suspects what waited on the worker, too. Here all others that are suspected wait for this one.
        try:
            return self._gathered(self.cluster.submit(self.call))
        except KilledWorker as error:
            what = f"ended its worker each time it was tried, at last {error.last_worker.address}"
            raise Lost(self.task, what, "give the workers more memory, or leave it out") from None

    def _gathered(self, future: Future) -> Any:
        address = self.cluster.address
        try:
            found = future.result()
        except ImportError as error:
            raise FalldError(address, f"a worker has no {error.name}", "install the same on all machines") from None
        except (CommClosedError, CancelledError, TimeoutError, OSError) as error:
            what = f"the Dask cluster is gone ({error})"
            raise FalldError(address, what, "start it, and run this again") from None
        future.release()
        return pickle.loads(found)


def _on_a_worker() -> Callable[[bytes], bytes]:
    """A local function, as that is sent by value: the scheduler reads it as well, and need not have falld."""

    def run(call: bytes) -> bytes:
        from falld.tasks.cluster import run

        return run(call)

    return run


def run(call: bytes) -> bytes:
    """What a worker does for a client."""
    expected, function, task = pickle.loads(call)
    with _alone:
        try:
            _compare(expected, fingerprint.libraries() | {_CODE: _code(function.__module__)})
            return pickle.dumps(function(task))
        except FalldError as error:
            raise FalldError(f"{error.where} (worker {get_worker().address})", error.what, error.remedy) from None


def _compare(expected: dict[str, str], found: dict[str, str]) -> None:
    """Refuse to compute with other software."""
    other = [f"{name} {found.get(name)}, not {value}" for name, value in expected.items() if found.get(name) != value]
    if other:
        raise FalldError("its software", f"is {'; '.join(other)}", "install the same on all machines")
