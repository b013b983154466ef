"""What the copies of an impact keep, whatever happens to them."""

from __future__ import annotations

import numpy as np
import pytest

from falld.detect.window import POST, PRE
from falld.learn.augment import Acc, another, begin, clip, cut, pace, remount, slip, slow, splice

WIDTH = PRE + 1 + POST


@pytest.fixture
def acc() -> Acc:
    """Standing, an impact, lying on another side; 40 times with other noise and other mounts."""
    rng = np.random.default_rng(5)
    one = np.zeros((WIDTH, 3), np.float32)
    one[:PRE, 2] = 1
    one[PRE] = (2.5, 1.5, 0.5)
    one[PRE + 1 :, 0] = 1
    return remount(np.repeat(one[None], 40, axis=0), rng) + rng.normal(0, 0.02, (40, WIDTH, 3)).astype(np.float32)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def length(acc: Acc) -> Acc:
    found: Acc = np.linalg.norm(acc, axis=-1)
    return found


def test_the_same_chance_gives_the_same_copies(acc: Acc) -> None:
    donor = np.roll(np.arange(len(acc)), 1)
    first, second = another(acc, donor, rng()), another(acc, donor, rng())
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.allclose(first[0], acc)
    assert first[0].shape == acc.shape
    assert first[0].dtype == np.float32
    assert np.isfinite(first[0]).all()


def test_what_the_gate_would_not_pass_is_told(acc: Acc) -> None:
    _, passes = another(acc * np.float32(0.4), np.full(len(acc), -1), rng())
    assert not passes.any()
    _, passes = another(acc, np.full(len(acc), -1), rng())
    assert passes.mean() > 0.7


def test_a_turn_keeps_every_length(acc: Acc) -> None:
    for way in (remount, slip):
        np.testing.assert_allclose(length(way(acc, rng())), length(acc), atol=1e-5)


def test_a_strap_slips_after_the_impact_alone(acc: Acc) -> None:
    slipped = slip(acc, rng())
    np.testing.assert_array_equal(slipped[:, : PRE + 5], acc[:, : PRE + 5])
    assert (length(slipped[:, PRE + 5 :] - acc[:, PRE + 5 :]).max(axis=1) > 0.05).mean() > 0.7


def test_a_range_limits_each_axis(acc: Acc) -> None:
    largest = np.abs(clip(acc * np.float32(10), rng())).max(axis=(1, 2))
    assert set(np.round(largest[largest <= 8], 4)) == {2.0, 4.0, 8.0}
    assert (largest > 8).any()


def test_half_the_rate_keeps_every_second_sample(acc: Acc) -> None:
    for before, after in zip(acc, slow(acc, rng()), strict=True):
        kept = (before == after).all(axis=1)
        assert kept[::2].all() or kept[1::2].all()
        assert not kept.all()


def test_an_early_end_holds_a_mean(acc: Acc) -> None:
    ended = cut(acc, rng())
    assert (ended[:, -1] == ended[:, -2]).all()
    np.testing.assert_array_equal(ended[:, : PRE + 5], acc[:, : PRE + 5])


def test_a_late_start_holds_a_mean(acc: Acc) -> None:
    begun = begin(acc, rng())
    assert (begun[:, 0] == begun[:, 1]).all()
    np.testing.assert_array_equal(begun[:, PRE - 15 :], acc[:, PRE - 15 :])


def test_another_pace_keeps_the_impact_near(acc: Acc) -> None:
    assert np.abs(length(pace(acc, rng())).argmax(axis=1) - PRE).max() <= 3


def test_another_life_ends_before_the_impact_and_gravity_goes_on(acc: Acc) -> None:
    life = remount(np.repeat(np.float32([[[0, 1, 0]]]), WIDTH, axis=1).repeat(len(acc), axis=0), rng())
    spliced = splice(acc, life, rng())
    np.testing.assert_array_equal(spliced[:, PRE - 24 :], acc[:, PRE - 24 :])
    np.testing.assert_allclose(length(spliced[:, :50]), 1, atol=1e-5)
    before, after = spliced[:, :50].mean(axis=1), acc[:, PRE - 60 : PRE - 30].mean(axis=1)
    assert (np.einsum("ni,ni->n", before, after) / length(before) / length(after) > 0.99).all()
