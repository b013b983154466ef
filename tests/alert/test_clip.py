"""Samples to a clip message and back."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from falld.alert.clip import MAX_ROWS, NO_SAMPLE, decode, encode, samples
from falld.alert.wire import Clip, parse

G = st.floats(-32.75, 32.75, width=32) | st.just(float("nan"))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 60), st.just(3)), elements=G), st.data())
def test_samples_come_back_to_half_a_milli_g_and_gaps_as_gaps(acc: np.ndarray, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(acc) - 1))
    acc[index] = np.nan_to_num(acc[index])
    clip = parse(Clip, encode(50.0, index, acc).payload(), "t")
    back = decode(clip)
    gone = np.isnan(acc).any(axis=1)
    assert (clip.rate_hz, clip.impact_index, back.shape) == (50.0, index, acc.shape)
    assert np.isnan(back[gone]).all()
    assert np.abs(back[~gone] - acc[~gone]).max(initial=0) <= 0.0005 + 1e-5
    assert encode(50.0, index, back) == clip
    t, there = samples(clip)
    assert np.array_equal(t, np.flatnonzero(~gone) / 50)
    assert np.array_equal(there, back[~gone])


def test_it_is_little_endian_milli_g_row_by_row() -> None:
    acc = np.array([[0, -0.25, 1], [np.nan, 0, 0], [99, -99, np.inf]], np.float32)
    said = json.loads(encode(50.0, 0, acc).payload())
    assert said.keys() == {"rate_hz", "impact_index", "acc_mg"}
    rows = np.frombuffer(base64.b64decode(said["acc_mg"]), "<i2").reshape(-1, 3)
    assert rows.tolist() == [[0, -250, 1000], [NO_SAMPLE] * 3, [32767, -32767, 32767]]


def test_the_largest_fits_and_more_is_refused() -> None:
    largest = encode(9999.123456789, MAX_ROWS - 1, np.ones((MAX_ROWS, 3), np.float32))
    assert Clip.max_bytes - 128 <= len(largest.payload()) <= Clip.max_bytes
    assert len(decode(parse(Clip, largest.payload(), "t"))) == MAX_ROWS
    with pytest.raises(ValueError, match="8177 samples are more than the 8176 of a clip"):
        encode(50.0, 0, np.ones((MAX_ROWS + 1, 3), np.float32))
    with pytest.raises(ValidationError, match="beyond the samples"):
        encode(50.0, 3, np.ones((3, 3), np.float32))
    with pytest.raises(ValidationError, match="no sample at impact_index"):
        encode(50.0, 0, np.full((3, 3), np.nan, np.float32))


def test_a_minute_at_50_hz_is_24_kb() -> None:
    assert len(encode(50.0, 1000, np.ones((3000, 3), np.float32)).payload()) == pytest.approx(24_060, abs=20)
