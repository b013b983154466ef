"""Processes on this machine: one that dies costs its task, not the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from chores import die, double, environment, fail, pid, refuse

from falld.errors import FalldError
from falld.tasks.executor import Executor, Here, Known, Lost, executor, in_order
from falld.tasks.pool import MOST_DEATHS, ONE_THREAD, Pool


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with executor(2, None) as who:
        assert isinstance(who, Pool)
        yield who
    assert not multiprocessing.active_children()


def lives(folder: Path, n: int) -> str:
    for i in range(n):
        (folder / str(i)).touch()
    return str(folder)


@pytest.mark.parametrize("where", ["here", "pool"])
def test_results_come_in_the_order_of_the_tasks(where: str, pool: Pool) -> None:
    who: Executor = pool if where == "pool" else Here()
    started = (Known(-1) if i % 10 == 0 else who.start(double, i) for i in range(100))
    assert list(in_order(started, who.ahead)) == [-1 if i % 10 == 0 else 2 * i for i in range(100)]


def test_no_more_is_started_than_is_needed_to_keep_all_busy() -> None:
    started = []

    def promises() -> Iterator[Known[int]]:
        for i in range(10):
            started.append(i)
            yield Known(i)

    results = in_order(promises(), 3)
    next(results)
    assert len(started) == 4


def test_an_error_is_that_of_its_task(pool: Pool) -> None:
    refused, done = pool.start(refuse, 7), pool.start(double, 1)
    assert done.result() == 2
    with pytest.raises(FalldError, match="task 7: is refused; ask for another"):
        refused.result()


def test_a_worker_that_dies_costs_a_second_try(pool: Pool, tmp_path: Path) -> None:
    dying = pool.start(die, lives(tmp_path, MOST_DEATHS - 1))
    others = [pool.start(double, i) for i in range(20)]
    assert [other.result() for other in others] == [2 * i for i in range(20)]
    assert dying.result() not in (0, os.getpid())


def test_a_task_that_ends_every_worker_is_given_up_and_the_others_are_done(pool: Pool, tmp_path: Path) -> None:
    dying = pool.start(die, lives(tmp_path, MOST_DEATHS + 5))
    others = [pool.start(double, i) for i in range(20)]
    with pytest.raises(Lost, match=rf"{tmp_path}: ended its worker 3 times \(SIGKILL\)"):
        dying.result()
    assert [other.result() for other in others] == [2 * i for i in range(20)]
    assert len(list(tmp_path.iterdir())) == 5


def test_a_worker_that_was_killed_while_idle_is_replaced(pool: Pool) -> None:
    for victim in {pool.start(pid, i).result() for i in range(8)}:
        os.kill(victim, signal.SIGKILL)
    assert [pool.start(double, i).result() for i in range(8)] == [2 * i for i in range(8)]


def test_what_fails_by_itself_is_not_tried_again(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Pool(1)) as pool, pytest.raises(Lost, match="3: cannot be computed"):
        pool.start(fail, 3).result()
    assert capfd.readouterr().err.count("ZeroDivisionError: 3") == 1


def test_a_worker_has_one_thread_and_this_process_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "7")
    monkeypatch.delenv(min(ONE_THREAD))
    with closing(Pool(1)) as pool:
        assert pool.start(environment, tuple(ONE_THREAD)).result() == ["1"] * len(ONE_THREAD)
    assert [os.environ.get(name) for name in sorted(ONE_THREAD)] == [None, "7", "7"]


def test_two_sorts_of_workers_are_refused() -> None:
    with pytest.raises(FalldError, match="comes with --workers"):
        executor(2, "tcp://127.0.0.1:8786")
