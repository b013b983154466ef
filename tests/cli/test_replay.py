"""`falld replay`: its lines to the letter."""

from __future__ import annotations

import gzip
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from falld.cli import main
from falld.cli.replay import expected as expected_line
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording, write_csv
from falld.samples.recording import Meta

FALL = str(recordings_dir() / "fall-forward-waist.csv.gz")


def replay(*args: str) -> tuple[Result, list[dict[str, Any]]]:
    result = CliRunner().invoke(main, ["replay", *args, "--jsonl"])
    return result, [json.loads(line) for line in result.stdout.splitlines()]


def still(n: int = 200, rate: float = 50.0, scale: float = 1.0, start: float = 0.0) -> Block:
    noise = np.random.default_rng(0).normal(0, 0.005, (n, 3))
    return Block(start + np.arange(n) / rate, ((noise + np.array([0, 0, 1])) * scale).astype(np.float32))


def saved(path: Path, block: Block, rate: float | None = 50.0) -> str:
    write_csv(path, Meta(placement="waist", sample_rate_hz=rate), [block])
    return str(path)


def test_a_fall_is_told_with_every_key() -> None:
    result, lines = replay(FALL)
    assert result.exit_code == 0, result.stderr
    falls = [line for line in lines if line["event"] == "fall"]
    assert len(falls) == 1
    keys = ["source", "recording", "event", "t", "impact_t", "probability", "placement", "threshold", "model", "why"]
    assert list(falls[0]) == keys
    assert (falls[0]["source"], falls[0]["recording"], falls[0]["placement"]) == (FALL, None, "waist")
    truth = CsvRecording(FALL).meta.falls[0].impact_s
    assert truth is not None
    assert abs(falls[0]["impact_t"] - truth) < 1
    assert falls[0]["t"] - falls[0]["impact_t"] <= 4
    end = lines[-1]
    keys = ["source", "recording", "event", "samples", "duration", "gaps", "gap_s", "filled", "clock", "status"]
    assert list(end) == keys
    assert (end["event"], end["clock"], end["status"]) == ("end", "stamps", "ok")


def test_candidates_come_before_the_fall_they_become() -> None:
    _, lines = replay(FALL, "--candidates")
    fall = next(line for line in lines if line["event"] == "fall")
    before = lines[lines.index(fall) - 1]
    assert before["event"] == "candidate"
    assert {k: v for k, v in fall.items() if k not in ("event", "why")} == {
        k: v for k, v in before.items() if k != "event"
    }
    plain = [line for line in lines if line["event"] != "candidate"]
    assert replay(FALL)[1] == plain


def test_lines_are_in_order_of_time() -> None:
    _, lines = replay(*[str(path) for path in sorted(recordings_dir().glob("*.csv.gz"))], "--candidates")
    sources = dict.fromkeys(line["source"] for line in lines)
    for source in sources:
        own = [line for line in lines if line["source"] == source]
        times = [(line["t"], line.get("impact_t", -1)) for line in own[:-1]]
        assert times == sorted(times)
        assert [line["event"] for line in own].count("end") == 1
        assert own[-1]["event"] == "end"
        assert all(line["impact_t"] <= line["t"] for line in own if "impact_t" in line)


def test_the_placement_can_be_overridden() -> None:
    _, lines = replay(FALL, "--candidates", "--placement", "wrist")
    assert {line["placement"] for line in lines if line["event"] == "candidate"} == {"wrist"}


def test_gaps_are_told_and_counted(tmp_path: Path) -> None:
    block = still(500)
    t = block.t.copy()
    t[200:] += 1.5
    t[300:] += 0.2
    _, (gap, end) = replay(saved(tmp_path / "a.csv", Block(t, block.acc)))
    assert gap == {
        "source": str(tmp_path / "a.csv"),
        "recording": None,
        "event": "gap",
        "t": 5.5,
        "from": 3.98,
        "gap_s": 1.52,
    }
    assert (end["gaps"], end["gap_s"], end["filled"], end["samples"]) == (1, 1.52, 10, 500)
    assert end["duration"] == 11.7


def test_an_archive_s_recordings_come_in_order_with_their_defects(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    with ArchiveWriter(path) as archive:
        for rate in (50.0, 100.0):
            archive.add(Meta(placement="wrist", sample_rate_hz=rate), [still(300, rate)])
        archive.add(Meta(placement="wrist", sample_rate_hz=200.0), [still(300, 50.0)])
        archive.add(Meta(placement="wrist", sample_rate_hz=50.0), [still(300, scale=9.81)])
    index = tmp_path / "set.index.csv"
    rows = index.read_text().splitlines()
    index.write_text("\n".join([*rows, rows[-1].replace("3", "7", 1)]) + "\n")
    result, lines = replay(str(path))
    assert result.exit_code == 2
    assert [(line["recording"], line["status"], line["clock"], line["samples"]) for line in lines] == [
        (0, "ok", "stamps", 300),
        (1, "ok", "stamps", 300),
        (2, "ok", "nominal", 300),
        (3, "unusable", "stamps", 0),
        (7, "unusable", "stamps", 0),
    ]
    assert lines[2]["duration"] == 1.5
    assert "m/s²" in lines[3]["error"]
    assert "recording 3" in lines[3]["error"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"time_s,x_g,y_g\n0,0,0\n", "z_g"),
        (b"time_s,x_g,y_g,z_g\n", "no samples"),
        (b"time_s,x_g,y_g,z_g\n0,0,0,1\n0.02,0,nan,1\n", ":3"),
        (b"time_s,x_g,y_g,z_g\n0,0,0,1\n0.02,0,0\n", ":3"),
        (b"time_s,x_g,y_g,z_g\n0.0,0,0,1\n0.04,0,0,1\n0.02,0,0,1\n", "backwards"),
        (gzip.compress(b"time_s,x_g,y_g,z_g\n0,0,0,1\n" * 50, mtime=0)[:-20], ""),
    ],
)
def test_bad_input_is_named_and_the_others_are_done(tmp_path: Path, content: bytes, what: str) -> None:
    bad = tmp_path / ("bad.csv.gz" if content[:1] == b"\x1f" else "bad.csv")
    bad.write_bytes(content)
    good = tmp_path / "good.csv.gz"
    shutil.copy(FALL, good)
    missing = str(tmp_path / "missing.csv")
    result, lines = replay(str(bad), missing, str(good))
    assert result.exit_code == 2
    ends = [line for line in lines if line["event"] == "end"]
    assert [(line["source"], line["status"]) for line in ends] == [
        (str(bad), "unusable"),
        (missing, "unusable"),
        (str(good), "ok"),
    ]
    assert what in ends[0]["error"]
    assert str(bad) in ends[0]["error"]
    assert [ends[0][key] for key in ("samples", "duration", "gaps", "gap_s", "filled")] == [0, 0, 0, 0, 0]


def test_odd_units_and_slow_sensors_are_warned_of(tmp_path: Path) -> None:
    odd = saved(tmp_path / "odd.csv", still(scale=1.3))
    slow = saved(tmp_path / "slow.csv", still(rate=10.0), 10.0)
    result, lines = replay(odd, slow)
    assert result.exit_code == 0
    assert [line["status"] for line in lines] == ["ok", "ok"]
    assert "1.3 g instead of 1 g" in result.stderr
    assert "cannot detect: 10.0 Hz" in result.stderr


def test_the_state_file_is_made_used_and_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = replay(FALL, "--state", str(state))[1]
    assert first == replay(FALL)[1]
    assert state.exists()
    assert [line["event"] for line in replay(FALL, "--state", str(state))[1]] == [line["event"] for line in first]
    state.write_bytes(b"something else")
    result, lines = replay(FALL, "--state", str(state))
    assert (result.exit_code, lines) == (2, [])
    assert "state" in result.stderr


def test_speed_paces_and_changes_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.csv", still(100))
    assert replay(path, "--speed", "20")[1] == replay(path)[1]


def test_words_for_people(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["replay", FALL, str(tmp_path / "none.csv")])
    assert result.exit_code == 2
    assert ": fall at " in result.stdout
    assert "none.csv: unusable: " in result.stdout


def test_every_shipped_recording_gives_what_its_yaml_expects() -> None:
    paths = sorted(recordings_dir().glob("*.csv.gz"))
    assert len(paths) >= 12
    for path in paths:
        expected = CsvRecording(path).meta.expected
        assert expected is not None, path
        bundle = expected[-1]["model"]
        assert bundle == shipped_bundle().name, path
        told = [expected_line(line, bundle) for line in replay(str(path))[1]]
        assert told == [pytest.approx(line, abs=2e-3) if "probability" in line else line for line in expected], path


def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    with ArchiveWriter(path) as archive:
        for _ in range(40):
            archive.add(Meta(placement="wrist", sample_rate_hz=50.0), [still(100)])
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "falld", "replay", str(path), FALL], stdout=subprocess.PIPE, stderr=terminal
    ) as process:
        out, _ = process.communicate(timeout=60)
    os.close(terminal)
    shown = os.read(screen, 65536).decode()
    os.close(screen)
    assert process.returncode == 0
    assert "of 41 recordings" in shown
    assert "[###########..................." in shown
    assert out.decode().count(": end: ") == 41
