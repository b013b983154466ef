"""The impact gate and the windows it cuts."""

from __future__ import annotations

import numpy as np
import pytest

from falld.detect.explain import explain
from falld.detect.features import features
from falld.detect.window import APART, GATE_G, POST, PRE, Windows, cut, impacts


def magnitude(**peaks: float) -> np.ndarray:
    m = np.ones(600, np.float32)
    for at, value in peaks.items():
        m[int(at[1:])] = value
    return m


def test_an_impact_is_the_largest_within_a_second() -> None:
    m = magnitude(_100=2.0, _140=3.0, _189=2.9, _240=2.5)
    assert impacts(m, 0, 600).tolist() == [140, 240]


def test_the_first_of_equal_ones_counts_as_clipped_impacts_are_flat() -> None:
    m = magnitude(_100=2.0, _101=2.0, _102=2.0)
    assert impacts(m, 0, 600).tolist() == [100]


def test_below_the_gate_there_is_none() -> None:
    below = float(np.nextafter(np.float32(GATE_G), np.float32(0)))
    assert impacts(magnitude(_100=below), 0, 600).tolist() == []
    assert impacts(magnitude(_100=GATE_G + 1e-6), 0, 600).tolist() == [100]


def test_only_what_is_asked_for_is_judged() -> None:
    m = magnitude(_100=2.0, _300=2.0)
    assert impacts(m, 101, 600).tolist() == [300]
    assert impacts(m, 100, 300).tolist() == [100]
    assert impacts(m[:120], 0, 120).tolist() == [100]


def test_a_window_beyond_the_ends_shows_the_posture_there() -> None:
    acc = np.zeros((200, 3), np.float32)
    acc[:, 2] = 1
    acc[100:, 0], acc[100:, 2] = 1, 0
    windows = cut(acc, np.array([100]))
    assert windows.acc.shape == (1, PRE + 1 + POST, 3)
    np.testing.assert_array_equal(windows.acc[0, : PRE - 100], np.tile([0, 0, 1], (PRE - 100, 1)))
    np.testing.assert_array_equal(windows.acc[0, -(POST - 99) :], np.tile([1, 0, 0], (POST - 99, 1)))


def test_features_are_the_same_alone_and_in_a_batch() -> None:
    acc = np.random.default_rng(0).normal(0, 1, (37, PRE + 1 + POST, 3)).astype(np.float32)
    together, names = features(Windows(acc), "wrist")
    assert together.shape == (37, len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(together).all()
    for i in range(37):
        alone, _ = features(Windows(acc[i : i + 1]), "wrist")
        np.testing.assert_array_equal(alone[0], together[i])


def test_features_do_not_know_how_the_sensor_is_turned() -> None:
    rng = np.random.default_rng(1)
    acc = rng.normal(0, 0.4, (20, PRE + 1 + POST, 3)) + np.array([0, 0, 1])
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    before, names = features(Windows(acc.astype(np.float32)), "waist")
    after, _ = features(Windows((acc @ q.T).astype(np.float32)), "waist")
    counts = [i for i, name in enumerate(names) if name.startswith(("peaks", "time", "lowest"))]
    smooth = [i for i in range(len(names)) if i not in counts]
    np.testing.assert_allclose(after[:, smooth], before[:, smooth], atol=2e-5)


def test_no_feature_is_shaken_by_dead_or_clipped_samples() -> None:
    for value in (0.0, 16.0):
        found, _ = features(Windows(np.full((2, PRE + 1 + POST, 3), value, np.float32)), "unknown")
        assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("peak", "lying", "moving", "words"),
    [
        (5.2, True, False, "hard impact 5.2 g, turned by 90°, still since"),
        (2.0, False, True, "impact 2.0 g, posture as before, moving since"),
    ],
)
def test_an_explanation_names_what_a_responder_would_ask(peak: float, lying: bool, moving: bool, words: str) -> None:
    acc = np.zeros((PRE + 1 + POST, 3), np.float32)
    acc[:, 2] = 1
    if lying:
        acc[PRE:] = [1, 0, 0]
    if moving:
        acc[PRE + 1 :, 2] += 0.3 * np.sin(np.arange(POST))
    acc[PRE] = [0, 0, peak]
    assert explain(acc) == words


def test_apart_is_a_second() -> None:
    assert APART / 50 == 1.0
