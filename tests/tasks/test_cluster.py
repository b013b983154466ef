"""A real Dask cluster on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chores import die, double, refuse
from dask_clusters import dask_cluster

from falld.errors import FalldError
from falld.tasks import cluster, fingerprint
from falld.tasks.cluster import Cluster
from falld.tasks.executor import Lost, executor, in_order


@pytest.fixture
def client(dask: str) -> Iterator[Cluster]:
    with executor(None, dask) as who:
        assert isinstance(who, Cluster)
        yield who


def lives(folder: Path, n: int) -> str:
    for i in range(n):
        (folder / str(i)).touch()
    return str(folder)


def test_results_come_in_order_and_errors_name_the_worker(client: Cluster) -> None:
    assert list(in_order((client.start(double, i) for i in range(50)), client.ahead)) == [2 * i for i in range(50)]
    with pytest.raises(FalldError, match=r"task 7 \(worker tcp://127\.0\.0\.1:\d+\): is refused; ask for another"):
        client.start(refuse, 7).result()


def test_a_worker_that_dies_costs_a_second_try_and_a_task_that_ends_all_is_given_up(
    client: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "all").mkdir()
    dying = client.start(die, lives(tmp_path / "some", 1))
    deadly = client.start(die, lives(tmp_path / "all", 30))
    others = [client.start(double, i) for i in range(10)]
    assert dying.result()
    assert [other.result() for other in others] == [2 * i for i in range(10)]
    with pytest.raises(Lost, match="all: ended its worker each time it was tried, at last tcp://"):
        deadly.result()


def test_other_software_is_refused_by_the_worker(client: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        libraries = fingerprint.libraries()
        patch.setattr(fingerprint, "libraries", lambda: libraries | {"numpy": "1.2.3"})
        with pytest.raises(FalldError, match=r"software \(worker tcp.*\): is numpy .*, not 1\.2\.3; install the same"):
            client.start(double, 1).result()
    monkeypatch.setattr(cluster, "_code", lambda module: "0123")
    with pytest.raises(FalldError, match=r"falld's source [0-9a-f]{12}, not 0123"):
        client.start(double, 1).result()


def test_nobody_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE_S", 4)
    with pytest.raises(FalldError, match="no Dask scheduler answers"):
        executor(None, "tcp://127.0.0.1:1")
    with dask_cluster(tmp_path, workers=0) as lonely, pytest.raises(FalldError, match="has no worker; start some with"):
        executor(None, lonely)
