"""A recording is played at its own pace, and says what a replay of it would hear."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from brokers import running, until
from hypothesis import given
from hypothesis import strategies as st

from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.recording import Mark, Meta, RecordingError
from falld.sensors.recorded import BLOCK_S, SILENT_S, RecordedWearable, schedule
from falld.sensors.source import Button, Ended, Reading, Samples, Silent, TimeMap

RATE = 50.0
STAMPS = Clock("stamps", RATE)


@dataclass
class Played:
    """A recording in memory; its samples count up, so that none can be lost or moved unseen."""

    t: Sequence[float]
    cut: int = 7
    meta: Meta = field(default_factory=lambda: Meta(placement="waist", sample_rate_hz=RATE))
    source: str = "played"
    number: int | None = None

    def blocks(self) -> Iterator[Block]:
        t = np.asarray(self.t, np.float64)
        # Standing still, so that the units are g; the count is too small to tell from noise.
        acc = np.column_stack((np.zeros(len(t)), np.arange(len(t)) * 1e-6, np.ones(len(t)))).astype(np.float32)
        for start in range(0, len(t), self.cut):
            yield Block(t[start : start + self.cut], acc[start : start + self.cut])


def even(seconds: float, start: float = 0.0) -> list[float]:
    return [start + i / RATE for i in range(int(seconds * RATE))]


def said(recording: Played, clock: Clock = STAMPS) -> list[tuple[float, Reading]]:
    return list(schedule(recording, clock))


def joined(readings: Sequence[tuple[float, Reading]]) -> Block:
    blocks = [reading.block for _, reading in readings if isinstance(reading, Samples)]
    return Block(np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks]))


@given(
    steps=st.lists(st.sampled_from([-0.02, 0.0, 0.001, 0.02, 0.02, 0.02, 0.04, 0.3, 2.5]), min_size=1, max_size=80),
    cut=st.integers(1, 90),
    kind=st.sampled_from(["stamps", "nominal"]),
    presses=st.lists(st.floats(-1, 20), max_size=4),
)
def test_all_is_said_once_in_order_and_not_before_it_was_stamped(
    steps: list[float], cut: int, kind: str, presses: list[float]
) -> None:
    stamps = (5.0 + np.cumsum(steps)).tolist()
    marks = tuple(Mark(t, "help") for t in presses)
    recording = Played(stamps, cut, Meta(sample_rate_hz=RATE, events=marks))
    clock = Clock("stamps", RATE) if kind == "stamps" else Clock("nominal", RATE)
    readings = said(recording, clock)
    times = [t for t, _ in readings]
    assert times == sorted(times)
    assert readings[-1] == (times[-1], Ended())
    whole = joined(readings)
    assert whole.t.tolist() == stamps
    assert np.array_equal(whole.acc, np.concatenate([b.acc for b in recording.blocks()]))
    assert sorted(r.t for _, r in readings if isinstance(r, Button)) == sorted(presses)
    if kind == "stamps":
        assert all(r.block.t.max() <= t for t, r in readings if isinstance(r, Samples))


def test_blocks_are_short_and_end_with_their_last_stamp() -> None:
    readings = [(t, r.block) for t, r in said(Played(even(2.0), cut=1000)) if isinstance(r, Samples)]
    assert all(t == block.t[-1] for t, block in readings)
    assert max(block.t[-1] - block.t[0] for _, block in readings) < BLOCK_S
    assert len(readings) == pytest.approx(2.0 / BLOCK_S, abs=1)


def test_a_batch_that_was_stamped_at_once_comes_at_once() -> None:
    batches = [float(s) for s in (1, 2, 3) for _ in range(50)]
    readings = [(t, len(r.block)) for t, r in said(Played(batches, cut=10**6)) if isinstance(r, Samples)]
    assert readings == [(1.0, 50), (2.0, 50), (3.0, 50)]


def test_stamps_that_are_no_clock_are_paced_by_the_nominal_rate() -> None:
    readings = said(Played([7.0] * 100), Clock("nominal", RATE))
    assert readings[-1][0] == pytest.approx(7.0 + 99 / RATE)
    assert not any(isinstance(r, Silent) for _, r in readings)


def test_silence_is_told_and_says_nothing_of_later_samples() -> None:
    stamps = even(1.0) + even(1.0, start=5.0)
    quiet = [t for t, r in said(Played(stamps)) if isinstance(r, Silent)]
    last = stamps[49]
    assert quiet == pytest.approx([last + SILENT_S + i * BLOCK_S for i in range(len(quiet))])
    assert 5.0 - BLOCK_S <= quiet[-1] < 5.0


def test_buttons_are_pressed_between_the_samples_and_after_the_last() -> None:
    marks = (Mark(3.0, "help"), Mark(0.55, "cancel"), Mark(0.7, "marker"))
    readings = said(Played(even(1.0), meta=Meta(sample_rate_hz=RATE, events=marks)))
    buttons = [(i, r) for i, (_, r) in enumerate(readings) if isinstance(r, Button)]
    assert [r for _, r in buttons] == [Button(0.55, "cancel"), Button(3.0, "help")]
    before, after = readings[buttons[0][0] - 1], readings[buttons[0][0] + 1]
    assert before[0] <= 0.55 <= after[0]
    assert [type(r) for _, r in readings[-3:]] == [Silent, Button, Ended]


async def test_it_is_played_at_its_pace() -> None:
    wearable = RecordedWearable(Played(even(60.0)), now=time.monotonic, speed=50)
    assert (wearable.clock.kind, wearable.placement) == ("stamps", "waist")
    start = time.monotonic()
    early, count = [], 0
    async for reading in wearable.readings():
        if isinstance(reading, Samples):
            due = float(reading.block.t[-1]) / 50
            early.append(due - (time.monotonic() - start))
            count += len(reading.block)
    took = time.monotonic() - start
    assert count == 3000
    assert max(early) < 0.005  # the resolution of the loop's timers and no more
    assert 1.19 < took < 60.0  # its own pace


async def test_its_time_is_mapped_to_the_hosts() -> None:
    wearable = RecordedWearable(Played(even(1.0, start=100.0)), now=time.monotonic, speed=50, placement="wrist")
    assert wearable.placement == "wrist"
    before = time.monotonic()
    async for _ in wearable.readings():
        pass
    assert before <= wearable.time.boottime(100.0) <= time.monotonic()
    assert wearable.time.boottime(101.0) - wearable.time.boottime(100.0) == pytest.approx(1 / 50)
    assert TimeMap(2.0, 10.0, 4.0).boottime(6.0) == 11.0


async def test_cancelled_it_ends_and_begins_anew() -> None:
    wearable = RecordedWearable(Played(even(60.0)), now=time.monotonic)
    heard: list[Reading] = []

    async def listen() -> None:
        async for reading in wearable.readings():
            heard.append(reading)

    async with running(listen):
        await until(lambda: heard)
    again = wearable.readings()
    first = await anext(again)
    await again.aclose()
    assert isinstance(first, Samples)
    assert first.block.t[0] == 0.0


def test_a_recording_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(RecordingError, match="played: "):
        RecordedWearable(Played([0.0, 0.1, 0.05], meta=Meta()), now=time.monotonic)
