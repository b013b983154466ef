"""Stretches of a stream: what is found in each, anywhere, is what the stream would have found there."""

from __future__ import annotations

import functools
import itertools
import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Event
from falld.detect.judge import Judge
from falld.detect.learnt import Learnt
from falld.detect.stretch import Stretch, findings, stretches
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording

NAMES = ("fall-forward-waist", "fall-collapse-wrist", "jump-waist", "walk-wrist")


@functools.cache
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@functools.cache
def played(gaps: tuple[float, ...], every: int) -> Block:
    """Falls, jumps and steps one after the other; a gap after each, and bursts of so many samples."""
    acc = [np.concatenate([b.acc for b in CsvRecording(recordings_dir() / f"{n}.csv.gz").blocks()]) for n in NAMES]
    t, start = [], 0.0
    for part, gap in zip(acc, gaps, strict=True):
        t.append(start + np.arange(len(part)) / 50)
        start = float(t[-1][-1]) + 0.02 + gap
    stamps = np.concatenate(t)
    late = np.minimum((np.arange(len(stamps)) // every + 1) * every, len(stamps)) - 1
    burst = np.where(stamps[late] - stamps < every / 50, stamps[late], stamps)
    return Block(burst, np.concatenate(acc))


def cut(block: Block, cuts: list[int]) -> list[Block]:
    edges = [0, *sorted(cuts), len(block)]
    return [Block(block.t[a:b], block.acc[a:b]) for a, b in itertools.pairwise(edges)]


def streamed(block: Block, clock: Clock) -> tuple[list[Event], int]:
    detector = Detector(bundle(), clock, "waist", candidates=True)
    return [*detector.feed(block), *detector.finish()], detector.filled


def in_parts(parts: list[Stretch], learnt: Learnt) -> list[Event]:
    """Found last stretch first, decided in order."""
    found = {i: findings(pickle.loads(pickle.dumps(parts[i])), bundle(), "waist") for i in reversed(range(len(parts)))}
    judge = Judge(bundle(), "waist", candidates=True, learnt=learnt)
    return [event for i in range(len(parts)) for event in judge.judge(found[i])]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_stretches_of_any_length_come_to_what_the_stream_says(data: st.DataObject) -> None:
    gaps = data.draw(st.tuples(*[st.sampled_from((0.0, 0.1, 0.3, 2.0, 40.0))] * 4))
    every = data.draw(st.sampled_from((1, 9)))
    block = played(gaps, every)
    clock = Clock("stamps", 50.0, every - 1)
    cuts = data.draw(st.lists(st.integers(0, len(block)), max_size=40))
    parts = list(stretches(clock, cut(block, cuts), data.draw(st.integers(1, 1500))))
    events, filled = streamed(block, clock)
    assert in_parts(parts, Learnt()) == events
    assert parts[-1].filled == filled


def test_a_stretch_may_begin_at_any_sample_around_an_impact() -> None:
    block = played((0.0, 2.0, 0.0, 0.0), 1)
    clock = Clock("stamps", 50.0)
    events, _ = streamed(block, clock)
    impact = round(max(event.impact_t for event in events if hasattr(event, "impact_t")) * 50)
    for at in range(impact - 160, impact + 140, 7):
        assert in_parts(list(stretches(clock, cut(block, [at]), 1)), Learnt()) == events, at


def test_what_is_learnt_of_the_wearer_counts_all_the_same() -> None:
    block = played((0.0, 0.3, 2.0, 0.0), 1)
    clock = Clock("stamps", 50.0)
    one, other = (Learnt.empty(calibrate=True, budget_per_day=3.0) for _ in range(2))
    detector = Detector(bundle(), clock, "waist", candidates=True, learnt=one)
    events = [*detector.feed(block), *detector.finish()]
    assert in_parts(list(stretches(clock, cut(block, list(range(0, len(block), 100))), 500)), other) == events
    assert one.to_bytes("model") == other.to_bytes("model")
