"""Falls that are put into the middle of somebody's life."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from falld.learn.scenes import AFTER_S, BEFORE_S, RISE_S, SCENES, Lives, Scene, turned
from falld.samples.block import Block
from falld.samples.recording import FallSpan, Meta

RATE = 50.0
UP, DOWN = np.array([0, 0, 1], np.float32), np.array([1, 0, 0], np.float32)


@dataclass(frozen=True, slots=True)
class Made:
    meta: Meta
    acc: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    source: str = "made"
    number: int | None = 1

    def blocks(self) -> Iterator[Block]:
        for start in range(0, len(self.acc), 60):
            part = self.acc[start : start + 60]
            yield Block((start + np.arange(len(part))) / RATE, part)


def person(activity: str, acc: np.ndarray[tuple[int, int], np.dtype[np.float32]], subject: str = "SA01") -> Made:
    meta = Meta("waist", subject=subject, source="sisfall", activity=activity, is_fall=False, sample_rate_hz=RATE)
    return Made(meta, acc)


def fall() -> Made:
    acc = np.concatenate((np.tile(UP, (150, 1)), 4 * np.tile(DOWN, (5, 1)), np.tile(DOWN, (150, 1))))
    made = person("F01", acc)
    return replace(made, meta=replace(made.meta, is_fall=True, falls=(FallSpan(2.8, 3.0),)))


def lives() -> Lives:
    t = np.arange(3000) / RATE
    steps = DOWN * (1 + 0.4 * np.sin(2 * np.pi * 2 * t))[:, None]  # the wearable hangs the other way round
    return Lives.of([fall(), person("D01", steps.astype(np.float32)), person("D05", np.tile(DOWN, (2000, 1)))])


@pytest.mark.parametrize("ends", SCENES)
def test_the_fall_is_in_the_middle_and_keeps_its_clock(ends: str) -> None:
    blocks = list(lives().scene(fall(), ends).blocks())
    t, acc = np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks])
    np.testing.assert_allclose(np.diff(t), 1 / RATE, atol=1e-9)
    np.testing.assert_array_equal(acc[(t > -1e-6) & (t < 6.1 - 1e-6)], fall().acc)
    assert t[0] == pytest.approx(-BEFORE_S)
    assert t[-1] == pytest.approx(6.08 + AFTER_S + (RISE_S if ends == "walks away" else 0))
    np.testing.assert_allclose(
        acc[t < 0].mean(axis=0), UP, atol=0.2, err_msg="life before it is turned to how the fall begins"
    )
    again = np.concatenate([b.acc for b in lives().scene(fall(), ends).blocks()])
    np.testing.assert_array_equal(acc, again)


def test_somebody_lies_still_or_walks_as_they_stood() -> None:
    down, up = (
        np.concatenate([b.acc for b in lives().scene(fall(), ends).blocks()])[-round(30 * RATE) :] for ends in SCENES
    )
    assert np.abs(down - DOWN).max() < 0.1
    np.testing.assert_allclose(up.mean(axis=0), UP, atol=0.05)
    assert np.linalg.norm(up, axis=1).std() > 0.2


def test_a_scene_needs_the_walking_of_the_same_person() -> None:
    made, stranger = fall(), replace(fall(), meta=replace(fall().meta, subject="SA02"))
    assert isinstance(lives().scene(made, SCENES[0]), Scene)
    assert lives().scene(stranger, SCENES[0]) is stranger
    nobody_falls = person("D05", fall().acc)
    assert lives().scene(nobody_falls, SCENES[0]) is nobody_falls


def test_parts_of_different_scales_are_not_put_together() -> None:
    counts = Lives.of([person("D01", 300 * np.tile(UP, (3000, 1)))])
    made = fall()
    assert counts.scene(made, SCENES[1]) is made


def test_turned_aligns_the_means() -> None:
    acc = np.tile(DOWN, (20, 1)) + np.random.default_rng(1).normal(0, 0.1, (20, 3)).astype(np.float32)
    new = turned(acc, acc, UP[None])
    np.testing.assert_allclose(np.linalg.norm(new, axis=1), np.linalg.norm(acc, axis=1), atol=1e-5)
    mean = new.mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), UP, atol=1e-5)
