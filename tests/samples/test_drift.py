"""Offset and drift: what the arrivals of least delay say, and that no others matter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.samples.drift import LeastDelay

Times = npt.NDArray[np.float64]
OFFSET = 86_400.0


def follow(delay: LeastDelay, device: Times, arrived: Times) -> Times:
    """Host times that were told as the samples arrived."""
    told = np.empty(len(device))
    for i, (d, a) in enumerate(zip(device.tolist(), arrived.tolist(), strict=True)):
        delay.add(d, a)
        told[i] = delay.at(d)
    return told


@given(st.floats(-0.02, 0.02), st.floats(0.05, 1.0))
@settings(max_examples=30, deadline=None)
def test_without_delay_it_is_the_clock(skew: float, every: float) -> None:
    device = np.arange(0.0, 40.0, every)
    host = OFFSET + device * (1 + skew)
    delay = LeastDelay(256.0, 256.0)
    told = follow(delay, device, host)
    settled = device > 15.0
    np.testing.assert_allclose(told[settled], host[settled], atol=1e-6)
    assert delay.skew == pytest.approx(skew, abs=1e-8)
    assert delay.device(delay.at(12.5)) == pytest.approx(12.5, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(-0.02, 0.02))
@settings(max_examples=30, deadline=None)
def test_no_arrival_is_early(seed: int, skew: float) -> None:
    rng = np.random.default_rng(seed)
    device = np.cumsum(rng.uniform(0.02, 0.4, 300))
    arrived = np.maximum.accumulate(OFFSET + device * (1 + skew) + rng.uniform(0, 0.3, 300))
    delay = LeastDelay(256.0, 256.0)
    told = follow(delay, device, arrived)
    assert (told <= arrived + 1e-9).all()


@given(st.integers(0, 2**32 - 1), st.floats(-2e-4, 2e-4), st.floats(0.0, 0.02))
@settings(max_examples=20, deadline=None)
def test_one_prompt_arrival_a_second_is_enough(seed: int, skew: float, least: float) -> None:
    """Of ten arrivals a second one is within 2 ms of the least delay, and nine are up to 0.3 s late."""
    rng = np.random.default_rng(seed)
    device = np.arange(0.0, 120.0, 0.1)
    late = rng.uniform(0.0, 0.3, len(device))
    late[rng.integers(0, 10) :: 10] = rng.uniform(0.0, 2e-3, len(late) // 10)
    host = OFFSET + device * (1 + skew)
    delay = LeastDelay(256.0, 256.0)
    error = follow(delay, device, host + least + late) - host - least
    assert np.abs(error[device > 15.0]).max() < 0.010
    assert np.abs(error[device > 60.0]).max() < 0.004
    assert delay.drift == pytest.approx(skew, abs=50e-6)


def test_a_longer_least_delay_is_learnt_within_the_horizon() -> None:
    device = np.arange(0.0, 700.0, 0.5)
    host = OFFSET + device
    delay = LeastDelay(256.0, 256.0)
    error = follow(delay, device, host + np.where(device < 300.0, 0.01, 0.06)) - host
    assert np.abs(error[device < 300.0] - 0.01).max() < 1e-6
    assert error.min() > 0.009
    assert np.abs(error[device > 300.0 + 262.0] - 0.06).max() < 2e-3, "a stretch is 4 s"


def test_where_device_time_slips_the_level_follows_at_once() -> None:
    device = np.arange(0.0, 120.0, 0.1)
    slips = 0.1 * np.floor(device / 30.0)
    host = OFFSET + device + slips
    delay = LeastDelay(32.0, 4.0)
    error = follow(delay, device, host) - host
    since = device % 30.0
    assert np.abs(error[since > 5.0]).max() < 0.02
    assert error.max() < 0.02


def test_a_new_connection_keeps_the_drift_alone() -> None:
    device = np.arange(0.0, 120.0, 0.1)
    delay = LeastDelay(256.0, 256.0)
    follow(delay, device, OFFSET + device * 1.0001)
    told = delay.drift
    delay.begin()
    delay.add(5.0, 90_000.0)
    assert delay.at(5.0) == 90_000.0
    assert delay.at(15.0) == pytest.approx(90_010.001, abs=1e-6)
    assert delay.drift == told == pytest.approx(1e-4, abs=1e-8)


def test_no_drift_is_told_before_it_is_known() -> None:
    device = np.arange(0.0, 60.0, 0.1)
    delay = LeastDelay(256.0, 256.0)
    follow(delay, device, device)
    assert delay.drift is None
