"""Replays by several processes: to the letter what one says; kept, and gone on with."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falld.detect.bundle import Bundle
from falld.errors import FalldError
from falld.replay.recording import Replay
from falld.replay.several import Replays
from falld.replay.tasks import Part, Settings, Told, tell_batch
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.catalogue import open_paths
from falld.samples.csvfile import CsvRecording, write_csv
from falld.samples.recording import Meta
from falld.tasks.batches import Batch
from falld.tasks.cache import Cache
from falld.tasks.executor import Executor, Here, Known, Lost, Promise, executor

NAMES = ("fall-forward-waist", "jump-waist", "fall-collapse-wrist", "walk-wrist")
SETTINGS = Settings.of(shipped_bundle(), candidates=True)


def samples(name: str) -> tuple[Meta, Block]:
    recording = CsvRecording(recordings_dir() / f"{name}.csv.gz")
    blocks = list(recording.blocks())
    return recording.meta, Block(np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks]))


def course(gaps: tuple[float, ...]) -> Iterator[Block]:
    """The scenes one after the other, with a gap after each, in blocks of 4 s."""
    start = 0.0
    for i, gap in enumerate(gaps):
        _, block = samples(NAMES[i % len(NAMES)])
        stamps = start + np.arange(len(block)) / 50
        for first in range(0, len(block), 200):
            yield Block(stamps[first : first + 200], block.acc[first : first + 200])
        start = float(stamps[-1]) + 0.02 + gap


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of all sorts: small ones in an archive and alone, long ones with gaps, damaged and missing ones."""
    path = tmp_path_factory.mktemp("recordings")
    with ArchiveWriter(path / "a.parquet") as archive:
        for name in NAMES:
            meta, block = samples(name)
            archive.add(replace(meta, events=(), expected=None), [block])
        archive.add(Meta(placement="waist", sample_rate_hz=50.0), course((0.0, 40.0, 0.1, 3.0, 0.3, 0.0)))
        archive.add(Meta(placement="waist", sample_rate_hz=50.0), [still(99, 50)])
    index = path / "a.index.csv"
    rows = index.read_text().splitlines()
    index.write_text("\n".join([*rows, rows[-1].replace("5", "9", 1)]) + "\n")
    shutil.copy(recordings_dir() / f"{NAMES[0]}.csv.gz", path / "b.csv.gz")
    (path / "c.csv").write_text("time_s,x_g,y_g,z_g\n0,0,0,1\n0.02,0,nan,1\n")
    write_csv(path / "d.csv", Meta(sample_rate_hz=50.0), course((0.0, 0.0, 2.0, 0.0)))
    write_csv(path / "e.csv", Meta(sample_rate_hz=10.0), [still(300, 10)])
    return path


def still(n: int, rate: int) -> Block:
    return Block(np.arange(n) / rate, np.tile(np.array([0, 0, 1], np.float32), (n, 1)))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with executor(2, None) as who:
        yield who


def of(folder: Path) -> list[str]:
    return [str(folder), str(folder / "none.csv")]


@pytest.fixture(scope="module")
def alone(folder: Path) -> list[Told]:
    """By one process, one after the other."""
    replay = Replay(Bundle.load(shipped_bundle()), candidates=True)
    return [Told(list(replay.lines(one)), replay.warnings) for one in open_paths(of(folder))]


def by(
    who: Executor, folder: Path, cache: Cache | None = None, settings: Settings = SETTINGS, **how: Any
) -> tuple[list[Told], Replays]:
    replays = Replays(settings, who, cache or Cache(), **how)
    return [told for _, told in replays.told(open_paths(of(folder)))], replays


def test_the_recordings_show_something(alone: list[Told]) -> None:
    lines = [line for told in alone for line in told.lines]
    assert {line["event"] for line in lines} >= {"fall", "candidate", "gap", "end"}
    assert [line["status"] for line in lines if line["event"] == "end"].count("unusable") == 3
    assert any("cannot detect" in warning for told in alone for warning in told.warnings)


@pytest.mark.parametrize(("long_rows", "points"), [(1 << 21, 1), (1000, 150), (1000, 1000), (3000, 100_000)])
def test_several_say_what_one_says(
    folder: Path, alone: list[Told], pool: Executor, long_rows: int, points: int
) -> None:
    told, replays = by(pool, folder, long_rows=long_rows, points=points)
    assert told == alone
    assert replays.computed == len(alone) - 2, "all but what is not there"


def test_small_batches_and_this_process_say_the_same(
    folder: Path, alone: list[Told], pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert by(Here(), folder, long_rows=1000, points=700)[0] == alone
    monkeypatch.setattr("falld.replay.several.BATCH_ROWS", 1)
    assert by(pool, folder)[0] == alone


def test_what_is_kept_is_not_computed_again(folder: Path, alone: list[Told], tmp_path: Path) -> None:
    cache = Cache(tmp_path / "work")
    assert by(Here(), folder, cache)[1].computed == len(alone) - 2
    told, again = by(Here(), folder, cache)
    assert told == alone
    assert again.computed == 0
    other = replace(SETTINGS, placement="wrist")
    assert by(Here(), folder, cache, other)[1].computed == len(alone) - 2, "another placement is another result"
    assert by(Here(), folder, cache)[1].computed == 0


def test_a_recording_that_changed_is_computed_and_no_other(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    cache = Cache(tmp_path / "work")
    by(Here(), own, cache)
    shutil.copy(recordings_dir() / "jump-waist.csv.gz", own / "b.csv.gz")
    assert by(Here(), own, cache)[1].computed == 1
    (own / "e.yaml").write_text("{placement: wrist, sample_rate_hz: 10}\n")
    assert by(Here(), own, cache)[1].computed == 1


def test_what_is_damaged_is_set_aside_and_computed_again(
    folder: Path, alone: list[Told], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache(tmp_path)
    by(Here(), folder, cache)
    first, second, third, fourth, *_ = sorted(tmp_path.iterdir())
    for broken, size in ((first, 0), (second, 40), (third, 300)):
        broken.write_bytes(broken.read_bytes()[:size])
    data = bytearray(fourth.read_bytes())
    data[data.index(b"lines")] ^= 1
    fourth.write_bytes(data)
    told, replays = by(Here(), folder, cache)
    assert told == alone
    assert replays.computed == 4
    assert len(list(tmp_path.glob("*.damaged"))) == 4
    assert caplog.text.count("set aside") == 4
    assert by(Here(), folder, cache)[1].computed == 0


class _Mortal:
    """Gives up after so many tasks, as if the power went."""

    ahead = 0

    def __init__(self, tasks: int) -> None:
        self._left = tasks

    def start(self, function: Callable[[Any], Any], task: Any) -> Promise[Any]:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return Known(function(task))

    def close(self) -> None:
        pass


def test_an_interrupted_run_goes_on_where_it_was(
    folder: Path, alone: list[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falld.replay.several.BATCH_ROWS", 1)
    cache = Cache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        by(_Mortal(3), folder, cache)
    assert not list(tmp_path.glob(".*")), "no half of a file"
    told, replays = by(Here(), folder, cache)
    assert told == alone
    assert replays.computed == len(alone) - 2 - 3


def deadly(batch: Batch[Settings]) -> list[Told]:
    """As `tell_batch`, but one recording ends its worker."""
    if any(recording.number == 2 for recording in batch.recordings):
        os.kill(os.getpid(), signal.SIGKILL)
    return tell_batch(batch)


def test_a_recording_that_ends_its_worker_costs_no_other(
    folder: Path, alone: list[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falld.replay.several.tell_batch", deadly)
    monkeypatch.setattr("falld.tasks.pool.MOST_DEATHS", 2)
    cache = Cache(tmp_path)
    with executor(2, None) as who:
        told, _ = by(who, folder, cache)
    assert told[:2] + told[3:] == alone[:2] + alone[3:]
    (end,) = told[2].lines
    assert (end["recording"], end["status"], end["samples"]) == (2, "unusable", 0)
    assert "recording 2: ended its worker 2 times (SIGKILL)" in end["error"]
    monkeypatch.undo()
    again, replays = by(Here(), folder, cache)
    assert again == alone
    assert replays.computed == 1, "a loss is not kept"


class _Losing(Here):
    """Loses the last stretch of each recording."""

    def start(self, function: Callable[[Any], Any], task: Any) -> Promise[Any]:
        return _Loss() if isinstance(task, Part) and task.stretch.end is not None else super().start(function, task)


class _Loss:
    def result(self) -> Any:
        raise Lost("this", "is gone", "look for it")


def test_a_lost_stretch_makes_its_recording_unusable(folder: Path, alone: list[Told]) -> None:
    told, _ = by(_Losing(), folder, long_rows=2000, points=1000)
    lost = [one for one in told if "is gone" in one.lines[-1].get("error", "")]
    assert len(lost) == 2
    assert all(len(one.lines) == 1 and one.lines[0]["status"] == "unusable" for one in lost)
    assert [one for one in told if one not in lost] == [
        whole for one, whole in zip(told, alone, strict=True) if one not in lost
    ]


def test_a_file_that_a_worker_sees_otherwise_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    shutil.copy(folder / "b.csv.gz", path)
    (recording,) = open_paths([str(path)])
    assert isinstance(recording, CsvRecording)
    batch = Batch(SETTINGS, [recording], [recording.digest()])
    assert str(batch) == str(path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(FalldError, match="is another file than the one that was meant; let all workers see the same"):
        tell_batch(batch)
    path.unlink()
    with pytest.raises(FalldError, match="cannot be read: No such file or directory; let all workers see the same"):
        tell_batch(batch)
    with pytest.raises(FalldError, match="is another bundle"):
        tell_batch(replace(batch, how=replace(SETTINGS, sums="others")))
