"""Short recordings that are judged together: each line as if each had been alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import falld.replay.together
from falld.detect.bundle import Bundle
from falld.replay.recording import Replay
from falld.replay.together import together
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.catalogue import open_paths
from falld.samples.csvfile import CsvRecording
from falld.samples.kept import Kept


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@pytest.mark.parametrize("rows", [1, 1000, 5000, 1 << 18])
def test_each_line_is_as_if_each_recording_had_been_alone(
    bundle: Bundle, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(falld.replay.together, "TOGETHER_ROWS", rows)
    slow = tmp_path / "slow.csv"
    slow.write_text("time_s,x_g,y_g,z_g\n" + "".join(f"{i},0,0,{1 + i % 2 / 100}\n" for i in range(60)))
    paths = [str(recordings_dir()), str(tmp_path / "missing.csv"), str(slow)]
    replay = Replay(bundle, candidates=True)
    alone = [(list(replay.lines(one)), replay.warnings) for one in open_paths(paths)]
    said = [(list(lines), told.warnings) for _, lines, told in together(replay, open_paths(paths))]
    assert said == alone
    assert len({line["placement"] for lines, _ in said for line in lines if line["event"] == "candidate"}) > 1
    assert [lines[-1]["status"] for lines, _ in said[-2:]] == ["unusable", "ok"]
    assert said[-1][1]


class Counted(CsvRecording):
    """Counts how often it is read."""

    readings = 0

    def blocks(self) -> Iterator[Block]:
        self.readings += 1
        return super().blocks()


def test_a_short_recording_is_read_once_and_a_long_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(next(recordings_dir().glob("*.csv.gz")))
    whole = np.concatenate([block.acc for block in CsvRecording(path).blocks()])
    for most, readings in ((len(whole), 1), (len(whole) - 1, 2)):
        monkeypatch.setattr("falld.samples.kept.KEPT_ROWS", most)
        recording = Counted(path)
        kept = Kept(recording)
        for _ in range(2):
            assert (np.concatenate([block.acc for block in kept.blocks()]) == whole).all()
        assert recording.readings == readings
