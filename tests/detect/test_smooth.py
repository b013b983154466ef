"""An impact as it is and smoothed: what a model is shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falld.detect.features import features
from falld.detect.smooth import POINTS, shown, smoothed
from falld.detect.window import GRID_HZ, POST, PRE, Windows


@pytest.fixture
def acc() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(5)
    still = np.tile(np.float32([0, 0, 1]), (7, PRE + 1 + POST, 1))
    return still + rng.normal(0, 0.3, still.shape).astype(np.float32)


@pytest.mark.parametrize(("hz", "least", "most"), [(1.0, 0.97, 1.0), (4.4, 0.68, 0.74), (10.0, 0.0, 0.01)])
def test_what_is_slow_stays_and_what_is_fast_goes(hz: float, least: float, most: float) -> None:
    wave = np.sin(2 * np.pi * hz * np.arange(PRE + 1 + POST) / GRID_HZ + 0.3)
    inner = slice(POINTS, -POINTS)
    left = smoothed(np.tile(wave.astype(np.float32)[None, :, None], 3))[0, inner, 0]
    assert least <= np.std(left) / np.std(wave[inner]) <= most


def test_a_wearable_at_rest_stays_as_it_is() -> None:
    still = np.tile(np.float32([0.25, -0.5, 0.75]), (2, PRE + 1 + POST, 1))
    np.testing.assert_array_equal(smoothed(still), still)


def test_a_window_keeps_its_length_and_is_not_changed_itself(acc: npt.NDArray[np.float32]) -> None:
    before = acc.copy()
    found = smoothed(acc)
    assert found.shape == acc.shape
    np.testing.assert_array_equal(acc, before)
    edge = POINTS // 2
    np.testing.assert_array_equal(found[:, :edge], acc[:, :edge])
    np.testing.assert_array_equal(found[:, -edge:], acc[:, -edge:])
    np.testing.assert_allclose(found[:, edge], acc[:, :POINTS].mean(axis=1), rtol=1e-5, atol=1e-6)


def test_each_impact_is_shown_as_it_is_and_smoothed(acc: npt.NDArray[np.float32]) -> None:
    found = shown(Windows(acc), "wrist")
    np.testing.assert_array_equal(found[:, 0], features(Windows(acc), "wrist")[0])
    np.testing.assert_array_equal(found[:, 1], features(Windows(smoothed(acc)), "wrist")[0])


@given(st.integers(0, 6))
def test_an_impact_is_shown_the_same_in_any_company(number: int) -> None:
    windows = np.random.default_rng(9).normal(0, 1, (7, PRE + 1 + POST, 3)).astype(np.float32)
    alone = shown(Windows(windows[number : number + 1]), "waist")
    np.testing.assert_array_equal(shown(Windows(windows), "waist")[number], alone[0])
