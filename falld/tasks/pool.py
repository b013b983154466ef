"""Processes on this machine, each with one task at a time, so that one that dies costs no other task."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from falld.errors import FalldError
from falld.tasks.executor import Lost, Promise, Result, Task

MOST_DEATHS = 3
"""Workers that one task may cost: the first two may have been ended by something else."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Several processes with a thread for each processor in every one of them keep each other waiting."""
_FAILED = 1
"""Exit status of a Python program that an exception ended: it would do so again."""
_PATIENCE_S = 10.0


class Pool:
    """Workers that are started with the first task, as all may be kept already, and begun anew when they die.

    They are spawned: a fork of a process whose libraries run threads may hang.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self.ahead = 4 * workers
        self._waiting: deque[_Job] = deque()
        self._number = workers
        self._workers: list[_Worker] = []

    def start(self, function: Callable[[Task], Result], task: Task) -> Promise[Result]:
        if not self._workers:
            self._workers = [_Worker.hired() for _ in range(self._number)]
        job = _Job(self, function, task)
        self._waiting.append(job)
        self.see(0)
        return job

    def close(self) -> None:
        for worker in self._workers:
            worker.fired(0.0 if worker.job is not None else _PATIENCE_S)

    def see(self, timeout_s: float | None = None) -> None:
        """Take the results that are there, and give out what waits.

        Args:
            timeout_s: how long to wait for a result; None: for ever.
        """
        self._deal()
        busy: dict[object, _Worker] = {worker.pipe: worker for worker in self._workers if worker.job is not None}
        for pipe in wait(list(busy), timeout_s):  # type: ignore[arg-type]
            worker = busy[pipe]
            assert worker.job is not None
            try:
                worker.job.reply = worker.pipe.recv()
                worker.job = None
            except (EOFError, OSError):
                self._replace(worker)
        self._deal()

    def _deal(self) -> None:
        for worker in list(self._workers):
            if worker.job is None and self._waiting:
                worker.job = self._waiting.popleft()
                try:
                    worker.pipe.send((worker.job.function, worker.job.task))
                except OSError:
                    self._replace(worker)

    def _replace(self, dead: _Worker) -> None:
        job = dead.job
        assert job is not None
        status = dead.fired(_PATIENCE_S)
        job.deaths += 1
        if status == _FAILED:
            job.reply = Lost(str(job.task), "cannot be computed", "see the worker's error, and tell the authors")
        elif job.deaths >= MOST_DEATHS:
            how = f"exit status {status}" if status is None or status >= 0 else signal.Signals(-status).name
            what = f"ended its worker {job.deaths} times ({how})"
            job.reply = Lost(str(job.task), what, "give it more memory, or leave it out")
        else:
            self._waiting.appendleft(job)
        self._workers[self._workers.index(dead)] = _Worker.hired()


@dataclass(eq=False)
class _Job:
    pool: Pool
    function: Callable[[Any], Any]
    task: Any
    deaths: int = 0
    reply: tuple[Any] | FalldError | None = None

    def result(self) -> Any:
        while self.reply is None:
            self.pool.see()
        if isinstance(self.reply, FalldError):
            raise self.reply
        return self.reply[0]


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: _Job | None = None

    @classmethod
    def hired(cls) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, its = context.Pipe()
        process = context.Process(target=_serve, args=(its,), daemon=True)
        with _one_thread():
            process.start()
        its.close()
        return cls(process, ours)

    def fired(self, patience_s: float) -> int | None:
        """Its exit status. One that has not ended by itself in so many seconds is killed."""
        self.pipe.close()
        self.process.join(patience_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        status = self.process.exitcode
        self.process.close()
        return status


@contextmanager
def _one_thread() -> Iterator[None]:
    """For what is started meanwhile."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection) -> None:
    """Tasks, until whoever gives them out is gone. Ctrl-C is theirs to deal with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            function, task = pipe.recv()
            reply: tuple[Any] | FalldError
            try:
                reply = (function(task),)
            except FalldError as error:
                reply = error
            pipe.send(reply)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
