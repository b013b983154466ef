"""The stories, and the recordings of them that are shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording
from falld.samples.recording import Meta
from falld.simulate.recording import perform, simulate
from falld.simulate.rotation import Floats
from falld.simulate.scenes import GAP_S, SCENES
from falld.simulate.sensor import BITS

SHIPPED = Path(__file__).resolve().parents[2] / "recordings"
FALLS = [name for name, scene in SCENES.items() if name.startswith("fall-")]
Made = tuple[Meta, Block]


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    return {name: simulate(scene) for name, scene in SCENES.items()}


def magnitude(block: Block, start: float = 0.0, end: float = 1e9) -> Floats:
    inside = (block.t >= start) & (block.t < end)
    size: Floats = np.linalg.norm(block.acc[inside].astype(np.float64), axis=1)
    return size


def turned(block: Block, before: tuple[float, float], after: tuple[float, float]) -> float:
    """Degrees between the mean directions of two spans."""
    one, two = (block.acc[(block.t >= a) & (block.t < b)].mean(axis=0) for a, b in (before, after))
    return float(np.degrees(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two))))


@pytest.mark.parametrize("name", SCENES)
def test_the_shipped_recording_is_what_the_scene_makes(name: str, made: dict[str, Made]) -> None:
    meta, block = made[name]
    shipped = CsvRecording(SHIPPED / f"{name}.csv.gz")
    (read,) = shipped.blocks()
    assert_allclose(read.t, block.t, atol=2e-6)
    # another processor may round the last bit otherwise, and with it one count in a thousand
    off = np.abs(read.acc - block.acc)
    count = 2.0 * (meta.range_g or 0.0) / 2**BITS
    assert off.max() < 1.01 * count
    assert (off > 1e-5).mean() < 0.001
    assert shipped.meta.simulated
    assert shipped.meta.source == "falld simulate"
    assert shipped.meta.falls == meta.falls
    assert shipped.meta.events == meta.events
    assert (shipped.meta.placement, shipped.meta.sample_rate_hz) == (meta.placement, meta.sample_rate_hz)


def test_nothing_else_is_shipped() -> None:
    assert {path.name.split(".")[0] for path in SHIPPED.glob("*.csv*")} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_recordings_are_short_and_believable(name: str, made: dict[str, Made]) -> None:
    meta, block = made[name]
    assert 12.0 < block.t[-1] < 25.0
    assert len(block) * 40 < 150_000
    assert np.median(magnitude(block)) == pytest.approx(1.0, abs=0.12)
    assert meta.is_fall == bool(meta.falls) == name.startswith("fall-")


@pytest.mark.parametrize("name", FALLS)
def test_a_fall_has_life_before_it_and_rest_after_it(name: str, made: dict[str, Made]) -> None:
    meta, block = made[name]
    (fall,) = meta.falls
    assert fall.onset_s is not None
    assert fall.impact_s is not None
    assert fall.onset_s >= 4.0
    assert 0.5 < fall.impact_s - fall.onset_s < 2.0
    assert block.t[-1] - fall.impact_s > 6.0
    around = magnitude(block, fall.impact_s - 0.4, fall.impact_s + 0.5)
    assert around.max() == magnitude(block).max()
    assert 2.5 < around.max() < 12.0


@pytest.mark.parametrize("name", [name for name in FALLS if name.endswith(("-waist", "-chest", "-2g"))])
def test_who_has_fallen_lies(name: str, made: dict[str, Made]) -> None:
    meta, block = made[name]
    (fall,) = meta.falls
    assert fall.onset_s is not None
    assert fall.impact_s is not None
    end = fall.impact_s + 4.0 if name == "fall-recovered-waist" else block.t[-1]
    assert 60.0 < turned(block, (fall.onset_s - 2.0, fall.onset_s), (end - 1.0, end)) < 120.0


def test_daily_life_looks_like_itself(made: dict[str, Made]) -> None:
    walking = magnitude(made["sit-down-hard-waist"][1], 1.0, 3.8)
    assert 1.2 < walking.max() < 1.7
    assert 0.6 < walking.min() < 0.95
    assert 1.6 < magnitude(made["sit-down-hard-waist"][1]).max() < 3.3
    assert magnitude(made["lie-down-waist"][1]).max() < 2.0
    assert 60.0 < turned(made["lie-down-waist"][1], (4.0, 4.4), (14.0, 16.0)) < 110.0
    assert magnitude(made["jump-waist"][1]).min() < 0.25
    assert 2.5 < magnitude(made["jump-waist"][1]).max() < 6.0
    assert 1.2 < magnitude(made["walk-wrist"][1]).max() < 2.5
    assert (magnitude(made["clap-and-table-wrist"][1]) > 3.0).sum() >= 11
    assert 1.8 < magnitude(made["stumble-waist"][1]).max() < 3.5


def test_the_narrow_sensor_clips(made: dict[str, Made]) -> None:
    assert np.abs(made["fall-side-thigh-2g"][1].acc).max() >= np.float32(2.0 - 0.001)


def test_cancel_comes_four_seconds_after_the_impact(made: dict[str, Made]) -> None:
    meta, block = made["fall-cancelled-waist"]
    (mark,), (fall,) = meta.events, meta.falls
    assert fall.impact_s is not None
    assert mark.kind == "cancel"
    assert mark.t_s == pytest.approx(fall.impact_s + 4.0)
    assert mark.t_s < block.t[-1] - 3.0


def test_defects_are_where_they_belong(made: dict[str, Made]) -> None:
    meta, block = made["fall-gap-after-impact-waist"]
    steps = np.diff(block.t)
    assert steps.max() == pytest.approx(GAP_S, abs=0.03)
    assert block.t[steps.argmax()] == pytest.approx((meta.falls[0].impact_s or 0.0) + 1.0, abs=0.02)
    batched = np.diff(made["fall-batched-jitter-wrist"][1].t)
    assert (batched == 0.0).mean() > 0.7


def test_what_the_wearer_does_depends_on_the_seed_and_not_on_the_sensor(made: dict[str, Made]) -> None:
    scene = SCENES["stumble-waist"]
    again, other = perform(scene).motion(), perform(replace(scene, seed=99)).motion()
    assert again.tobytes() == perform(replace(scene, placement="wrist")).motion().tobytes()
    assert again.tobytes() != other.tobytes()


def test_every_story_says_what_happens() -> None:
    assert all(len(scene.what) > 15 for scene in SCENES.values())
