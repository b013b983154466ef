"""Whether a recording is in g."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.samples.archive import read_archive
from falld.samples.block import Block
from falld.samples.recording import Unusable
from falld.samples.units import KEPT_SECONDS, Units, UnitsJudge, guess_unit

Acc = npt.NDArray[np.float64]
RATE = 50


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def still(seconds: int, level: float = 1.0, noise: float = 0.01) -> Acc:
    """A sensor at rest, at a slant, in g."""
    lying = np.array([0.6, 0.0, 0.8]) * level
    return lying + rng().normal(0, noise, (seconds * RATE, 3))


def walking(seconds: int) -> Acc:
    """Steps of 0.3 g at 2 Hz."""
    t = np.arange(seconds * RATE) / RATE
    step = 0.3 * np.sin(2 * np.pi * 2 * t)
    return np.stack([0.5 * step, 0.3 * step, 1 + step], axis=1) + rng().normal(0, 0.01, (len(t), 3))


def turning(seconds: int) -> Acc:
    """A slow swing by 60° each way: |a| stays 1 g."""
    angle = np.pi / 3 * np.sin(2 * np.pi * 0.5 * np.arange(seconds * RATE) / RATE)
    return np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)


def judged(*parts: Acc, scale: float = 1.0, cuts: list[int] | None = None, rate: float = RATE) -> Units:
    acc = (np.concatenate(parts) * scale).astype(np.float32)
    judge = UnitsJudge(rate)
    edges = [0, *sorted(cuts or []), len(acc)]
    for start, stop in pairwise(edges):
        judge.feed(Block(np.arange(start, stop) / rate, acc[start:stop]))
    return judge.verdict()


def test_a_still_sensor_in_g_is_right() -> None:
    units = judged(still(10), walking(20))
    assert (units.kind, units.still_seconds, units.frozen) == ("ok", 10, False)
    assert units.level_g == pytest.approx(1.0, abs=0.01)
    assert units.what == units.remedy == ""


@pytest.mark.parametrize(
    ("scale", "unit"),
    [
        (9.80665, "m/s² (divide by 9.80665)"),
        (1000, "milli-g (divide by 1000)"),
        (9806.65, "mm/s² (divide by 9806.65)"),
        (64, "perhaps 64 for 1 g"),
        (256, "perhaps 256 for 1 g"),
        (16384, "perhaps 16384 for 1 g"),
        (360, "raw counts or an unknown unit"),
        (0.1, "raw counts or an unknown unit"),
    ],
)
def test_another_unit_is_wrong_and_guessed(scale: float, unit: str) -> None:
    units = judged(walking(20), still(10), scale=scale)
    assert (units.kind, units.still_seconds) == ("wrong", 10)
    assert units.level_g == pytest.approx(scale, rel=0.01)
    assert unit in units.remedy
    assert "instead of 1 g" in units.what


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        (0.45, "wrong"),
        (0.55, "odd"),
        (0.75, "odd"),
        (0.85, "ok"),
        (1.15, "ok"),
        (1.25, "odd"),
        (1.9, "odd"),
        (2.1, "wrong"),
    ],
)
def test_a_sensor_that_is_off(level: float, kind: str) -> None:
    units = judged(still(10, level, noise=0.005))
    assert units.kind == kind
    assert bool(units.what) == bool(units.remedy) == (kind != "ok")


@pytest.mark.parametrize("scale", [1.0, 9.80665, 1000.0])
@pytest.mark.parametrize("movement", [walking, turning])
def test_movement_is_not_rest(movement: Callable[[int], Acc], scale: float) -> None:
    assert judged(movement(30), scale=scale) == Units(0, None, "unknown")


def test_nothing_is_no_verdict() -> None:
    assert UnitsJudge(50).verdict() == Units(0, None, "unknown")
    assert judged(still(1)[:-1]).kind == "unknown"


def test_free_fall_is_not_a_dead_sensor() -> None:
    falling = rng().normal(0, 0.01, (2 * RATE, 3))
    assert judged(walking(10), falling).kind == "unknown"
    assert judged(still(10), falling).kind == "ok"


def test_a_dead_sensor_is_wrong() -> None:
    units = judged(np.zeros((20 * RATE, 3)))
    assert (units.kind, units.level_g, units.frozen) == ("wrong", 0.0, True)
    assert "dead" in units.what
    assert units.remedy


def test_a_stuck_sensor_is_wrong() -> None:
    units = judged(np.full((20 * RATE, 3), 16.0))
    assert (units.kind, units.frozen) == ("wrong", True)
    assert "without any noise" in units.what


def test_dropouts_filled_with_zeros_do_not_decide() -> None:
    units = judged(np.zeros((20 * RATE, 3)), still(5), walking(5))
    assert (units.kind, units.still_seconds) == ("ok", 5)
    assert judged(walking(20), np.zeros((5 * RATE, 3))).kind == "odd"


def test_a_simulated_rest_without_noise_is_right() -> None:
    assert judged(walking(20), still(5, noise=0)).kind == "ok"


def test_a_scale_that_changes_on_the_way_is_odd() -> None:
    units = judged(walking(12), still(3, level=4, noise=0.04))
    assert units.kind == "odd"
    assert units.level_g == pytest.approx(4, abs=0.01)
    assert "its scale may change on the way" in units.what


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 400 * RATE), max_size=30), st.floats(0.9, 210))
def test_the_cut_into_blocks_changes_nothing(cuts: list[int], rate: float) -> None:
    parts = (still(150), walking(100), still(150, 1.1))
    assert judged(*parts, cuts=cuts, rate=rate) == judged(*parts, rate=rate)


@given(st.integers(-10, 14))
def test_the_unit_does_not_matter_for_what_is_still(power: int) -> None:
    parts = (still(20), walking(20), still(10, 1.1))
    one, other = judged(*parts), judged(*parts, scale=2.0**power)
    assert other.still_seconds == one.still_seconds == 30
    assert other.level_g == one.level_g * 2**power


def test_a_verdict_on_the_way_changes_nothing() -> None:
    acc = np.concatenate([still(30), walking(30)]).astype(np.float32)
    judge = UnitsJudge(RATE)
    for start in range(0, len(acc), 70):
        judge.feed(Block(np.zeros(len(acc[start : start + 70])), acc[start : start + 70]))
        judge.verdict()
    assert judge.verdict() == judged(still(30), walking(30))


def test_memory_is_bounded() -> None:
    judge = UnitsJudge(2)
    day = np.tile(np.array([[0.0, 0.6, 0.8], [0.01, 0.6, 0.8]], np.float32), (2 * KEPT_SECONDS, 1))
    judge.feed(Block(np.zeros(len(day)), day))
    assert judge.verdict().still_seconds == len(judge._tally.live) == len(judge._tally.every) == KEPT_SECONDS


@pytest.mark.parametrize("level", [1e-30, 1e-3, 0.1, 3.0, 16.0, 1e30])
def test_every_level_has_words(level: float) -> None:
    assert guess_unit(level)


@pytest.mark.parametrize(
    ("name", "odd"),
    [("umafall", 4), ("weda_fall", 0), ("chest_casale", 0), ("hmp", 0), ("spar_watch", 0), ("hapt", 0)],
)
def test_no_real_recording_is_in_a_wrong_unit(name: str, odd: int, data: Path) -> None:
    kinds = []
    for recording in read_archive(data / f"{name}.parquet"):
        assert not isinstance(recording, Unusable)
        assert recording.meta.sample_rate_hz is not None
        judge = UnitsJudge(recording.meta.sample_rate_hz)
        for block in recording.blocks():
            judge.feed(block)
        kinds.append(judge.verdict().kind)
    assert kinds.count("wrong") == 0
    assert kinds.count("odd") == odd
