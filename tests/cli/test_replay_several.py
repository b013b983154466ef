"""`falld replay` with workers and on a cluster: byte by byte what one process prints, whatever dies meanwhile."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from distributed import Client

from falld.cli import main
from falld.resources import recordings_dir
from falld.samples.archive_writer import ArchiveWriter
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

RECORDINGS = 160
"""Two batches and more."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("archive") / "many.parquet"
    scenes = [simulate(SCENES[name]) for name in ("fall-forward-waist", "jump-waist", "fall-collapse-wrist")]
    with ArchiveWriter(path) as writer:
        for i in range(RECORDINGS):
            meta, block = scenes[i % len(scenes)]
            writer.add(replace(meta, events=(), expected=None), [block])
    return str(path)


def replay(*args: str) -> Result:
    return CliRunner().invoke(main, ["replay", *args, "--jsonl"])


@pytest.fixture(scope="module")
def alone(archive: str) -> Result:
    result = replay(archive, "missing.csv")
    assert result.exit_code == 2
    assert result.stdout.count('"fall"') >= RECORDINGS / 2
    return result


def same(result: Result, alone: Result) -> None:
    assert (result.exit_code, result.stdout, result.stderr) == (2, alone.stdout, alone.stderr), result.stderr


def test_on_a_cluster_also_when_a_worker_is_killed(archive: str, alone: Result, dask: str) -> None:
    same(replay(archive, "missing.csv", "--scheduler", dask), alone)
    with subprocess.Popen(
        [sys.executable, "-m", "falld", "replay", archive, "--jsonl", "--scheduler", dask], stdout=subprocess.PIPE
    ) as process:
        with Client(dask, set_as_default=False) as client:
            assert process.stdout is not None
            first = process.stdout.readline()
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        out = first + process.stdout.read()
    assert process.returncode == 0
    assert out.decode() == alone.stdout[: len(out)]
    assert alone.stdout[len(out) :].count("\n") == 1, "but for the missing one"


def test_what_was_killed_goes_on_where_it_stopped(archive: str, alone: Result, tmp_path: Path) -> None:
    work = tmp_path / "work"
    args = (archive, "missing.csv", "--workers", "2", "--work", str(work))
    with subprocess.Popen([sys.executable, "-m", "falld", "replay", *args], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(work.glob("replay-*.npz")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    there = len(list(work.glob("replay-*.npz")))
    assert 0 < there < RECORDINGS
    result = replay(*args)
    assert (result.exit_code, result.stdout) == (2, alone.stdout)
    assert f"{RECORDINGS - there} recordings computed, {there + 1} were there" in result.stderr
    result = replay(archive, "missing.csv", "--work", str(work))
    assert (result.exit_code, result.stdout) == (2, alone.stdout)
    assert f"0 recordings computed, {RECORDINGS + 1} were there" in result.stderr


def test_words_placement_and_a_path_from_here(monkeypatch: pytest.MonkeyPatch, dask: str) -> None:
    monkeypatch.chdir(recordings_dir().parent)
    args = ("replay", "recordings", "--placement", "chest", "--candidates")
    alone = CliRunner().invoke(main, args)
    assert alone.stdout.count("recordings/jump-waist.csv.gz: ") > 1
    for how in (("--workers", "2"), ("--scheduler", dask)):
        several = CliRunner().invoke(main, [*args, *how])
        assert (several.exit_code, several.stdout) == (0, alone.stdout)


@pytest.mark.parametrize("how", [("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:1"), ("--work", "w")])
@pytest.mark.parametrize("what", [("--state", "s"), ("--speed", "2")])
def test_what_needs_one_after_the_other_is_refused(how: tuple[str, ...], what: tuple[str, ...], archive: str) -> None:
    result = replay(archive, *how, *what)
    assert result.exit_code == 2
    assert re.search(f"error: {what[0]}: does not go with --workers, --scheduler or --work; leave", result.stderr)
