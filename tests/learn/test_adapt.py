"""The proof of what adapts, on wearers and falls that are made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from stand_ins import hard_impacts, knocks

from falld.detect.budget import STEPS
from falld.detect.bundle import Bundle
from falld.learn.adapt import command
from falld.learn.lives import raised, raised_by, scouted, wearers
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.recording import FallSpan, Meta


@pytest.fixture
def archives(tmp_path: Path) -> list[str]:
    """A restless wearer and a calm one, and a soft and a hard fall."""
    life, falls = tmp_path / "life.parquet", tmp_path / "falls.parquet"
    with ArchiveWriter(life) as archive:
        for subject, peak in (("restless", 2.32), ("calm", 1.5)):
            for part in range(2):
                meta = Meta(placement="waist", sample_rate_hz=50.0, subject=subject, source="life", is_fall=False)
                archive.add(meta, [knocks([peak] * 4, part, still_s=35, gain=1.0)])
    with ArchiveWriter(falls) as archive:
        for peak in (2.4, 4.0):
            meta = Meta(placement="waist", sample_rate_hz=50.0, subject="f", source="falls", is_fall=True,
                        falls=(FallSpan(None, 20.0),))  # fmt: skip
            archive.add(meta, [knocks([peak], 1, still_s=20, gain=1.0)])
    return [str(life), str(falls)]


def close() -> Bundle:
    """Nearly no doubts below its thresholds."""
    return hard_impacts(doubt=0.78)


def test_a_restless_wearer_is_heard_less_and_a_calm_one_as_before(archives: list[str]) -> None:
    restless, calm = wearers(scouted(archives[0], pytest.fail, falls=False), lambda dataset: close(), 2.0)
    assert restless.hours == pytest.approx(280 / 3600, rel=0.01)
    shipped, capped = restless.lives["as shipped"], restless.lives["capped"]
    assert (shipped.told, shipped.heard) == (4, 4)
    assert (capped.told, capped.heard) == (0, 0)
    assert raised(capped.end, 2.0) > raised(calm.lives["capped"].end, 2.0) == 0
    assert {(life.told, life.heard) for life in calm.lives.values()} == {(0, 0)}


@pytest.mark.parametrize("steps", [0, 3, STEPS])
def test_a_made_up_wearer_raises_the_limits_by_what_was_asked(steps: int) -> None:
    assert raised(raised_by(steps), 3.0) == steps


def test_the_report_says_what_it_is_worth_and_what_it_costs(
    archives: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bundle, "load", lambda folder: close())
    result = CliRunner().invoke(command, [*archives, "--budget", "2"])
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.output.splitlines()]
    assert "life: judged by stand-in, which has never seen this data set" in lines
    assert any(line.startswith("capped      told at once 0 (0.0 [") for line in lines)
    assert any(line.startswith("trunk: limits are raised for 1 of 2 wearers") for line in lines)
    assert "falls, trunk: 2 falls" in lines
    rows = lines[lines.index("falls, trunk: 2 falls") + 1 :]
    told = {row[:33].strip(): row.partition("told at once ")[2][:1] for row in rows}
    assert told == {
        "as shipped": "2",
        "nothing learnt yet": "2",
        "first hour of the most restless": "1",
        "all time of the most restless": "1",
        "limits raised by 0.5": "2",
        "limits raised by 1.0": "1",
    }


def test_recordings_are_taken_in_pieces(archives: list[str]) -> None:
    """However long an archive's own pieces are."""
    (first, *_) = scouted(archives[0], pytest.fail, falls=False)
    pieces = list(first.pieces())
    assert len(pieces) >= 3
    assert sum(len(piece) for piece in pieces) == len(first.findings)
