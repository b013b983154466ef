"""A recording played as if the wearable were on somebody now."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Iterator

import numpy as np

from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.recording import Recording
from falld.samples.survey import survey
from falld.sensors.source import Button, Ended, Reading, Samples, Silent, TimeMap

BLOCK_S = 0.1
"""Samples are let out ten times a second, as a BLE wearable notifies."""
SILENT_S = 1.0
"""Silence is told so long after the last sample, and then every `BLOCK_S`: no batch of samples takes longer."""

Timed = tuple[float, Reading]
"""A reading and the stream time at which it is said."""


class RecordedWearable:
    """Plays a recording at its own pace, or `speed` times faster.

    Clock and units are judged on the whole recording first, as a replay does, so that the same events come of it.
    That reads the file: construct it in a thread.

    Args:
        recording: what to play.
        now: CLOCK_BOOTTIME in seconds.
        speed: stream seconds in one second.
        placement: where it is worn; None: what the recording says.

    Raises:
        RecordingError: the recording cannot be used.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        now: Callable[[], float],
        speed: float = 1.0,
        placement: str | None = None,
    ) -> None:
        self._recording = recording
        self._now = now
        self._speed = speed
        judged = survey(recording)
        self._clock = judged.clock
        self._warnings = judged.warnings
        self._placement = placement if placement is not None else recording.meta.placement
        self._time = TimeMap(0.0, now(), speed)

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def placement(self) -> str:
        return self._placement

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._warnings

    @property
    def time(self) -> TimeMap:
        return self._time

    async def readings(self) -> AsyncGenerator[Reading, None]:
        """The readings from the start, each when it is due; a late one comes at once."""
        start: float | None = None
        for t, reading in schedule(self._recording, self._clock):
            if start is None:
                start = float(reading.block.t[0]) if isinstance(reading, Samples) else t
                self._time = TimeMap(start, self._now(), self._speed)
            await asyncio.sleep(max(0.0, self._time.boottime(t) - self._now()))
            yield reading


def schedule(recording: Recording, clock: Clock) -> Iterator[Timed]:
    """What a recorded wearable says and when, in order of stream time."""
    marks = sorted(recording.meta.events, key=lambda mark: mark.t_s)
    buttons = ((mark.t_s, Button(mark.t_s, mark.kind)) for mark in marks if mark.kind != "marker")
    yield from _with_silence(heapq.merge(_samples(recording, clock), buttons, key=lambda timed: timed[0]))


def _samples(recording: Recording, clock: Clock) -> Iterator[Timed]:
    """Blocks of about `BLOCK_S`, each at the time of its last sample."""
    count, origin, latest = 0, 0.0, -np.inf
    for block in recording.blocks():
        if not len(block):
            continue
        if not count:
            origin = float(block.t[0])
        if clock.kind == "stamps":
            said = np.maximum.accumulate(np.maximum(block.t, latest))
        else:
            said = origin + np.arange(count, count + len(block)) / clock.rate_hz
        count, latest = count + len(block), float(said[-1])
        cuts = np.flatnonzero(np.diff(np.floor((said - origin) / BLOCK_S))) + 1
        for start, end in zip((0, *cuts.tolist()), (*cuts.tolist(), len(block)), strict=True):
            yield float(said[end - 1]), Samples(Block(block.t[start:end], block.acc[start:end]))


def _with_silence(timed: Iterator[Timed]) -> Iterator[Timed]:
    t, tick = 0.0, np.inf
    for t, reading in timed:
        end = float(reading.block.t[0]) if isinstance(reading, Samples) else t
        while tick < min(end, t):
            yield tick, Silent(tick)
            tick += BLOCK_S
        yield t, reading
        if isinstance(reading, Samples):
            tick = t + SILENT_S
    yield t, Ended()
