"""UUIDv7."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from falld.alert.message import UUID7_PATTERN
from falld.alert.uuid7 import Uuid7, uuid7


def test_the_example_of_rfc_9562() -> None:
    # Appendix A.6: 2022-02-22T19:22:22Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    make = Uuid7(now_ms=lambda: 0x017F22E279B0, random_bits=lambda bits: 0xCC3 << 62 | 0x18C4DC0C0C07398F)
    assert make() == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_it_has_the_time_version_and_variant() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(uuid7())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def everything(bits: int) -> int:
    return (1 << bits) - 1


@given(st.lists(st.integers(0, 2**48 - 2000), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_ids_ascend_whatever_the_clock_does(times: list[int], random: object) -> None:
    bits: Callable[[int], int] = random.getrandbits  # type: ignore[attr-defined]
    clock = iter(times)
    make = Uuid7(now_ms=lambda: next(clock), random_bits=bits)
    made = [make() for _ in times]
    assert made == sorted(set(made))
    assert all(re.fullmatch(UUID7_PATTERN, each) for each in made)


def test_a_full_counter_borrows_from_the_next_millisecond() -> None:
    make = Uuid7(now_ms=lambda: 1000, random_bits=everything)
    first, second = uuid.UUID(make()), uuid.UUID(make())
    assert (first.int >> 80, second.int >> 80) == (1000, 1001)
    assert first < second
