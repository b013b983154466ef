"""The time line: what a stream's stamps come to, whatever they are and however they are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.samples.block import Block
from falld.samples.clock import Clock, ClockError, ClockJudge
from falld.samples.resample import Grid
from falld.samples.timeline import Break, TimeLine

Times = npt.NDArray[np.float64]


def judge(t: Times, nominal: float | None, cuts: Iterable[int] = ()) -> Clock:
    judge = ClockJudge(nominal)
    for a, b in itertools.pairwise([0, *sorted(cuts), len(t)]):
        judge.add(Block(t[a:b], np.zeros((b - a, 3), np.float32)))
    return judge.verdict()


def run(t: Times, acc: npt.NDArray[np.float32], clock: Clock, cuts: list[int], hz: float = 50.0) -> list[Grid | Break]:
    line = TimeLine(clock, hz)
    out: list[Grid | Break] = []
    bounds = [0, *sorted(cuts), len(t)]
    for a, b in itertools.pairwise(bounds):
        out += line.feed(Block(t[a:b], acc[a:b]))
    return out + line.flush()


def merged(out: list[Grid | Break]) -> list[tuple[bytes, ...] | Break]:
    """Pieces of one segment joined, as bytes."""
    segments: list[list[Grid] | Break] = []
    for piece in out:
        if isinstance(piece, Break):
            segments.append(piece)
        elif segments and isinstance(segments[-1], list):
            segments[-1].append(piece)
        else:
            segments.append([piece])
    return [
        s
        if isinstance(s, Break)
        else tuple(np.concatenate([getattr(g, name) for g in s]).tobytes() for name in ("acc", "filled", "known"))
        for s in segments
    ]


def wave(t: Times) -> npt.NDArray[np.float32]:
    """A smooth motion about 1 g."""
    return np.stack((np.sin(7 * t), np.cos(5 * t), 1 + 0.3 * np.sin(11 * t)), axis=1).astype(np.float32)


@pytest.mark.parametrize("rate", [18.0, 25.0, 32.0, 50.0, 52.0, 85.0, 100.0, 200.0, 238.0])
def test_a_regular_stream_keeps_its_motion(rate: float) -> None:
    t = 3.0 + np.round(np.arange(int(rate * 20)) / rate, 6)
    clock = judge(t, rate)
    assert (clock.kind, clock.burst) == ("stamps", 0)
    grids = [g for g in run(t, wave(t), clock, []) if isinstance(g, Grid)]
    acc = np.concatenate([g.acc for g in grids])
    assert len(acc) == int(np.floor((t[-1] - t[0]) * 50 + 1e-3)) + 1
    assert not any(g.filled.any() for g in grids)
    truth = wave(3.0 + np.arange(len(acc)) / 50)
    sharpest = 49.0  # of the second derivatives: 7^2, 5^2 and 0.3 * 11^2
    assert np.abs(acc[1:-1] - truth[1:-1]).max() < sharpest / min(rate, 50.0) ** 2 / 2


def test_the_grid_s_own_rate_passes_unchanged() -> None:
    t = np.arange(500) / 50
    acc = wave(t)
    pieces = [g for g in run(t, acc, judge(t, 50.0), []) if isinstance(g, Grid)]
    np.testing.assert_allclose(np.concatenate([g.acc for g in pieces]), acc, atol=1e-5)


def test_a_short_gap_is_filled_and_counted_a_long_one_ends_the_segment() -> None:
    t = np.arange(1000) / 100
    keep = np.ones(1000, bool)
    keep[300:321] = False  # 22 periods between neighbours
    keep[600:632] = False  # 33 periods
    t = t[keep]
    out = run(t, wave(t), judge(t, 100.0), [])
    breaks = [b for b in out if isinstance(b, Break)]
    assert [(b.from_t, b.to_t, b.known) for b in breaks] == [(5.99, 6.32, 6.32)]
    first, second = out[: out.index(breaks[0])], out[out.index(breaks[0]) + 1 :]
    assert sum(int(g.filled.sum()) for g in first if isinstance(g, Grid)) == 11
    assert sum(int(g.filled.sum()) for g in second if isinstance(g, Grid)) == 0
    assert isinstance(second[0], Grid)
    assert second[0].origin == 6.32


def test_a_gap_of_just_a_quarter_second_is_bridged() -> None:
    t = np.concatenate((np.arange(100) / 100, 0.99 + 0.25 + np.arange(100) / 100))
    assert not [b for b in run(t, wave(t), judge(t, 100.0), []) if isinstance(b, Break)]


@pytest.mark.parametrize("batch", [2, 5, 16, 25])
def test_bursts_are_spread(batch: int) -> None:
    true = np.arange(1000) / 50
    stamps = true[np.minimum(np.arange(1000) // batch * batch + batch - 1, 999)]
    clock = judge(stamps, 50.0)
    assert clock.burst == batch - 1
    assert judge(stamps, 50.0, range(batch // 2, 1000, batch)) == clock, "no burst is lost at a cut"
    out = run(stamps, wave(true), clock, [])
    grids = [g for g in out if isinstance(g, Grid)]
    assert len(grids) == len(out), "a burst is no gap"
    assert not any(g.filled.any() for g in grids)
    acc = np.concatenate([g.acc for g in grids])
    k = np.arange(len(acc))
    error = np.abs(acc - wave(grids[0].origin + k / 50))[5:-30]
    assert error.max() < 0.15, "times are right to a tenth of a period"
    known = np.concatenate([g.known for g in grids])
    lag = known - (grids[0].origin + k / 50)
    assert lag.min() > -1e-9
    assert lag.max() <= 1.1


@pytest.mark.parametrize("cut", [1, 56, 57, 1000])
def test_what_waits_for_its_burst_waits_no_longer_than_a_burst_is_late(cut: int) -> None:
    """Who falls and whose wearable is silent from then on is not judged when it is found again."""
    t = np.arange(110) / 20
    t[55:] += 3600.0
    out = run(t, wave(t), Clock("stamps", 20.0, 3), list(range(cut, len(t), cut)))
    grids = list(itertools.takewhile(lambda piece: isinstance(piece, Grid), out))
    assert sum(map(len, grids)) == 2.7 * 50 + 1
    assert max(grid.known.max() for grid in grids if isinstance(grid, Grid)) == t[54] + 1.25 + 1e-9
    assert out[len(grids)] == Break(t[54], t[55], t[55])


def test_stamps_that_run_backwards_or_at_the_wrong_rate_are_no_clock() -> None:
    t = np.arange(500) / 50
    t[200] -= 0.05
    assert judge(t, 50.0).kind == "nominal"
    assert judge(np.arange(500) / 60, 50.0).kind == "nominal"
    assert judge(np.arange(500) / 54, 50.0).kind == "stamps"
    with pytest.raises(ClockError, match="backwards"):
        judge(t, None)
    with pytest.raises(ClockError, match="rate"):
        judge(np.zeros(50), None)
    out = run(t, wave(t), Clock("nominal", 50.0), [])
    assert not [b for b in out if isinstance(b, Break)]
    assert sum(len(g) for g in out if isinstance(g, Grid)) == 500


def test_missing_samples_do_not_slow_a_clock() -> None:
    t = np.arange(1000) / 50
    t[500:] += 30.0
    clock = judge(t, 50.0)
    assert (clock.kind, round(clock.rate_hz, 3)) == ("stamps", 50.0)


def test_the_rate_is_measured_where_it_is_not_said() -> None:
    assert judge(np.arange(500) / 31.7, None).rate_hz == pytest.approx(31.7)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Times, npt.NDArray[np.float32], float, list[int]]:
    """Jitter, bursts, repeats, gaps and backward steps at any rate, with random cuts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate = draw(st.sampled_from([12.5, 20.0, 32.0, 50.0, 52.0, 87.9, 100.0, 200.0]))
    n = draw(st.integers(1, 250))
    t = np.arange(n) / rate + rng.normal(0, draw(st.sampled_from([0.0, 0.1, 0.4])) / rate, n)
    t = np.maximum.accumulate(t)
    if draw(st.booleans()):
        batch = draw(st.integers(2, 30))
        t = t[np.minimum(np.arange(n) // batch * batch + batch - 1, n - 1)]
    for _ in range(draw(st.integers(0, 3))):
        at = int(rng.integers(0, n))
        t[at:] += rng.choice([0.02, 0.1, 0.24, 0.26, 1.0, 5.0])
    if draw(st.integers(0, 9)) == 0:
        t[n // 2 :] -= 0.3
    acc = rng.normal(0, 1, (n, 3)).astype(np.float32)
    cuts = draw(st.lists(st.integers(0, n), max_size=60))
    return np.round(t, 6), acc, rate, cuts


@settings(max_examples=60, deadline=None)
@given(streams())
def test_the_cut_into_blocks_changes_no_verdict(
    stream: tuple[Times, npt.NDArray[np.float32], float, list[int]],
) -> None:
    t, _, rate, cuts = stream
    clock = judge(t, rate)
    assert judge(t, rate, cuts) == clock
    assert judge(t, rate, range(7, len(t), 7)) == clock


@settings(max_examples=30, deadline=None)
@given(streams())
def test_the_cut_into_blocks_changes_nothing(
    stream: tuple[Times, npt.NDArray[np.float32], float, list[int]],
) -> None:
    t, acc, rate, cuts = stream
    clock = judge(t, rate)
    whole = merged(run(t, acc, clock, []))
    assert merged(run(t, acc, clock, cuts)) == whole
    assert merged(run(t, acc, clock, list(range(1, len(t))))) == whole


@settings(max_examples=40, deadline=None)
@given(streams())
def test_a_saved_time_line_goes_on_the_same(
    stream: tuple[Times, npt.NDArray[np.float32], float, list[int]],
) -> None:
    t, acc, rate, cuts = stream
    clock = judge(t, rate)
    line = TimeLine(clock, 50.0)
    out: list[Grid | Break] = []
    bounds = [0, *sorted(cuts), len(t)]
    for a, b in itertools.pairwise(bounds):
        saved = line.dump()
        line = TimeLine(clock, 50.0)
        line.restore(saved)
        out += line.feed(Block(t[a:b], acc[a:b]))
    assert merged(out + line.flush()) == merged(run(t, acc, clock, []))


@settings(max_examples=40, deadline=None)
@given(streams())
def test_no_point_is_known_before_its_samples(
    stream: tuple[Times, npt.NDArray[np.float32], float, list[int]],
) -> None:
    t, acc, rate, _ = stream
    clock = judge(t, rate)
    for grid in run(t, acc, clock, []):
        if isinstance(grid, Grid) and clock.kind == "stamps":
            points = grid.origin + (grid.first + np.arange(len(grid))) / 50
            assert (grid.known >= points - 1e-3 / 50 - 1e-9).all()
            assert (np.diff(grid.known) >= 0).all()
