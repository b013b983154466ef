from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from falld.publish.resends import Resends

A, B, C = ("a", 1), ("a", 2), ("b", 1)


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_new_ones_go_at_once_oldest_first_and_few_at_a_time() -> None:
    resends = Resends(uniform=middle)
    resends.keep([A, B, C], 0)
    assert resends.take(0, 2) == [A, B]
    assert resends.take(0, 2) == []
    resends.sent(A, 0)
    assert resends.take(0, 2) == [C]


def test_an_unacknowledged_one_comes_again_after_longer_and_longer_waits() -> None:
    resends = Resends(uniform=middle)
    resends.keep([A], 0)
    now, waits = 0.0, []
    for _ in range(6):
        assert resends.take(now, 1) == [A]
        resends.sent(A, now)
        due = resends.next_due()
        assert due is not None
        assert resends.take(due - 0.001, 1) == []
        waits.append(due - now)
        now = due
    assert waits == [15, 30, 60, 120, 120, 120]


def test_a_lost_connection_leaves_it_due_and_a_new_one_makes_all_due() -> None:
    resends = Resends(uniform=middle)
    resends.keep([A, B], 0)
    resends.take(0, 2)
    resends.failed(A)
    resends.sent(B, 0)
    assert resends.take(0, 2) == [A]
    resends.failed(A)
    resends.restart(1)
    assert resends.take(1, 2) == [A, B]
    resends.sent(B, 1)
    assert resends.next_due() == 16


def test_what_was_acknowledged_is_forgotten_also_in_flight() -> None:
    resends = Resends()
    resends.keep([A, B], 0)
    resends.take(0, 2)
    resends.forget(A)
    resends.keep([B], 0)
    resends.sent(A, 0)
    resends.failed(A)
    assert A not in resends
    assert resends.next_due() is None


def test_the_waits_of_many_homes_drift_apart() -> None:
    waits = set()
    for _ in range(50):
        resends = Resends()
        resends.keep([A], 0)
        resends.take(0, 1)
        resends.sent(A, 0)
        waits.add(resends.next_due())
    assert len(waits) > 40
    assert all(12 <= (wait or 0) <= 18 for wait in waits)


@given(st.lists(st.tuples(st.sampled_from(["take", "sent", "failed", "restart", "keep", "forget"]), st.integers(0, 4))))
def test_no_message_is_ever_in_flight_twice_and_none_is_lost(steps: list[tuple[str, int]]) -> None:
    keys = [("x", n) for n in range(5)]
    resends = Resends()
    resends.keep(keys, 0)
    there, flying, now = set(keys), [], 0.0
    for step, n in steps:
        now += 1
        match step:
            case "take":
                taken = resends.take(now, 3)
                assert not set(taken) & set(flying)
                flying += taken
                assert len([key for key in flying if key in there]) <= 3
            case "sent" | "failed" if flying:
                key = flying.pop(n % len(flying))
                resends.sent(key, now) if step == "sent" else resends.failed(key)
            case "restart":
                resends.restart(now)
            case "keep":
                resends.keep([key for key in keys if key in there], now)
            case "forget":
                there.discard(keys[n])
                resends.forget(keys[n])
    for key in flying:
        resends.failed(key)
    assert set(resends.take(now + 1000, 99)) == there


def test_a_hub_that_comes_while_a_message_is_in_flight_gets_it_at_once() -> None:
    resends = Resends(15, 120, uniform=lambda low, high: 1.0)
    resends.keep([("a", 1)], 0.0)
    assert resends.take(0.0, 8) == [("a", 1)]
    resends.restart(1.0)
    assert resends.take(1.0, 8) == []
    resends.sent(("a", 1), 1.5)
    assert resends.take(1.5, 8) == [("a", 1)]
    resends.sent(("a", 1), 1.6)
    assert resends.next_due() == 16.6
