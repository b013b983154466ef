"""The detector's laws: no cut, no saved state and no rotation changes what it says; nothing it saw is dropped."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.detect.bundle import Bundle
from falld.detect.bursts import REFRACTORY_S
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event, Gap
from falld.detect.learnt import Learnt
from falld.detect.state import StateError
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.archive import read_archive
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording
from falld.samples.recording import Recording, RecordingError, Unusable
from falld.samples.survey import survey


@functools.cache
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


def whole(recording: Recording) -> tuple[Block, Clock]:
    parts = list(recording.blocks())
    block = Block(np.concatenate([p.t for p in parts]), np.concatenate([p.acc for p in parts]))
    return block, survey(recording).clock


@functools.cache
def shipped(name: str) -> tuple[Block, Clock]:
    return whole(CsvRecording(recordings_dir() / f"{name}.csv.gz"))


NAMES = sorted(path.name.removesuffix(".csv.gz") for path in recordings_dir().glob("*.csv.gz"))


def run(
    block: Block,
    clock: Clock,
    cuts: list[int],
    placement: str = "waist",
    by: Bundle | None = None,
    learnt: Learnt | None = None,
) -> list[Event]:
    detector = Detector(by or bundle(), clock, placement, candidates=True, learnt=learnt)
    out: list[Event] = []
    for a, b in itertools.pairwise([0, *sorted(cuts), len(block)]):
        out += detector.feed(Block(block.t[a:b], block.acc[a:b]))
    return out + detector.finish()


def cut_every(n: int, block: Block) -> list[int]:
    return list(range(n, len(block), n))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_any_cut_gives_the_same_events(name: str, size: int) -> None:
    block, clock = shipped(name)
    assert run(block, clock, cut_every(size, block)) == run(block, clock, [])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.integers(0, 2000), max_size=30))
def test_random_cuts_give_the_same_events(name: str, cuts: list[int]) -> None:
    block, clock = shipped(name)
    assert run(block, clock, [min(cut, len(block)) for cut in cuts]) == run(block, clock, [])


@st.composite
def rough(draw: st.DrawFn) -> tuple[Block, Clock, list[int]]:
    """Knocks one after another, at an odd rate, with gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rate = draw(st.sampled_from([20.0, 33.3, 50.0, 104.0]))
    n = draw(st.integers(2, 900))
    t = np.arange(n) / rate
    for at in draw(st.lists(st.integers(1, n - 1), max_size=3)):
        t[at:] += draw(st.sampled_from([0.1, 0.3, 0.9, 1.3, 2.0]))
    acc = rng.normal(0, draw(st.sampled_from([0.05, 0.5, 1.5])), (n, 3)) + np.array([0, 0, 1])
    burst = draw(st.sampled_from([0, 0, 3, 12]))
    cuts = draw(st.lists(st.integers(0, n), max_size=40))
    return Block(t, acc.astype(np.float32)), Clock("stamps", rate, burst), cuts


@settings(max_examples=60, deadline=None)
@given(rough())
def test_random_streams_cut_at_random(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, cuts = stream
    assert run(block, clock, cuts) == run(block, clock, [])


@settings(max_examples=30, deadline=None)
@given(rough())
def test_random_streams_cut_at_random_while_it_adapts(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, cuts = stream
    parts, whole = (Learnt.empty(calibrate=True, budget_per_day=2.0) for _ in range(2))
    assert run(block, clock, cuts, learnt=parts) == run(block, clock, [], learnt=whole)
    np.testing.assert_equal(parts.dump(), whole.dump())


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_gives_the_same_events_while_it_adapts(name: str) -> None:
    block, clock = shipped(name)
    parts, whole = (Learnt.empty(calibrate=True, budget_per_day=2.0) for _ in range(2))
    assert run(block, clock, cut_every(37, block), learnt=parts) == run(block, clock, [], learnt=whole)


@settings(max_examples=20, deadline=None)
@given(rough())
def test_candidates_judged_together_or_alone(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, _ = stream
    assert run(block, clock, [], by=replace(bundle(), batches=False)) == run(block, clock, [])


@settings(max_examples=25, deadline=None)
@given(rough())
def test_a_saved_state_goes_on_the_same(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, cuts = stream
    out: list[Event] = []
    state: bytes | None = None
    for a, b in itertools.pairwise([0, *sorted(cuts), len(block)]):
        detector = Detector(bundle(), clock, "waist", candidates=True, state=state)
        out += detector.feed(Block(block.t[a:b], block.acc[a:b]))
        state = detector.save()
    assert out + detector.finish() == run(block, clock, [])


@settings(max_examples=60, deadline=None)
@given(rough())
def test_events_come_in_order_and_use_no_sample_from_the_future(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, _ = stream
    events = run(block, clock, [])
    times = [event.t for event in events]
    assert times == sorted(times)
    for event in events:
        if isinstance(event, Decision):
            assert event.impact_t <= event.t + 1e-9
            assert event.incomplete or event.t - event.impact_t >= 2.5 - 1e-9
    for event in events:
        seen = block.t <= event.t + 1e-12
        early = run(Block(block.t[seen], block.acc[seen]), clock, [])
        # What is cut off, or waits for its burst, may be known at another time where the stream ends for good.
        waited = clock.burst or (isinstance(event, Decision) and event.incomplete)
        assert event in early or (waited and _what(event) in map(_what, early))


def _what(event: Event) -> tuple[str, float]:
    """What it tells of, whenever that was known."""
    return ("gap", event.from_t) if isinstance(event, Gap) else (event.event, round(event.impact_t, 6))


def rotated(block: Block, seed: int) -> Block:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return Block(block.t, (block.acc @ q.T).astype(np.float32))


def shaken(block: Block, seed: int) -> Block:
    """Rounded otherwise by some units in the last place, as a rotation does it too."""
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), block.acc.shape)
    return Block(block.t, (block.acc * (1 + 2.0**-20 * signs)).astype(np.float32))


def judged(events: list[Event]) -> dict[float, float]:
    """Probability by impact."""
    return {event.impact_t: event.probability for event in events if isinstance(event, Decision)}


@functools.cache
def as_it_is(name: str) -> tuple[list[Event], set[float]]:
    """The events, and impacts with a feature so near to a tree's cut that rounding alone moves their probability."""
    block, clock = shipped(name)
    events = run(block, clock, [], placed(name))
    before = judged(events)
    again = [judged(run(shaken(block, seed), clock, [], placed(name))) for seed in range(8)]
    return events, {t for t, p in before.items() if any(abs(one.get(t, 2) - p) > 1e-6 for one in again)}


def placed(name: str) -> str:
    return CsvRecording(recordings_dir() / f"{name}.csv.gz").meta.placement


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_a_static_rotation_changes_nothing(name: str, seed: int) -> None:
    block, clock = shipped(name)
    before, on_a_cut = as_it_is(name)
    after = run(rotated(block, seed), clock, [], placed(name))
    assert [(e.t, getattr(e, "event", "gap")) for e in before] == [(e.t, getattr(e, "event", "gap")) for e in after]
    there = judged(after)
    for impact_t, probability in judged(before).items():
        if impact_t not in on_a_cut:
            assert there[impact_t] == pytest.approx(probability, abs=1e-6)


def test_a_fall_that_breaks_the_wearable_is_decided() -> None:
    block, clock = shipped("fall-forward-waist")
    impact = max(e.probability for e in run(block, clock, []) if isinstance(e, Decision))
    assert impact > 0
    at = int(np.argmax(np.linalg.norm(block.acc, axis=1)))
    broken = Block(block.t[: at + 40], block.acc[: at + 40])

    finished = run(broken, clock, [])
    assert [e.incomplete for e in finished if isinstance(e, Decision)][-1]
    assert finished[-1].t == broken.t[-1]

    detector = Detector(bundle(), clock, "waist", candidates=True)
    early = detector.feed(broken)
    deadline = detector.deadline()
    assert deadline is not None
    assert deadline <= broken.t[at] + 2.5 + 1.0 + 1e-6
    assert detector.advance(deadline - 0.01) == []
    silent = detector.advance(deadline)
    assert silent[-1].t == deadline
    assert {e.impact_t for e in early + silent if isinstance(e, Decision)} == {
        e.impact_t for e in finished if isinstance(e, Decision)
    }
    assert detector.advance(deadline + 100) == []

    late = Block(block.t[at + 40 :] + 5, block.acc[at + 40 :])
    gap = detector.feed(late)[0]
    assert isinstance(gap, Gap)
    assert gap.gap_s == pytest.approx(5.01)


def test_rebounds_are_not_further_falls() -> None:
    for name in NAMES:
        block, clock = shipped(name)
        falls = [e.t for e in run(block, clock, []) if isinstance(e, Decision) and e.event == "fall"]
        assert all(b - a >= REFRACTORY_S for a, b in itertools.pairwise(falls))


def test_a_state_of_something_else_is_refused() -> None:
    clock = Clock("stamps", 50.0)
    with pytest.raises(StateError, match="cannot be read"):
        Detector(bundle(), clock, "waist", state=b"nonsense")
    saved = Detector(bundle(), clock, "waist").save()
    with pytest.raises(StateError, match="cannot be read"):
        Detector(bundle(), clock, "waist", state=saved[: len(saved) // 2])


REAL = ["sisfall", "weda_fall", "umafall", "smartfallmm", "mobifall", "hmp", "smartfallmm_raw_old"]


@pytest.mark.parametrize("archive", REAL)
def test_real_recordings_in_any_cut(archive: str, data: Path) -> None:
    rng = np.random.default_rng(5)
    done = 0
    for i, recording in enumerate(read_archive(data / f"{archive}.parquet")):
        if isinstance(recording, Unusable) or i % 97:
            continue
        try:
            block, clock = whole(recording)
        except RecordingError:
            continue
        events = run(block, clock, [], recording.meta.placement)
        cuts: npt.NDArray[np.int64] = rng.integers(0, len(block), 25)
        for each in (cuts.tolist(), *(cut_every(size, block) for size in (1, 7, 50, 10_000))):
            assert run(block, clock, each, recording.meta.placement) == events
        done += 1
        if done == 4:
            break
    assert done >= 2


@settings(max_examples=60, deadline=None)
@given(rough())
def test_an_event_is_told_with_the_sample_that_decides_it(stream: tuple[Block, Clock, list[int]]) -> None:
    block, clock, cuts = stream
    detector = Detector(bundle(), clock, "waist", candidates=True)
    fed = detector.feed(block)
    detector = Detector(bundle(), clock, "waist", candidates=True)
    told: list[Event] = []
    for a, b in itertools.pairwise(sorted({0, *cuts, len(block)})):
        told += detector.feed(Block(block.t[a:b], block.acc[a:b]))
        assert told == [event for event in fed if event.t <= block.t[b - 1]]


def test_samples_wait_for_each_other_where_nothing_is_to_be_decided() -> None:
    t = np.arange(1000) / 100
    detector = Detector(bundle(), Clock("stamps", 100.0), "waist", candidates=True)
    most = 0
    for i in range(0, len(t), 10):
        assert detector.feed(Block(t[i : i + 10], np.tile(np.float32([0, 0, 1]), (10, 1)))) == []
        most = max(most, len(detector._held))
    assert most == 19
