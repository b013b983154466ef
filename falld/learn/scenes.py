"""Falls in the middle of life: what a recording of a fall would have shown, had it begun earlier and gone on.

Some of the same person's other activities come before it, one after another, and after it lying still, or walking.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.learn.augment import aligning
from falld.samples.block import Block
from falld.samples.recording import Meta, Recording, RecordingError, Unusable
from falld.samples.survey import survey

WALKING = {"sisfall": ("D01", "D02"), "weda_fall": ("D01",), "umafall": ("Walking",), "mobifall": ("WAL",)}
"""Activities that are walking, by data set."""
BEFORE_S, AFTER_S = 90.0, 40.0
"""Further than the detector looks back, and longer than it follows up."""
RISE_S = 2.0
"""To get up."""
TREMOR_G = 0.01
"""Of somebody who lies still: breathing and the sensor's noise."""
SCENES = ("stays down", "walks away")
"""What comes after a fall."""

Acc = npt.NDArray[np.float32]
Key = tuple[str, str | None, str]
"""Data set, subject and placement."""


def key(meta: Meta) -> Key:
    return meta.source or "", meta.subject, meta.placement


@dataclass(frozen=True)
class Lives:
    """Recordings without a fall by who wore what."""

    walks: Mapping[Key, Recording]
    others: Mapping[Key, list[Recording]]

    @classmethod
    def of(cls, recordings: Iterable[Recording | Unusable]) -> Lives:
        walks: dict[Key, Recording] = {}
        others: dict[Key, list[Recording]] = {}
        for each in recordings:
            if isinstance(each, Unusable) or each.meta.is_fall or each.meta.falls:
                continue
            if each.meta.activity in WALKING.get(each.meta.source or "", ()):
                walks.setdefault(key(each.meta), each)
            others.setdefault(key(each.meta), []).append(each)
        return cls(walks, others)

    def scene(self, of: Recording, ends: str) -> Recording:
        """A recording's fall in the middle of life; the recording, if there is no fall or nothing to put around it.

        Where the parts do not fit each other, as they do not on a sensor that changes its scale, they are not put
        together.

        Args:
            of: a recording.
            ends: one of `SCENES`.
        """
        if not (of.meta.is_fall or of.meta.falls) or key(of.meta) not in self.walks or of.meta.sample_rate_hz is None:
            return of
        made = Scene(of, tuple(self._parts(of, of.meta.sample_rate_hz, ends)))
        try:
            survey(made)
        except RecordingError:
            return of
        return made

    def _parts(self, of: Recording, rate: float, ends: str) -> Iterator[Block]:
        """The same each time. The clock is the recording's, so that life before it begins at negative times."""
        rng = np.random.default_rng(zlib.crc32(f"{of.meta.source} {of.number}".encode()))
        fall = list(of.blocks())
        t, acc = np.concatenate([block.t for block in fall]), np.concatenate([block.acc for block in fall])
        second = round(rate)
        before = self._before(of, acc[:second], rate, rng)
        yield Block(t[0] - np.arange(len(before), 0, -1) / rate, before)
        yield from fall
        walk = _samples(self.walks[key(of.meta)])
        after = lying(acc, rate, rng) if ends == "stays down" else walking(acc, walk, rate)
        yield Block(t[-1] + np.arange(1, len(after) + 1) / rate, after)

    def _before(self, of: Recording, first: Acc, rate: float, rng: np.random.Generator) -> Acc:
        """Other activities, each turned so that it ends as the next one begins, the last as the (n, 3) `first`."""
        others = self.others[key(of.meta)]
        parts: list[Acc] = []
        missing = round(BEFORE_S * rate)
        while missing:
            part = _samples(others[int(rng.integers(len(others)))])[-missing:]
            parts.insert(0, turned(part, part[-len(first) :], first))
            missing -= len(part)
            first = parts[0][: len(first)]
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording with more before and after it."""

    of: Recording
    parts: tuple[Block, ...]

    @property
    def source(self) -> str:
        return self.of.source

    @property
    def number(self) -> int | None:
        return self.of.number

    @property
    def meta(self) -> Meta:
        return self.of.meta

    def blocks(self) -> Iterator[Block]:
        return iter(self.parts)


def lying(fall: Acc, rate: float, rng: np.random.Generator) -> Acc:
    """40 s in the posture that a recording ends in, with 10 mg of tremor."""
    rest = fall[-max(1, round(rate / 2)) :].mean(axis=0)
    trembling = TREMOR_G * rng.standard_normal((round(AFTER_S * rate), 3))
    still: Acc = (rest + trembling).astype(np.float32)
    return still


def walking(fall: Acc, walk: Acc, rate: float) -> Acc:
    """2 s from the posture that a recording ends in to the one that it begins in, then up to 40 s of walking in it."""
    second = max(1, round(rate))
    upright, rest = fall[:second].mean(axis=0), fall[-max(1, second // 2) :].mean(axis=0)
    part = np.linspace(0, 1, round(RISE_S * rate), dtype=np.float32)[:, None]
    rise = rest * (1 - part) + upright * part
    rise = rise / np.maximum(np.linalg.norm(rise, axis=1, keepdims=True), 1e-3)
    times = -(-round(AFTER_S * rate) // len(walk))
    walked = np.tile(walk, (times, 1))[: round(AFTER_S * rate)]
    return np.concatenate((rise, turned(walked, walk, upright[None])), dtype=np.float32)


def turned(acc: Acc, like: Acc, posture: Acc) -> Acc:
    """Samples turned so that the mean of `like` of them, (n, 3), points where that of `posture`, (m, 3), does."""
    (rotation,) = aligning(like.mean(axis=0)[None], posture.mean(axis=0)[None])
    new: Acc = np.ascontiguousarray(acc @ rotation.T, np.float32)
    return new


def _samples(recording: Recording) -> Acc:
    return np.concatenate([block.acc for block in recording.blocks()])
