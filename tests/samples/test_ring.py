"""What is cut from a stream's latest stretch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.ring import Cut, Ring
from falld.samples.timeline import TimeLine

GRID = 50.0
STAMPS = Clock("stamps", GRID)


def stream(t: np.ndarray) -> Block:
    """Samples that tell when they were taken."""
    return Block(t, np.stack([t, -t, np.ones_like(t)], axis=1).astype(np.float32))


def at_rest(seconds: float, rate: float = GRID) -> Block:
    return stream(np.arange(0, seconds, 1 / rate))


def ring(*blocks: Block, clock: Clock = STAMPS, hold_s: float = 30.0) -> Ring:
    made = Ring(clock, GRID, hold_s)
    for block in blocks:
        made.feed(block)
    return made


def there(cut: Cut | None) -> Cut:
    assert cut is not None
    return cut


def test_before_and_after_a_moment() -> None:
    cut = there(ring(at_rest(10)).cut(4.0, 100, 50))
    assert (len(cut.acc), cut.at) == (150, 100)
    assert np.allclose(cut.acc[:, 0], np.arange(2.0, 5.0 - 1e-9, 0.02), atol=1e-5)


def test_what_is_not_there_is_left_away() -> None:
    short = ring(at_rest(3))
    cut = there(short.cut(1.0, 100, 500))
    assert cut.at == 50
    assert 149 <= len(cut.acc) <= 150
    short.flush()
    assert len(there(short.cut(1.0, 100, 500)).acc) == 150
    assert short.last_t == pytest.approx(2.98)
    assert short.cut(7.0, 500, 100) is None
    assert Ring(STAMPS, GRID, 30.0).cut(0.0, 1, 1) is None


def test_a_gap_is_no_sample_and_a_short_one_is_bridged() -> None:
    t = np.arange(0, 10, 0.02)
    long, short = (t > 3.001) & (t < 4.507), (t > 6.001) & (t < 6.2)
    cut = there(ring(stream(t[~long & ~short] + np.where(t[~long & ~short] > 4, 0.007, 0))).cut(5.007, 250, 200))
    gone = np.isnan(cut.acc).any(axis=1)
    moments = 5.007 + (np.arange(len(cut.acc)) - cut.at) / GRID
    assert np.allclose(cut.acc[~gone, 0], moments[~gone], atol=0.011)
    assert moments[gone].min() == pytest.approx(3.007, abs=0.021)
    assert moments[gone].max() == pytest.approx(4.5, abs=0.021)
    assert gone.sum() == pytest.approx(75, abs=1)
    assert not gone[0]
    assert not gone[-1]


def test_it_is_the_detectors_own_grid() -> None:
    block = at_rest(20, rate=83.0)
    clock = Clock("stamps", 83.0)
    line = TimeLine(clock, GRID)
    grid = np.concatenate([piece.acc for piece in line.feed(block)])  # type: ignore[union-attr]
    cut = there(ring(block, clock=clock).cut(300 / GRID, 100, 100))
    assert np.array_equal(cut.acc, grid[200:400])


def test_it_forgets() -> None:
    made = ring(*(stream(np.arange(n, n + 1, 0.02)) for n in range(100)), hold_s=5.0)
    assert sum(len(piece) for piece in made._pieces) <= 7 * GRID
    assert made.cut(90.0, 10, 10) is None
    assert there(made.cut(96.0, 500, 10)).at / GRID == pytest.approx(96 - (99.96 - 5.0), abs=0.03)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 399), max_size=12),
    st.dictionaries(st.integers(1, 399), st.sampled_from([0.021, 0.0, 0.1, 0.3, 1.2]), max_size=8),
    st.sampled_from([Clock("stamps", GRID), Clock("stamps", GRID, 5), Clock("nominal", GRID)]),
)
def test_the_cut_into_blocks_does_not_matter(cuts: list[int], odd: dict[int, float], clock: Clock) -> None:
    whole = stream(np.cumsum([odd.get(i, 0.02) for i in range(400)]))
    edges = [0, *sorted(set(cuts)), 400]
    parts = [Block(whole.t[a:b], whole.acc[a:b]) for a, b in pairwise(edges)]
    one, many = ring(whole, clock=clock, hold_s=4.0), ring(*parts, clock=clock, hold_s=4.0)
    assert one.last_t == many.last_t
    assert one.last_t is not None
    for moment in (one.last_t, one.last_t - 50 / GRID, one.last_t - 150 / GRID):
        a, b = one.cut(moment, 120, 90), many.cut(moment, 120, 90)
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert a.at == b.at
            assert np.array_equal(a.acc, b.acc, equal_nan=True)
