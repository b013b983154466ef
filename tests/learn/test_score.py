"""The scoring rule and its intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falld.detect.window import POST, PRE
from falld.learn.extract import Table, Trial
from falld.learn.intervals import poisson, wilson
from falld.learn.score import Score, heard, score
from falld.learn.truth import Truth, teaches, truth
from falld.learn.validate import choose
from falld.samples.block import Block
from falld.samples.recording import FallSpan, Meta


def test_intervals_are_those_of_the_books() -> None:
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert poisson(0, 1.0) == pytest.approx((0.0, 3.6889), abs=1e-4)
    assert poisson(10, 1.0) == pytest.approx((4.7954, 18.3904), abs=1e-4)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share(hits: int, more: int) -> None:
    low, high = wilson(hits, hits + more)
    assert 0 <= low <= hits / (hits + more) <= high <= 1


def table(*trials: tuple[float | None, list[float]]) -> Table:
    """Trials of 0.1 h, each with its impact and the impacts of its candidates, decided 2.5 s later."""
    people = [
        Trial("lab", f"lab/{i}", Meta(placement="waist"), Truth(impact, 0.0), 0.1)
        for i, (impact, _) in enumerate(trials)
    ]
    rows = [(i, at) for i, (_, found) in enumerate(trials) for at in found]
    impact_t = np.array([at for _, at in rows])
    hit = np.array([people[i].truth.hit(at, at + 2.5) for i, at in rows], bool)
    acc = np.zeros((len(rows), PRE + 1 + POST, 3), np.float32)
    trial = np.array([i for i, _ in rows], np.int64)
    never = np.full(len(rows), np.inf)
    return Table(people, trial, impact_t, impact_t + 2.5, acc, np.zeros(len(rows), np.int64), hit, never)


def scored(of: Table) -> Score:
    n = len(of.trial)
    return score(of, np.ones(n), np.full(n, 0.5), np.ones(len(of.trials), bool))


def test_a_hit_is_from_a_second_before_to_ten_after() -> None:
    assert scored(table((100.0, [99.0]))) == Score(falls=1, hits=1)
    assert scored(table((100.0, [98.9]))) == Score(falls=1, alarms=1)
    assert scored(table((100.0, [107.5]))) == Score(falls=1, hits=1)
    assert scored(table((100.0, [107.6]))) == Score(falls=1, alarms=1)


def test_ten_seconds_after_a_counted_event_nothing_counts() -> None:
    assert scored(table((None, [10.0, 19.9, 20.1, 29.0]))) == Score(alarms=2, hours=0.1)
    assert scored(table((100.0, [95.0, 100.0]))) == Score(falls=1, alarms=1), "an alarm too early hides the fall"


def test_scores_add_up_and_say_their_intervals() -> None:
    total = scored(table((100.0, [100.0]), (None, [50.0]), (None, [])))
    assert total == Score(falls=1, hits=1, alarms=1, hours=0.2)
    assert total.describe(per_day=False)["sensitivity"] == "100.0 % [20.7, 100.0]"


def test_who_walks_again_is_not_heard_of_and_who_is_doubted_is_heard_only_if_not_up() -> None:
    of = table((None, [10.0, 40.0, 70.0, 100.0]))
    walk_t = np.array([np.inf, 60.0, np.inf, 110.0])
    of = replace(of, walk_t=walk_t)
    probability, sure, doubt = np.array([0.9, 0.9, 0.4, 0.4]), np.full(4, 0.8), np.full(4, 0.3)
    every = np.ones(1, bool)
    assert score(of, probability, sure, every).alarms == 2
    assert heard(of, probability, sure, doubt, every).alarms == 2, "the first, and the third; the others walk"
    assert heard(replace(of, walk_t=walk_t + 5), probability, sure, doubt, every).alarms == 3, "too late"
    assert heard(of, probability, sure, np.full(4, 0.5), every).alarms == 1


LOGITS = np.array([4.05, 3.05, 2.05, 1.05, 0.05])
"""Of five candidates of a trial without a fall: in 0.1 h one alarm is allowed."""


@pytest.mark.parametrize(
    ("walks", "lowest"),
    [([False] * 5, 3.1), ([True, False, False, False, False], 2.1), ([True, True, True, False, False], 0.1)],
)
def test_doubts_fill_what_was_taken_back_and_no_more(walks: list[bool], lowest: float) -> None:
    of = table((None, [10.0, 30.0, 50.0, 70.0, 90.0]))
    of = replace(of, walk_t=np.where(walks, of.t + 5, np.inf))
    probability = 1 / (1 + np.exp(-LOGITS))
    thresholds, doubts = choose(of, probability, np.ones(1, bool))
    every = np.ones(1, bool)

    def limit(of_group: dict[str, float]) -> npt.NDArray[np.float64]:
        return np.full(5, of_group["trunk"])

    assert score(of, probability, limit(thresholds), every).alarms == 1
    assert heard(of, probability, limit(thresholds), limit(doubts), every).alarms <= 1
    assert np.log(doubts["trunk"] / (1 - doubts["trunk"])) == pytest.approx(lowest, abs=1e-3)


def ramp(peak_at: float) -> Block:
    t = np.arange(1000) / 100
    acc = np.zeros((1000, 3), np.float32)
    acc[:, 2] = 1
    acc[round(peak_at * 100), 2] = 4
    return Block(t, acc)


def test_the_impact_is_the_given_one_else_the_span_s_largest_else_the_largest() -> None:
    def impact(**known: object) -> float | None:
        meta = Meta(is_fall=True, **known)  # type: ignore[arg-type]
        return truth(meta, [ramp(7.0)], 100.0, nominal=False).impact_s

    assert impact(falls=(FallSpan(1.0, 3.3),)) == 3.3
    assert impact(falls=(FallSpan(5.0, None, 5.5),)) == pytest.approx(7.0)
    assert impact(falls=(FallSpan(1.0, None, 1.5),)) == pytest.approx(1.0)
    assert impact() == pytest.approx(7.0)
    assert truth(Meta(is_fall=False), [ramp(7.0)], 100.0, nominal=False).impact_s is None


def test_what_teaches_does_not_depend_on_the_class() -> None:
    for impact in (5.0, None):
        found = Truth(impact, 0.0)
        assert teaches(found, 5.0, incomplete=False, clock="stamps")
        assert not teaches(found, 1.4, incomplete=False, clock="stamps")
        assert not teaches(found, 5.0, incomplete=True, clock="stamps")
        assert not teaches(found, 5.0, incomplete=False, clock="nominal")


def test_labels() -> None:
    fall = Truth(5.0, 0.0)
    assert [fall.label(t) for t in (3.9, 4.1, 5.9, 6.1, 16.9, 17.1)] == [0, 1, 1, -1, -1, 0]
