"""The published methods on traces whose falls are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest

from falld.detect.bundle import Bundle
from falld.errors import FalldError
from falld.learn.baselines.catalogue import PUBLISHED, SCOUTED, methods
from falld.learn.baselines.deviation import SisFallC9
from falld.learn.baselines.forest import FEATURES, Forest, window_features
from falld.learn.baselines.impact import Bourke, Magnitude, MinMax
from falld.learn.baselines.method import Found, Learner, Method
from falld.learn.baselines.peaks import peaks
from falld.learn.baselines.posture import Kangas
from falld.learn.baselines.shipped import Shipped
from falld.learn.baselines.trace import Trace, trace
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording
from falld.samples.recording import Meta
from falld.samples.survey import survey
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

HZ = 50
UP, LYING = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)
IMPACT_S = 3.42
THRESHOLDS = [method for method in PUBLISHED if not isinstance(method, Learner)]

Piece = tuple[float, tuple[float, float, float]]


@dataclass(frozen=True)
class Held:
    """A recording in memory."""

    block: Block
    meta: Meta = field(default_factory=Meta)
    source: str = "held"
    number: int | None = None

    def blocks(self) -> Iterator[Block]:
        yield self.block


def course(*pieces: Piece, placement: str = "waist") -> Trace:
    """Seconds of constant acceleration, one after the other, with a little noise."""
    acc = np.concatenate([np.tile(np.array(value), (round(seconds * HZ), 1)) for seconds, value in pieces])
    acc += np.random.default_rng(0).normal(0, 0.004, acc.shape)
    return laid(acc, placement)


def laid(acc: npt.NDArray[np.floating], placement: str = "waist") -> Trace:
    block = Block(np.arange(len(acc)) / HZ, acc.astype(np.float32))
    return trace(Held(block, Meta(placement=placement)), Clock("stamps", float(HZ)))


FALL: tuple[Piece, ...] = ((3.0, UP), (0.4, (0.0, 0.0, 0.1)), (0.06, (2.0, 1.0, 3.0)), (5.0, LYING))
JUMP: tuple[Piece, ...] = ((3.0, UP), (0.4, (0.0, 0.0, 0.1)), (0.06, (0.0, 0.5, 3.7)), (5.0, UP))
SIT: tuple[Piece, ...] = ((3.0, UP), (0.3, (0.0, 0.0, 0.7)), (0.1, (0.2, 0.0, 1.3)), (5.0, (0.3, 0.0, 0.95)))
SHAKEN: tuple[Piece, ...] = (
    *FALL[:-1],
    *(((0.2, (1.4, 0.0, 0.0)), (0.2, (0.6, 0.0, 0.0))) * 12),
)


def alarms(method: Method, of: Trace) -> Found:
    found = method.found(of)
    kept = found.score >= method.threshold(of.placement)
    return Found(found.impact_t[kept], found.t[kept], found.score[kept])


@pytest.mark.parametrize("method", THRESHOLDS, ids=lambda method: method.name)
def test_a_fall_is_one_alarm_soon_after_its_impact(method: Method) -> None:
    found = alarms(method, course(*FALL))
    assert found.impact_t == pytest.approx([IMPACT_S], abs=0.06)
    assert 0.5 < found.t[0] - found.impact_t[0] < 4.3


@pytest.mark.parametrize("method", THRESHOLDS, ids=lambda method: method.name)
def test_sitting_and_standing_alarm_nobody(method: Method) -> None:
    assert not len(alarms(method, course(*SIT)).t)
    assert not len(alarms(method, course((20.0, UP))).t)


def test_a_jump_alarms_what_does_not_look_at_the_posture() -> None:
    for method in THRESHOLDS:
        assert len(alarms(method, course(*JUMP)).t) == (0 if isinstance(method, Kangas) else 1), method.name


def test_who_moves_afterwards_is_not_inactive() -> None:
    assert len(alarms(Kangas(), course(*SHAKEN)).t) >= 1
    assert len(alarms(Kangas(inactivity=True), course(*SHAKEN)).t) == 0


def test_without_a_dip_there_is_no_fall_for_bourke_and_minmax() -> None:
    hit = course((3.0, UP), (0.06, (2.0, 1.0, 3.4)), (5.0, LYING))
    assert len(alarms(Magnitude(), hit).t) == 1
    assert len(Bourke().found(hit).t) == len(MinMax().found(hit).t) == 0


def test_bourke_s_thresholds_are_the_placement_s() -> None:
    softer = (*FALL[:1], (0.4, (0.0, 0.0, 0.5)), (0.06, (2.0, 0.0, 2.0)), FALL[-1])
    assert len(alarms(Bourke(), course(*softer, placement="thigh")).t) == 1
    assert len(alarms(Bourke(), course(*softer, placement="waist")).t) == 0


def test_c9_is_the_root_of_the_summed_variances() -> None:
    slow = np.arange(10 * HZ) / HZ
    acc = np.stack([0.5 * np.sin(2 * np.pi * slow), 0.5 * np.cos(2 * np.pi * slow), np.ones_like(slow)], axis=1)
    (segment,) = laid(acc).segments
    assert SisFallC9().c9(segment)[100:] == pytest.approx(0.5, rel=1e-3), "two axes of variance 0.125 each"


@pytest.fixture(scope="module")
def day() -> npt.NDArray[np.float32]:
    """(n, 3) falls and other things, one after the other."""
    scenes = [simulate(SCENES[name])[1].acc[::2] for name in ("fall-recovered-waist", "jump-waist")]
    scripted = [segment.acc for pieces in (FALL, JUMP, FALL, SIT) for segment in course(*pieces).segments]
    return np.concatenate([*scenes, *scripted])


@pytest.mark.parametrize("method", THRESHOLDS, ids=lambda method: method.name)
def test_a_turned_sensor_changes_nothing(method: Method, day: npt.NDArray[np.float32]) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    straight, turned = method.found(laid(day)), method.found(laid(day @ turn))
    assert len(straight.t)
    assert turned.impact_t == pytest.approx(straight.impact_t)
    assert turned.score == pytest.approx(straight.score, rel=1e-4)


@pytest.mark.parametrize("method", PUBLISHED, ids=lambda method: method.name)
def test_nothing_from_the_future(method: Method, day: npt.NDArray[np.float32]) -> None:
    whole = method.found(laid(day))
    assert len(whole.t)
    assert (np.diff(whole.t) >= 0).all()
    for t in whole.t[:: max(1, len(whole.t) // 12)].tolist():
        part = method.found(laid(day[: round(t * HZ) + 1]))
        told = whole.t <= t + 1e-9
        n = np.count_nonzero(told)
        assert part.impact_t[:n] == pytest.approx(whole.impact_t[told])
        assert part.t[:n] == pytest.approx(whole.t[told])
        assert part.score[:n] == pytest.approx(whole.score[told], rel=1e-5)


def test_a_clipped_peak_is_one_peak() -> None:
    signal = np.ones(400)
    signal[100:112] = signal[130:140] = 2.0
    signal[300] = 2.0
    assert peaks(signal, 1.5).tolist() == [100, 300]


def test_a_gap_ends_a_segment_and_what_waits_is_known_when_the_gap_is() -> None:
    t = np.arange(1000) / HZ
    t[500:] += 2.0
    acc = np.tile(np.array([0, 0, 1], np.float32), (1000, 1))
    acc[495] = (0, 0, 4)
    course = trace(Held(Block(t, acc)), Clock("stamps", float(HZ)))
    assert [len(segment) for segment in course.segments] == [500, 500]
    found = Magnitude().found(course)
    assert found.impact_t == pytest.approx([9.9])
    assert 9.98 < found.t[0] <= 12.0, "no later than the first sample after the gap"


def test_windows_have_28_features_of_different_names() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 28
    windows = np.random.default_rng(2).normal(size=(5, 100, 3)).astype(np.float32)
    rows = window_features(windows)
    assert rows.shape == (5, 28)
    named = dict(zip(FEATURES, rows[0].tolist(), strict=True))
    assert named["x mean"] == pytest.approx(windows[0, :, 0].mean(), abs=1e-6)
    assert named["|a| range"] == pytest.approx(named["|a| max"] - named["|a| min"], abs=1e-5)
    assert named["correlation xy"] == pytest.approx(np.corrcoef(windows[0, :, 0], windows[0, :, 1])[0, 1], abs=1e-5)
    assert np.isfinite(window_features(np.ones((1, 100, 3), np.float32))).all(), "a still window has no spread"


def test_the_last_window_ends_with_the_recording() -> None:
    found = Forest().found(course((2.5, UP), (0.2, (0.0, 0.0, 4.0)), (0.1, UP)))
    assert found.t[-1] == pytest.approx(2.78)
    assert found.impact_t[-1] == pytest.approx(2.6, abs=0.11)


def test_the_forest_learns_and_is_the_same_each_time() -> None:
    found = [Forest().found(course(*pieces)) for pieces in (FALL, JUMP, FALL, JUMP)]
    features = np.concatenate([one.features for one in found if one.features is not None])
    label = np.concatenate([np.full(len(one.t), i % 2 == 0) for i, one in enumerate(found)]).astype(np.int64)
    first, again = (Forest().fit(features, label).score(features) for _ in range(2))
    assert (first == again).all()
    assert first[label == 1].mean() > first[label == 0].mean() + 0.3


def test_a_recording_too_short_gives_nothing() -> None:
    for method in PUBLISHED:
        assert not len(method.found(course((0.4, UP))).t)


def test_every_method_names_its_source() -> None:
    everything = [*PUBLISHED, *SCOUTED]
    assert len({method.name for method in everything}) == len(everything)
    assert all(len(method.source) > 40 for method in everything)
    assert [method.name for method in methods(["falld", "bourke"])] == ["falld", "bourke"]
    assert [method.name for method in methods(["published", "recipe"])][-2:] == ["forest", "recipe"]
    with pytest.raises(FalldError, match="no method is called 'burke'; choose of magnitude, bourke"):
        methods(["burke"])


def test_kangas_is_two_methods() -> None:
    assert replace(Kangas(), inactivity=True).name == "kangas-inactivity"
    assert Kangas().name == "kangas-posture"


def test_a_bundle_says_what_its_detector_says() -> None:
    bundle = Bundle.load(shipped_bundle())
    recording = CsvRecording(recordings_dir() / "fall-forward-waist.csv.gz")
    method = Shipped(bundle)
    found = method.found(trace(recording, survey(recording).clock))
    assert found.said is not None
    (fall,) = (one for one in found.said if one.kind == "fall")
    alarm = found.score >= method.threshold("waist")
    assert (fall.impact_t, fall.t) in list(zip(found.impact_t[alarm].tolist(), found.t[alarm].tolist(), strict=True))
    truth = recording.meta.falls[0].impact_s
    assert truth is not None
    assert abs(fall.impact_t - truth) < 1


def test_a_bundle_s_card_tells_whom_it_saw() -> None:
    bundle = Bundle.load(shipped_bundle())
    taught = Shipped(replace(bundle, card={"trained_on": {"here": {}, "there": {}}}))
    assert taught.taught_on({"there", "elsewhere"}) == {"there"}
    assert "trained on here, there" in taught.source
    silent = Shipped(replace(bundle, card={}))
    assert silent.taught_on({"there"}) == {"there"}, "no card can rule it out"
