"""Gravity as a ruler: a sensor that is off comes back, and nothing else is moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.detect.gravity import MOST_GAIN, MOST_OFFSET_G, Gravity
from falld.detect.walk import EVERY, LENGTH, Looks, look

Vectors = npt.NDArray[np.float64]


def looked(acc: Vectors) -> Looks:
    """At samples of 50 Hz."""
    samples = acc.astype(np.float32)
    return look(samples, np.linalg.norm(samples, axis=1).astype(np.float32), np.arange(len(acc)) / 50, 0, 0)


def directions(n: int, seed: int = 0) -> Vectors:
    found = np.random.default_rng(seed).normal(size=(n, 3))
    found /= np.linalg.norm(found, axis=1)[:, None]
    return found


def lying(towards: Vectors, *, gain: Vectors | float = 1.0, zero: Vectors | float = 0.0, noise: float = 0.005) -> Looks:
    """A sensor that lies for two minutes in each direction, one after another."""
    true = np.repeat(towards, LENGTH + 120 * EVERY, axis=0)
    return looked(true * gain + zero + np.random.default_rng(1).normal(0, noise, true.shape))


def learnt(looks: Looks) -> Gravity:
    gravity = Gravity()
    gravity.see(looks, 0, len(looks.done))
    return gravity


def length_errors(gravity: Gravity, gain: Vectors | float, zero: Vectors | float) -> Vectors:
    """Of a thousand directions, once corrected."""
    true = directions(1000, 7)
    return np.abs(gravity.correct((true * gain + zero).astype(np.float32)) - true)


@pytest.mark.parametrize(
    ("gain", "zero"),
    [
        ([1.06, 1.06, 1.06], [0.06, 0.06, 0.06]),
        ([1.06, 0.94, 1.0], [0.06, -0.06, 0.0]),
        ([0.94, 1.0, 1.06], [-0.06, 0.0, 0.06]),
    ],
)
@pytest.mark.parametrize("n", [16, 40])
def test_a_sensor_that_is_off_comes_back(gain: list[float], zero: list[float], n: int) -> None:
    gravity = learnt(lying(directions(n), gain=np.array(gain), zero=np.array(zero)))
    offset, scale = gravity.correction
    np.testing.assert_allclose(scale * gain, 1, atol=0.01)
    np.testing.assert_allclose(offset, zero, atol=0.01)
    assert length_errors(gravity, np.array(gain), np.array(zero)).max() < 0.02


@pytest.mark.parametrize("n", [1, 2, 4, 30])
def test_a_perfect_sensor_is_left_nearly_alone(n: int) -> None:
    offset, scale = learnt(lying(directions(n), noise=0.01)).correction
    assert np.abs(offset).max() < 0.002
    assert np.abs(scale - 1).max() < 0.002


def test_nothing_seen_changes_not_a_bit() -> None:
    acc = directions(50).astype(np.float32)
    assert Gravity().correct(acc).tobytes() == acc.tobytes()


@pytest.mark.parametrize("sign", [1, -1])
def test_one_direction_makes_the_opposite_one_no_worse(sign: int) -> None:
    up = np.array([[0.0, 0.0, 1.0]])
    for gain, zero in ((1.06, 0.0), (1.0, np.array([0, 0, 0.06]))):
        gravity = learnt(lying(up, gain=gain, zero=zero))
        assert abs(np.linalg.norm(gravity.correct((up * gain + zero).astype(np.float32))) - 1) < 0.012
        measured = sign * up * gain + zero
        before, after = (abs(np.linalg.norm(v) - 1) for v in (measured, gravity.correct(measured.astype(np.float32))))
        assert after < before + 0.001


def within_limits(gravity: Gravity) -> bool:
    offset, scale = gravity.correction
    return bool((np.abs(offset) <= MOST_OFFSET_G).all() and (np.abs(scale - 1) <= MOST_GAIN + 1e-12).all())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-2, 2, width=32)] * 3), min_size=1, max_size=12),
    st.integers(1, 400),
)
def test_no_stillness_moves_it_beyond_its_limits(vectors: list[tuple[float, ...]], times: int) -> None:
    posture = np.repeat(np.array(vectors, np.float32), times, axis=0)
    n = len(posture)
    looks = Looks(np.arange(n), np.arange(n, dtype=np.float64), np.arange(n), posture, np.ones(n, np.float32))
    looks.posture, looks.spread = posture, np.zeros(n, np.float32)
    assert within_limits(learnt(looks))


def test_the_worst_sensor_is_moved_to_the_limits_and_not_beyond() -> None:
    gravity = learnt(lying(directions(30), gain=0.8, zero=0.0))
    assert within_limits(gravity)
    assert gravity.correction[1].max() == pytest.approx(1 + MOST_GAIN)


@pytest.mark.parametrize("stuck", [(0, 0, 0), (2, 2, 2), (16, -16, 16), (np.nan, 0, 1)])
def test_a_stuck_sensor_teaches_nothing(stuck: tuple[float, ...]) -> None:
    offset, scale = learnt(looked(np.tile(np.array(stuck, float), (2000, 1)))).correction
    assert (offset.tolist(), scale.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_a_sensor_that_is_never_still_is_left_alone() -> None:
    offset, scale = learnt(lying(directions(10), gain=1.06, noise=0.04)).correction
    assert (offset.tolist(), scale.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_it_goes_on_with_what_was_kept() -> None:
    looks = lying(directions(6), gain=1.05, zero=0.03)
    whole, first, second = learnt(looks), Gravity(), Gravity()
    first.see(looks, 0, 400)
    assert within_limits(first)  # a fit on the way changes nothing
    second.restore(first.dump())
    second.see(looks, 400, len(looks.done))
    for a, b in zip(second.correction, whole.correction, strict=True):
        assert a.tobytes() == b.tobytes()
