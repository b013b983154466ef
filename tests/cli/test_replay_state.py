"""`falld replay --state`: what is learnt goes from one recording to the next, and to the next call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stand_ins import hard_impacts, knocks

from falld.cli import main
from falld.detect.bundle import Bundle
from falld.samples.csvfile import write_csv
from falld.samples.recording import Meta


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two of somebody who is knocked about, by a sensor that is off."""
    monkeypatch.setattr(Bundle, "load", lambda folder: hard_impacts())
    for seed, name in enumerate("ab"):
        block = knocks([2.3] * 4, seed, still_s=20)
        write_csv(tmp_path / f"{name}.csv", Meta(placement="waist", sample_rate_hz=50.0), [block])
    return [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]


def replay(*args: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, ["replay", *args, "--jsonl", "--candidates"])
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def of(lines: list[dict[str, Any]], source: str, key: str) -> list[Any]:
    return [line[key] for line in lines if line["source"] == source and line["event"] == "candidate"]


def test_without_it_every_recording_begins_with_nothing(recordings: list[str]) -> None:
    a, b = recordings
    together = replay(a, b)
    assert together == replay(a) + replay(b)
    assert set(of(together, b, "threshold")) == {0.8}


def test_what_was_learnt_goes_on_with_the_next_recording(recordings: list[str], tmp_path: Path) -> None:
    a, b = recordings
    lines = replay(a, b, "--state", str(tmp_path / "state"))
    assert of(lines, a, "threshold")[:2] == [0.8, 0.8]
    assert min(of(lines, b, "threshold")) > 0.8
    # Its sensor shows 6 % too much, as is known from the first one.
    plain = replay(b)
    assert all(
        now < before for now, before in zip(of(lines, b, "probability"), of(plain, b, "probability"), strict=True)
    )
    assert of(lines, b, "impact_t") == of(plain, b, "impact_t")


def test_it_is_left_in_the_file_for_the_next_call(recordings: list[str], tmp_path: Path) -> None:
    a, b = recordings
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    assert replay(a, "--state", parts) + replay(b, "--state", parts) == replay(a, b, "--state", whole)
    assert Path(parts).read_bytes() == Path(whole).read_bytes()
    assert replay(b, a, "--state", str(tmp_path / "other")) != replay(a, b, "--state", str(tmp_path / "again"))
