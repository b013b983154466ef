"""An impact is held against those like it in the minute before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import hard_impacts, knocks

from falld.detect.bursts import ALIKE, LOOKED_BACK_S, MOST, REFRACTORY_S, Bursts
from falld.detect.detector import Detector
from falld.detect.events import Decision
from falld.samples.block import Block
from falld.samples.clock import Clock

PROBABILITIES = st.floats(0, 1)


def after(*at: float, probability: float = 0.5) -> Bursts:
    bursts = Bursts()
    for impact_t in at:
        bursts.weigh(impact_t, probability)
    return bursts


@given(PROBABILITIES)
def test_a_lone_impact_is_what_its_window_says(probability: float) -> None:
    assert Bursts().weigh(12.34, probability) == probability
    assert after(0.0, 5.0, probability=ALIKE / 2).weigh(40.0, probability) == probability


@given(st.integers(1, 12), st.floats(1e-6, 1 - 1e-6))
def test_the_odds_are_shared_with_those_like_it(n: int, probability: float) -> None:
    found = after(*(float(i) for i in range(n))).weigh(30.0, probability)
    odds = probability / (1 - probability) / (min(n, MOST) + 1)
    assert found / (1 - found) == pytest.approx(odds, rel=1e-6)


@given(st.lists(st.tuples(st.floats(0.5, 30), PROBABILITIES), max_size=20))
def test_never_more_probable_than_alone_and_never_below_an_eighth_of_the_odds(
    before: list[tuple[float, float]],
) -> None:
    bursts, t = Bursts(), 0.0
    for apart, probability in before:
        t += apart
        found = bursts.weigh(t, probability)
        assert probability / 8 <= found <= probability


def test_what_belongs_to_the_same_event_or_is_long_past_does_not_count() -> None:
    assert after(100.0).weigh(100.0 + REFRACTORY_S - 0.02, 0.9) == 0.9
    assert after(100.0).weigh(100.0 + REFRACTORY_S, 0.9) < 0.9
    assert after(100.0).weigh(100.0 + LOOKED_BACK_S - 0.02, 0.9) < 0.9
    assert after(100.0).weigh(100.0 + LOOKED_BACK_S, 0.9) == 0.9


def test_one_that_was_too_close_counts_for_the_next() -> None:
    bursts = after(100.0)
    bursts.weigh(105.0, 0.9)
    assert bursts.weigh(120.0, 0.5) == pytest.approx(1 / 4)


@pytest.mark.parametrize("cut", [1000, 4321, 9000])
def test_a_detector_that_goes_on_from_a_saved_state_remembers_the_minute(cut: int) -> None:
    block, bundle, clock = knocks([2.6] * 5, 3, still_s=10, gain=1.0), hard_impacts(), Clock("stamps", 50.0)
    whole = Detector(bundle, clock, "waist", candidates=True)
    expected = whole.feed(block) + whole.finish()
    first = Detector(bundle, clock, "waist", candidates=True)
    said = first.feed(Block(block.t[:cut], block.acc[:cut]))
    second = Detector(bundle, clock, "waist", candidates=True, state=first.save())
    assert said + second.feed(Block(block.t[cut:], block.acc[cut:])) + second.finish() == expected
    told = [e.probability for e in expected if isinstance(e, Decision) and e.event == "candidate"]
    odds = np.array(told) / (1 - np.array(told))
    # One every 20 s: the minute before holds one, then two, and never more.
    np.testing.assert_allclose(odds / odds[0], [1, 1 / 2, 1 / 3, 1 / 3, 1 / 3], rtol=0.1)
