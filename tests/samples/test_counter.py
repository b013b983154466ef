"""The counter: how far it went, whatever was lost, held back or wrapped, and when it was reset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falld.samples.counter import Counter

COUNTERS = [(50.0, 8), (100.0, 8), (125.0, 16), (1e3, 16), (1e3, 32), (1e6, 32), (1e9, 64)]


@given(st.sampled_from(COUNTERS), st.integers(0, 2**64 - 1), st.data())
def test_however_many_wraps_a_loss_hides(counter: tuple[float, int], start: int, data: st.DataObject) -> None:
    hz, bits = counter
    unwrapped = Counter(hz, bits)
    unwrapped.begin(start % 2**bits)
    total = start
    for elapsed in data.draw(st.lists(st.floats(1e-3, 40.0), min_size=1, max_size=20)):
        ticks = round(elapsed * hz)
        late = data.draw(st.floats(0.0, 0.3))
        total += ticks
        assert unwrapped.step(total % 2**bits, elapsed + late) == ticks


@given(st.sampled_from(COUNTERS), st.floats(0.02, 2.0), st.floats(0.0, 10.0))
def test_a_frame_held_back_is_late_and_not_lost(counter: tuple[float, int], step: float, held: float) -> None:
    hz, bits = counter
    unwrapped = Counter(hz, bits)
    unwrapped.begin(0)
    ticks = round(step * hz)
    late = min(held, 10.0 - 1e-3, (2**bits / hz) * 0.66)
    assert unwrapped.step(ticks % 2**bits, ticks / hz + late) == ticks


@given(st.integers(10**8, 2**32 - 1), st.integers(0, 80 * 10**6), st.floats(0.02, 5.0))
def test_a_reset_is_told_apart(last: int, after: int, elapsed: float) -> None:
    unwrapped = Counter(1e6, 32)
    unwrapped.begin(last)
    assert unwrapped.step(after, elapsed) is None or (after - last) % 2**32 <= 9e6, "it was not on its way to a wrap"


def test_it_counts_on_after_a_reset() -> None:
    unwrapped = Counter(1e6, 32)
    unwrapped.begin(3_000_000_000)
    assert unwrapped.step(20_000, 0.02) is None
    assert unwrapped.step(40_000, 0.02) == 20_000


def test_a_tick_that_steps_back_is_a_reset() -> None:
    for hz, bits in COUNTERS:
        unwrapped = Counter(hz, bits)
        unwrapped.begin(100)
        assert unwrapped.step(99, 0.02) is None


def test_a_tick_may_come_twice() -> None:
    unwrapped = Counter(125.0, 16)
    unwrapped.begin(7)
    assert unwrapped.step(7, 0.004) == 0


def test_one_that_wraps_within_its_jitter_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bits at 1000 Hz"):
        Counter(1e3, 8)
