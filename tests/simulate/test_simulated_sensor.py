"""What the simulated sensor and its radio do to a known signal."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from falld.samples.block import Block
from falld.simulate.rotation import Floats
from falld.simulate.sensor import BITS, NOISE_G, Sensor, record

SECONDS = 5


def upright(seconds: float = SECONDS) -> Floats:
    return np.tile([0.0, 0.0, 1.0], (round(seconds * 1000), 1))


def taken(sensor: Sensor, felt: Floats | None = None, seed: int = 1) -> Block:
    return record(upright() if felt is None else felt, sensor, np.random.default_rng(seed))


def test_an_ideal_sensor_adds_nothing_to_rest() -> None:
    block = taken(Sensor(ideal=True))
    assert_array_equal(block.acc, np.tile(np.array([0.0, 0.0, 1.0], np.float32), (len(block), 1)))
    assert_allclose(np.diff(block.t), 0.01, atol=2e-6)


def test_a_real_one_errs_by_offset_gain_and_noise_and_hangs_any_way_up() -> None:
    lengths, ups = [], []
    for seed in range(30):
        acc = taken(Sensor(), seed=seed).acc.astype(np.float64)
        lengths.append(np.linalg.norm(acc.mean(axis=0)))
        ups.append(acc.mean(axis=0))
        assert acc.std(axis=0).max() < 3.0 * NOISE_G * np.sqrt(40.5) + 2.0 * 8.0 / 2**BITS
    assert 0.01 < np.std(lengths) < 0.1
    assert np.std(ups) > 0.4


def test_it_clips_at_its_range_and_keeps_whole_counts() -> None:
    felt = upright()
    felt[2000:2300, 2] = 12.0
    block = taken(Sensor(range_g=2.0, ideal=True), felt)
    step = 4.0 / 2**BITS
    assert block.acc.max() == np.float32(2.0 - step)
    assert_allclose(block.acc / step, np.round(block.acc / step), atol=1e-4)


@pytest.mark.parametrize(("hz", "passed"), [(2.0, 1.0), (20.25, np.sqrt(0.5))])
def test_its_filter_passes_what_the_rate_can_carry(hz: float, passed: float) -> None:
    felt = upright(20)
    felt[:, 0] = np.sin(2.0 * np.pi * hz * np.arange(20000) / 1000.0)
    x = taken(Sensor(rate_hz=50.0, ideal=True), felt).acc[250:, 0]
    assert np.sqrt(2.0) * x.std() == pytest.approx(passed, rel=0.06)


def test_jitter_keeps_the_order_of_stamps() -> None:
    steps = np.diff(taken(Sensor(rate_hz=50.0, jitter_s=0.02)).t)
    assert steps.min() > 0.0
    assert steps.std() > 0.003


def test_a_batch_bears_one_stamp_not_before_its_last_sample() -> None:
    block = taken(Sensor(rate_hz=50.0, batch=5))
    packets = block.t[:245].reshape(-1, 5)
    assert np.ptp(packets, axis=1).max() == 0.0
    taken_at = np.arange(4, 245, 5) / 50.0
    assert (packets[:, 0] > taken_at - 0.001).all()
    assert (np.diff(packets[:, 0]) >= 0.0).all()


def test_gaps_and_lost_packets_leave_the_rest_in_place() -> None:
    whole = taken(Sensor(ideal=True))
    holed = taken(Sensor(ideal=True, gaps=((2.0, 1.5),)))
    assert_array_equal(holed.t, whole.t[(whole.t < 2.0) | (whole.t >= 3.5)])
    lossy = taken(Sensor(ideal=True, batch=4, loss=0.3))
    assert 0.5 < len(lossy) / len(whole) < 0.9


def test_the_same_seed_gives_the_same_samples() -> None:
    sensor = Sensor(jitter_s=0.001, loss=0.1)
    one, two, other = taken(sensor), taken(sensor), taken(sensor, seed=2)
    assert one.t.tobytes() == two.t.tobytes()
    assert one.acc.tobytes() == two.acc.tobytes()
    assert one.acc.tobytes() != other.acc.tobytes()
