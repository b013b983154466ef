"""Up and walking again, or not: the second look at an impact."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest

from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event
from falld.detect.walk import EVERY, LENGTH, look, walking
from falld.detect.watch import WAIT, Watches
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

T = np.arange(LENGTH) / 50


def stepping(hz: float, swing: float) -> np.ndarray:
    return (1 + swing * np.sin(2 * np.pi * hz * T))[None, :].astype(np.float32)


@pytest.mark.parametrize(("hz", "swing"), [(1.7, 0.15), (2.0, 0.3), (2.8, 0.6)])
def test_steps_are_walking(hz: float, swing: float) -> None:
    assert walking(stepping(hz, swing)).tolist() == [True]


@pytest.mark.parametrize(("hz", "swing"), [(0.3, 0.3), (1.0, 0.3), (2.0, 0.03), (8.0, 0.5)])
def test_slower_fainter_or_faster_is_not(hz: float, swing: float) -> None:
    assert walking(stepping(hz, swing)).tolist() == [False]


def test_struggling_without_a_rhythm_is_not() -> None:
    noise = np.random.default_rng(0).normal(1, 0.3, (50, LENGTH)).astype(np.float32)
    assert not walking(noise).any()


def test_windows_are_judged_alone_as_in_a_batch() -> None:
    m = np.concatenate([stepping(hz, 0.3) for hz in (1.0, 1.6, 2.0, 3.0)] * 3)
    m += np.random.default_rng(1).normal(0, 0.05, m.shape).astype(np.float32)
    assert [bool(walking(row[None, :])[0]) for row in m] == walking(m).tolist()


def test_looks_are_a_second_apart_and_know_when_they_were_known() -> None:
    n = LENGTH + 2 * EVERY + 7
    acc = np.tile(np.float32([0, 0, 1]), (n, 1))
    looks = look(acc, np.ones(n, np.float32), np.arange(n) / 50 + 3, base=100, start=100)
    assert looks.done.tolist() == [100 + LENGTH - 1 + EVERY * i for i in range(3)]
    np.testing.assert_allclose(looks.t, (looks.done - 100) / 50 + 3)
    np.testing.assert_allclose(looks.posture, [[0, 0, 1]] * 3)
    assert looks.spread.tolist() == [0, 0, 0]


def test_looks_that_are_kept_show_the_same_without_the_samples() -> None:
    rng = np.random.default_rng(2)
    acc = rng.normal(0, 0.1, (600, 3)).astype(np.float32)
    m = np.concatenate((stepping(2.0, 0.3)[0], rng.normal(1, 0.1, 350))).astype(np.float32)
    asked, kept = (look(acc, m, np.arange(600) / 50, base=0, start=0) for _ in range(2))
    kept = pickle.loads(pickle.dumps(kept.settled()))
    assert kept._acc.base is None
    assert not kept._acc.size
    for name in ("done", "t", "walking", "posture", "spread"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(asked, name))
    assert set(asked.walking.tolist()) == {True, False}


def shipped(name: str) -> tuple[CsvRecording, Block]:
    recording = CsvRecording(recordings_dir() / f"{name}.csv.gz")
    parts = list(recording.blocks())
    return recording, Block(np.concatenate([p.t for p in parts]), np.concatenate([p.acc for p in parts]))


def tell(bundle: Bundle, block: Block, cuts: list[int]) -> list[Event]:
    detector = Detector(bundle, Clock("stamps", 100.0), "waist")
    out: list[Event] = []
    state: bytes | None = None
    for a, b in itertools.pairwise([0, *cuts, len(block)]):
        detector = Detector(bundle, Clock("stamps", 100.0), "waist", state=state)
        out += detector.feed(Block(block.t[a:b], block.acc[a:b]))
        state = detector.save()
    return out + detector.finish()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@pytest.fixture(scope="module")
def doubting(bundle: Bundle) -> Bundle:
    """The shipped bundle, sure of nothing."""
    return replace(bundle, thresholds={"unknown": 1.01}, doubts={"unknown": 0.3})


def kinds(events: list[Event]) -> list[str]:
    return [event.event for event in events if isinstance(event, Decision)]


def test_who_walks_again_has_recovered(bundle: Bundle) -> None:
    _, block = shipped("fall-recovered-waist")
    fall, recovered = tell(bundle, block, [])
    assert isinstance(fall, Decision)
    assert isinstance(recovered, Decision)
    assert (fall.event, recovered.event) == ("fall", "recovered")
    assert recovered.impact_t == fall.impact_t
    assert fall.impact_t + 7.5 <= recovered.t <= fall.impact_t + 30


def test_a_doubtful_impact_is_forgotten_where_the_wearer_walks(doubting: Bundle) -> None:
    assert kinds(tell(doubting, shipped("fall-recovered-waist")[1], [])) == []


def long_lie() -> Block:
    """A simulated fall, and the last second of lying repeated for a minute."""
    meta, block = simulate(SCENES["fall-forward-waist"])
    assert meta.simulated
    rest = np.tile(block.acc[-100:], (60, 1))
    t = np.concatenate((block.t, block.t[-1] + np.arange(1, len(rest) + 1) / 100))
    return Block(t, np.concatenate((block.acc, rest)))


def test_a_doubtful_impact_is_confirmed_where_nobody_walks(doubting: Bundle) -> None:
    (confirmed,) = tell(doubting, long_lie(), [])
    assert isinstance(confirmed, Decision)
    assert (confirmed.event, confirmed.incomplete) == ("confirmed", False)
    assert WAIT / 50 <= confirmed.t - confirmed.impact_t <= WAIT / 50 + EVERY / 50 + 0.05
    assert confirmed.why.endswith("not up since")


def test_a_doubtful_impact_before_the_end_is_confirmed_on_what_there_is(doubting: Bundle) -> None:
    _, block = shipped("fall-forward-waist")
    (confirmed,) = tell(doubting, block, [])
    assert isinstance(confirmed, Decision)
    assert (confirmed.event, confirmed.incomplete, confirmed.t) == ("confirmed", True, block.t[-1])


def test_cuts_and_saved_states_change_nothing(bundle: Bundle, doubting: Bundle) -> None:
    for block in (long_lie(), shipped("fall-recovered-waist")[1]):
        for of in (bundle, doubting):
            whole = tell(of, block, [])
            for size in (37, 500, 1111):
                assert tell(of, block, list(range(size, len(block), size))) == whole


def test_a_fall_makes_the_doubts_before_it_idle() -> None:
    watches = Watches()
    window = np.zeros((276, 3), np.float32)
    doubt = Decision("candidate", 3.0, 0.5, 0.4, 0.8, "waist", "m")
    watches.begin(doubt, 25, window)
    watches.begin(replace(doubt, event="fall", t=20.0, impact_t=17.5), 875, window)
    assert [each.said for each in watches.cut_off(30.0)] == [None]
