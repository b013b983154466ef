from __future__ import annotations

import pytest

from falld.publish.backoff import Backoff


def upper(low: float, high: float) -> float:
    return high


def test_doubles_up_to_the_longest_and_starts_anew() -> None:
    backoff = Backoff(uniform=upper)
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next() == 1


def test_what_is_urgent_does_not_wait_long() -> None:
    backoff = Backoff(uniform=upper)
    assert [backoff.next(urgent=True) for _ in range(6)] == [1, 2, 4, 5, 5, 5]
    assert backoff.next() == 60


def test_the_jitter_is_full() -> None:
    backoff = Backoff(4, 4)
    delays = [backoff.next() for _ in range(2000)]
    assert min(delays) < 0.1
    assert max(delays) > 3.9
    assert sum(delays) / len(delays) == pytest.approx(2, abs=0.2)


def test_a_takeover_is_left_alone_for_longer() -> None:
    backoff = Backoff()
    assert all(60 <= backoff.after_takeover() <= 120 for _ in range(100))
