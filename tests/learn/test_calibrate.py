"""Probabilities that mean what they say."""

from __future__ import annotations

import numpy as np

from falld.learn.calibrate import Calibration, calibrate, cross_fitted, error


def made(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """What an overconfident model says, and what was."""
    rng = np.random.default_rng(2)
    true = rng.normal(-1, 2, n)
    label = (rng.random(n) < 1 / (1 + np.exp(-true))).astype(np.int64)
    return 1 / (1 + np.exp(-(true - 0.5) / 0.5)), label


def test_a_sigmoid_is_found_again() -> None:
    said, label = made()
    found = calibrate(said, label)
    assert abs(found.scale - 0.5) < 0.03
    assert abs(found.shift - 0.5) < 0.1


def test_it_errs_less_and_keeps_the_order() -> None:
    said, label = made()
    after = cross_fitted(said, label, np.arange(len(said)) % 5)
    assert error(after, label) < 0.02 < error(said, label)
    one = Calibration(0.5, 0.5)(said)
    assert (np.argsort(one, kind="stable") == np.argsort(said, kind="stable")).all()
