"""Compressed frames come back as they were packed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import FrameError
from falld.sensors.drivers._delta import unpack_deltas

INT16 = st.integers(-32768, 32767)
SAMPLE = st.tuples(INT16, INT16, INT16)


def pack(first: tuple[int, ...], blocks: list[tuple[list[tuple[int, ...]], int]]) -> bytes:
    """What a wearable would send: a whole sample, then blocks of samples, each with bits to spare."""
    data = np.array(first, "<i2").tobytes()
    before = first
    for samples, spare in blocks:
        deltas: list[int] = []
        for sample in samples:
            deltas += [now - then for now, then in zip(sample, before, strict=True)]
            before = sample
        bits = min(17, spare + max(delta.bit_length() if delta >= 0 else (~delta).bit_length() for delta in deltas) + 1)
        packed = sum((delta & (1 << bits) - 1) << i * bits for i, delta in enumerate(deltas))
        data += bytes((bits, len(samples))) + packed.to_bytes((bits * len(deltas) + 7) // 8, "little")
    return data


@settings(deadline=None)
@given(
    first=SAMPLE,
    blocks=st.lists(st.tuples(st.lists(SAMPLE, min_size=1, max_size=9), st.integers(0, 5)), max_size=4),
)
def test_round_trip(first: tuple[int, ...], blocks: list[tuple[list[tuple[int, ...]], int]]) -> None:
    samples = [first, *(sample for block, _ in blocks for sample in block)]
    assert unpack_deltas("polar", pack(first, blocks)).tolist() == [list(sample) for sample in samples]


@settings(deadline=None)
@given(first=SAMPLE, block=st.lists(SAMPLE, min_size=1, max_size=9), data=st.data())
def test_a_frame_cut_off_in_a_block_is_refused(
    first: tuple[int, ...], block: list[tuple[int, ...]], data: st.DataObject
) -> None:
    packed = pack(first, [(block, 0)])
    kept = data.draw(st.sampled_from([n for n in range(len(packed)) if n != 6]))
    with pytest.raises(FrameError):
        unpack_deltas("polar", packed[:kept])


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("00 05", id="a width of no bits"),
        pytest.param("12 01 00000000000000", id="wider than a difference can be"),
        pytest.param("06 00", id="no samples"),
        pytest.param("10 01 FF7F 0000 0000 10 01 FF7F 0000 0000", id="a sum beyond 16 bits"),
    ],
)
def test_an_impossible_block_is_refused(block: str) -> None:
    with pytest.raises(FrameError, match="polar"):
        unpack_deltas("polar", bytes.fromhex("0100 0000 0000" + block))


def test_a_full_block_of_255_samples() -> None:
    rng = np.random.default_rng(1)
    samples = [tuple(int(v) for v in row) for row in rng.integers(-2000, 2000, (256, 3))]
    unpacked = unpack_deltas("polar", pack(samples[0], [(list(samples[1:]), 0)]))
    assert unpacked.tolist() == [list(sample) for sample in samples]
