"""Live time: a stream put through jitter, batching, loss and drift comes back, and every gap is named.

Link and wearable are as bad as they get: up to two hold-ups a second, of at most half the frames, of up to 0.3 s
each; what comes behind a held frame comes with it. A clock is up to 200 ppm off; an accelerometer's own rate, and with
it a counter of samples, 2 %.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.samples.clock import Clock
from falld.samples.drift import MAX_SKEW
from falld.samples.livetime import SLEW, LiveTime
from falld.samples.resample import Grid
from falld.samples.timeline import Break, TimeLine

Times = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

SETTLED_S = 15.0
"""From here on stamps are right to a period, where two frames come a second."""
SLOWLY_SETTLED_S = 60.0
"""The same for frames of up to 1.5 s."""
KNOWN, COARSELY_KNOWN = 256, 1024
"""Samples after which every loss is exact; the same for a tick of nearly half a period."""
BOOT = 86_400.0


@dataclass(frozen=True)
class Make:
    rate_hz: float
    tick_hz: float | None = None
    bits: int = 32
    of: Literal["first", "last"] = "last"

    def live(self) -> LiveTime:
        return LiveTime(self.rate_hz, tick_hz=self.tick_hz, bits=self.bits, of=self.of)

    def tick(self, sample: int, seconds: float) -> int | None:
        """What the clock says that started at 0 with the stream."""
        if self.tick_hz is None:
            return None
        return sample if self.tick_hz == self.rate_hz else int(seconds * self.tick_hz)


POLAR = Make(50.0, 1e9, 64)
DOT = Make(60.0, 1e6, 32)
MOVESENSE = Make(52.0, 1e3, 32, "first")
BLUEST = Make(50.0, 125.0, 16)
COUNTER_8 = Make(50.0, 50.0, 8, "first")
COUNTER_16 = Make(100.0, 100.0, 16)
OFF = 0.02
"""An accelerometer's own rate is so far from what its maker names."""
TICKING = [POLAR, DOT, MOVESENSE, BLUEST, COUNTER_8, COUNTER_16, Make(60.0, 1e6, 21)]
CLOCKLESS = [Make(50.0), Make(100.0)]


@dataclass(frozen=True)
class Stream:
    """What a wearable measures and a link makes of it."""

    make: Make
    sizes: Indices
    """(f,) samples of each frame."""
    true: Times
    """(n,) host times of all samples."""
    arrived: Times
    """(f,) host times."""
    device: Times
    """(n,) the wearable's times."""
    start: int = 0
    """Of the counter."""

    @cached_property
    def firsts(self) -> Indices:
        return np.cumsum(self.sizes) - self.sizes

    @property
    def rate_hz(self) -> float:
        return (len(self.true) - 1) / float(self.true[-1] - self.true[0])

    def tick(self, frame: int) -> int | None:
        first = int(self.firsts[frame])
        sample = first + int(self.sizes[frame]) - 1 if self.make.of == "last" else first
        tick = self.make.tick(sample, float(self.device[sample]))
        return None if tick is None else (self.start + tick) % 2**self.make.bits


def stream(
    rng: np.random.Generator,
    make: Make,
    sizes: Indices,
    *,
    off: float = 0.0,
    ppm: float = 0.0,
    held: float = 0.0,
    least: float = 0.0,
) -> Stream:
    """Frames of a wearable whose samples come `off` too fast, and a link that holds up `held` frames a second."""
    device = np.arange(int(sizes.sum())) / (make.rate_hz * (1 + off))
    true = BOOT + device * (1 - ppm * 1e-6)
    sent = true[np.cumsum(sizes) - 1]
    chance = min(0.5, held * float(np.mean(sizes)) / make.rate_hz)
    late = np.where(rng.random(len(sizes)) < chance, rng.uniform(0, 0.3, len(sizes)), rng.uniform(0, 2e-3, len(sizes)))
    start = int(rng.integers(0, 2 ** min(make.bits, 62)))
    return Stream(make, sizes, true, np.maximum.accumulate(sent + least + late), device, start)


def play(live: LiveTime, stream: Stream, frames: Indices) -> tuple[Times, Indices]:
    """Stamps of the samples of some frames, and which samples these are."""
    stamps, samples = [], []
    for frame in frames.tolist():
        n, first = int(stream.sizes[frame]), int(stream.firsts[frame])
        block = live.frame(np.zeros((n, 3), np.float32), stream.tick(frame), float(stream.arrived[frame]))
        assert len(block.t) == len(block.acc) == n
        stamps.append(block.t)
        samples.append(np.arange(first, first + n))
    return np.concatenate(stamps), np.concatenate(samples)


def missing(samples: Indices) -> int:
    return int(np.sum(np.diff(samples) - 1))


@st.composite
def streams(draw: st.DrawFn, makes: list[Make], sizes: list[int], seconds: float) -> tuple[Stream, Indices]:
    """A stream, and the frames of it that are not lost."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    make = draw(st.sampled_from(makes))
    size = max(draw(st.sampled_from(sizes)), int(np.ceil(make.rate_hz / 60.0)))
    count = int(seconds * make.rate_hz / size)
    uneven = draw(st.booleans())
    frames = rng.integers((size + 1) // 2, size + 1, count) if uneven else np.full(count, size)
    made = stream(
        rng,
        make,
        frames,
        off=draw(st.sampled_from([0.0, -OFF, OFF])),
        ppm=draw(st.floats(-200.0, 200.0)),
        held=draw(st.floats(0.0, 2.0)),
        least=draw(st.floats(0.0, 0.02)),
    )
    lossy = draw(st.sampled_from([0.0, 0.02, 0.1])) if make.tick_hz else 0.0
    kept = (rng.random(count) >= lossy) | (made.firsts < (COARSELY_KNOWN if make is BLUEST else KNOWN))
    return made, np.flatnonzero(kept)


def assert_comes_back(made: Stream, kept: Indices, settled_s: float) -> None:
    live = made.make.live()
    t, samples = play(live, made, kept)
    assert (np.diff(t) > 0).all()
    assert (live.frames, live.samples, live.resets) == (len(kept), len(t), 0)
    assert live.lost == missing(samples)
    settled = made.device[samples] > settled_s
    least = float(np.min(made.arrived - made.true[np.cumsum(made.sizes) - 1]))
    error = (t - made.true[samples] - least)[settled]
    assert np.abs(error).max() < 1 / made.make.rate_hz
    named = np.round(np.diff(t[settled]) * made.rate_hz).astype(int)
    assert named.tolist() == np.diff(samples[settled]).tolist(), "each gap is as long as what is missing"


@given(streams(TICKING + CLOCKLESS, [1, 2, 3, 5, 10, 25], 35.0))
@settings(max_examples=25, deadline=None)
def test_it_comes_back_within_a_period_and_every_gap_is_named(stream_and_kept: tuple[Stream, Indices]) -> None:
    assert_comes_back(*stream_and_kept, SETTLED_S)


@given(streams(TICKING, [50, 73], 90.0))
@settings(max_examples=15, deadline=None)
def test_long_frames_take_longer_to_settle(stream_and_kept: tuple[Stream, Indices]) -> None:
    assert_comes_back(*stream_and_kept, SLOWLY_SETTLED_S)


@given(streams(TICKING, [1, 3, 10, 36], 35.0))
@settings(max_examples=10, deadline=None)
def test_steps_are_as_regular_as_the_sensor(stream_and_kept: tuple[Stream, Indices]) -> None:
    made, kept = stream_and_kept
    t, samples = play(made.make.live(), made, kept)
    coarse = 0.5 if made.make is BLUEST else 0.0
    uneven = np.abs(np.diff(t) * made.rate_hz - np.diff(samples))
    assert uneven[np.diff(samples) == 1].max() < (1 + SLEW) * (1 + MAX_SKEW) * (1 + OFF) - 1 + 1e-6 + coarse
    settled = made.device[samples[1:]] > SETTLED_S
    assert uneven[settled].max() < SLEW + 0.01 + coarse
    assert uneven[settled].mean() < 0.01 + coarse / 10


@pytest.mark.parametrize("make", TICKING)
@pytest.mark.parametrize("lost_s", [0.1, 1.0, 7.0, 60.0])
def test_a_hole_of_any_length_is_counted_to_the_sample(make: Make, lost_s: float) -> None:
    made = stream(np.random.default_rng(3), make, np.full(int((100 + lost_s) * make.rate_hz / 4), 4), off=0.0, held=1.0)
    at = made.firsts / make.rate_hz
    kept = np.flatnonzero((at < 30.0) | (at >= 30.0 + lost_s))
    live = make.live()
    t, samples = play(live, made, kept)
    assert live.lost == missing(samples)
    cut = int(np.argmax(np.diff(samples)))
    assert (t[cut + 1] - t[cut]) * make.rate_hz == pytest.approx(live.lost + 1, abs=0.5)


def test_wrap_of_a_clock_is_no_gap() -> None:
    made = stream(np.random.default_rng(5), DOT, np.ones(1200, np.int64))
    made = Stream(DOT, made.sizes, made.true, made.arrived, made.device, 2**32 - 10_000_000)
    live = DOT.live()
    t, _ = play(live, made, np.arange(1200))
    assert (live.lost, live.resets) == (0, 0)
    assert np.abs(np.diff(t) * 60.0 - 1).max() < SLEW + 1e-6


@pytest.mark.parametrize("make", [POLAR, COUNTER_16, Make(50.0)])
def test_a_new_connection_begins_anew_and_keeps_what_it_learnt(make: Make) -> None:
    rng = np.random.default_rng(11)
    live = make.live()
    before = stream(rng, make, np.full(2000, 5), ppm=150.0, held=1.0)
    first, _ = play(live, before, np.arange(2000))
    ppm, lost = live.ppm, live.lost
    live.reconnected()
    assert live.ppm == ppm
    later = stream(rng, make, np.full(500, 5), ppm=150.0, held=1.0)
    ahead = float(before.arrived[-1] - later.true[0]) + 2.0
    later = Stream(make, later.sizes, later.true + ahead, later.arrived + ahead, later.device, later.start)
    second, samples = play(live, later, np.arange(500))
    t = np.concatenate((first, second))
    assert (np.diff(t) > 0).all()
    assert (live.resets, live.lost) == (0, lost)
    settled = later.device[samples] > SETTLED_S
    assert np.abs(second - later.true[samples])[settled].max() < 1 / make.rate_hz


def test_a_clock_that_is_reset_is_told_and_the_stream_goes_on() -> None:
    rng = np.random.default_rng(13)
    made = stream(rng, DOT, np.full(4000, 1), held=1.0)
    live = DOT.live()
    stamps = []
    for i in range(4000):
        tick = int(made.device[i] * 1e6) + 10**9 if i < 2000 else int(made.device[i - 2000] * 1e6)
        stamps.append(live.frame(np.zeros((1, 3), np.float32), tick, float(made.arrived[i])).t)
    t = np.concatenate(stamps)
    assert (live.resets, live.lost) == (1, 0)
    assert (np.diff(t) > 0).all()
    assert np.abs(t - made.true)[made.device > 2000 / 60 + SETTLED_S].max() < 1 / 60


@pytest.mark.parametrize("make", [POLAR, Make(50.0)])
def test_frames_that_a_busy_host_takes_late_are_not_lost(make: Make) -> None:
    made = stream(np.random.default_rng(17), make, np.full(2000, 2))
    held = (made.arrived > BOOT + 40.0) & (made.arrived < BOOT + 41.8)
    arrived = np.where(held, BOOT + 41.8, made.arrived)
    live = make.live()
    t, samples = play(live, Stream(make, made.sizes, made.true, arrived, made.device), np.arange(2000))
    assert live.lost == 0
    assert np.abs(t - made.true)[made.device[samples] > SETTLED_S].max() < 0.5 / make.rate_hz


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.6, 1.0, 1.9, 2.5, 8.0]), st.sampled_from([-0.02, 0.0, 0.02]))
@settings(max_examples=10, deadline=None)
def test_without_a_clock_a_hole_beyond_jitter_is_named_to_within_jitter(seed: int, lost_s: float, off: float) -> None:
    make = Make(50.0)
    made = stream(np.random.default_rng(seed), make, np.full(2000, 2), off=off, held=1.0)
    at = made.device[made.firsts]
    live = make.live()
    t, samples = play(live, made, np.flatnonzero((at < 40.0) | (at >= 40.0 + lost_s)))
    assert (np.diff(t) > 0).all()
    within = 0.3 * 50 + 3
    assert live.lost == pytest.approx(missing(samples), abs=within)
    assert np.diff(t).max() * made.rate_hz == pytest.approx(missing(samples) + 1, abs=within)
    again = made.device[samples] > 40.0 + lost_s + SETTLED_S
    assert np.abs(t - made.true[samples])[again].max() < 1 / 50


def test_without_a_clock_a_loss_that_jitter_may_hide_is_made_up_for() -> None:
    make = Make(50.0)
    made = stream(np.random.default_rng(19), make, np.full(3000, 1))
    kept = np.flatnonzero((made.firsts < 1500) | (made.firsts >= 1510))
    live = make.live()
    t, samples = play(live, made, kept)
    assert live.lost == 0
    error = (t - made.true[samples]) * 50.0
    assert error[samples >= 1510][0] == pytest.approx(-10, abs=0.5)
    assert np.abs(error[samples >= 1510 + 15 * 50]).max() < 1


def test_drift_over_six_hours() -> None:
    """A crystal that is 40 ppm fast, and 15 ppm more or less as it warms and cools; ten frames are lost an hour."""
    make = Make(50.0, 1e9, 64)
    rng = np.random.default_rng(23)
    frames = 6 * 3600
    device = np.arange(frames * 50) / 50.0
    slow = 40e-6 * device + 15e-6 * 3600 / (2 * np.pi) * (1 - np.cos(2 * np.pi * device / 3600))
    true = BOOT + device - slow
    sent = true[49::50]
    late = np.where(rng.random(frames) < 0.3, rng.uniform(0, 0.3, frames), rng.uniform(0, 2e-3, frames))
    made = Stream(make, np.full(frames, 50), true, np.maximum.accumulate(sent + late), device)
    kept = np.flatnonzero((rng.random(frames) >= 10 / 3600) | (np.arange(frames) < 10))
    live = make.live()
    t, samples = play(live, made, kept)
    error = t - true[samples]
    assert np.abs(error[samples > SLOWLY_SETTLED_S * 50]).max() < 0.25 / 50
    assert live.lost == missing(samples)
    assert live.ppm == pytest.approx(40.0, abs=3.0)
    assert live.rate_hz == pytest.approx(50.0 * (1 + 40e-6), rel=3e-6)
    assert len(pickle.dumps(live)) < 5000, "what is kept does not grow"


def test_an_off_rate_is_measured() -> None:
    for make in (*TICKING, *CLOCKLESS):
        made = stream(np.random.default_rng(29), make, np.full(int(90 * make.rate_hz / 5), 5), off=0.02, held=1.0)
        live = make.live()
        assert live.rate_hz == make.rate_hz
        assert live.ppm is None
        play(live, made, np.arange(len(made.sizes)))
        assert live.rate_hz == pytest.approx(make.rate_hz * 1.02, rel=2e-3)
        assert (live.ppm is None) == (make.tick_hz is None)


def test_a_frame_without_its_tick_follows_the_one_before() -> None:
    made = stream(np.random.default_rng(31), MOVESENSE, np.full(1000, 4))
    live = MOVESENSE.live()
    stamps = []
    for i in range(1000):
        tick = made.tick(i) if i % 3 else None
        stamps.append(live.frame(np.zeros((4, 3), np.float32), tick, float(made.arrived[i])).t)
    t = np.concatenate(stamps)
    assert (live.lost, live.resets) == (0, 0)
    assert np.abs(t - made.true)[made.device > SETTLED_S].max() < 0.5 / 52


def test_the_time_line_takes_it_as_a_clock() -> None:
    """Short losses are filled, long ones end the segment, and jitter does neither."""
    made = stream(np.random.default_rng(37), DOT, np.full(3600, 1), off=0.02, held=2.0)
    lost = [(1500, 1506), (2400, 2460)]
    kept = np.flatnonzero(~np.any([(made.firsts >= a) & (made.firsts < b) for a, b in lost], axis=0))
    live, line = DOT.live(), TimeLine(Clock("stamps", 60.0), 50.0)
    out: list[Grid | Break] = []
    for frame in kept.tolist():
        out += line.feed(live.frame(np.ones((1, 3), np.float32), made.tick(frame), float(made.arrived[frame])))
    out += line.flush()
    gaps = [piece for piece in out if isinstance(piece, Break)]
    assert [round((gap.to_t - gap.from_t) * made.rate_hz) for gap in gaps] == [61]
    assert sum(int(piece.filled.sum()) for piece in out if isinstance(piece, Grid)) == pytest.approx(6 * 50 / 60, abs=1)
