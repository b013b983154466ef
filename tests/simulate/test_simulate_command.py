"""`falld simulate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from falld.cli import simulate
from falld.samples.csvfile import CsvRecording
from falld.simulate.scenes import SCENES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(simulate.command, list(arguments))


def test_list_names_every_scene() -> None:
    result = run("--list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == list(SCENES)


def test_a_recording_and_its_description_are_written(tmp_path: Path) -> None:
    out = tmp_path / "walk.csv"
    arguments = ("walk-wrist", "--seed", "5", "--placement", "thigh", "--rate", "25", "--range", "4", "--gap", "3", "1")
    result = run(*arguments, "--out", str(out))
    assert result.exit_code == 0, result.output
    recording = CsvRecording(out)
    (block,) = recording.blocks()
    assert recording.meta.placement == "thigh"
    assert recording.meta.sample_rate_hz == 25.0
    assert recording.meta.range_g == 4.0
    assert recording.meta.licence == "Apache-2.0"
    assert recording.meta.simulated
    assert recording.meta.expected is None
    assert np.diff(block.t).max() == pytest.approx(1.04, abs=0.05)


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        out = tmp_path / f"{name}.csv.gz"
        assert run("stumble-waist", "--jitter", "1", "--out", str(out)).exit_code == 0
        contents.append((out.read_bytes(), (tmp_path / f"{name}.yaml").read_bytes()))
    assert contents[0] == contents[1]


def test_all_makes_every_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: SCENES[name] for name in ("stumble-waist", "lie-down-waist")}
    monkeypatch.setattr(simulate, "SCENES", few)
    assert run("--all", str(tmp_path / "new")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "new").glob("*.csv.gz")) == [
        "lie-down-waist.csv.gz",
        "stumble-waist.csv.gz",
    ]


@pytest.mark.parametrize(
    "arguments", [(), ("walk-wrist",), ("walk-wrist", "--list"), ("no-such-scene",), ("walk-wrist", "--rate", "1000")]
)
def test_what_makes_no_sense_is_refused_with_a_remedy(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error" in result.output
