"""Copies of this process share what they are given."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from threadpoolctl import threadpool_info

from falld.learn.forks import Forks


def called(shared: Callable[[int], int], task: int) -> tuple[int, int, set[int]]:
    return shared(task), os.getpid(), {pool["num_threads"] for pool in threadpool_info()}


def test_what_is_shared_need_not_be_picklable_and_each_has_one_thread() -> None:
    with Forks(lambda task: task * task, 2) as forks:
        said = [promise.get() for promise in [forks.start(called, task) for task in range(5)]]
    squares, processes, threads = zip(*said, strict=True)
    assert squares == (0, 1, 4, 9, 16)
    assert os.getpid() not in processes
    assert set.union(*threads) <= {1}


def failing(shared: str, task: str) -> None:
    raise ValueError(shared + task)


def test_what_a_fork_raises_is_raised_here() -> None:
    with Forks("what ", 1) as forks, pytest.raises(ValueError, match="what failed"):
        forks.start(failing, "failed").get()
