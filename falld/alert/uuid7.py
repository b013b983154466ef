"""UUIDv7 (RFC 9562, section 5.7): ids that sort by the time they were made."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Callable

_COUNTER_BITS = 74  # rand_a and rand_b: all that is neither time, version nor variant
_STEP_BITS = 32  # an id in the same millisecond stays unguessable; 2^74 has room for 2^42 such steps


class Uuid7:
    """Makes ids that are unique and ascending, also within a millisecond and when the clock runs backwards.

    The monotonic random of RFC 9562, section 6.2, method 2. Safe to call from any thread.

    Args:
        now_ms: milliseconds since 1970, UTC.
        random_bits: a number of so many random bits.
    """

    def __init__(
        self,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._lock = threading.Lock()
        self._ms = -1
        self._counter = 0

    def __call__(self) -> str:
        with self._lock:
            ms = self._now_ms()
            if ms > self._ms:
                self._ms = ms
                self._counter = self._random_bits(_COUNTER_BITS)
            else:
                self._counter += 1 + self._random_bits(_STEP_BITS)
                if self._counter >> _COUNTER_BITS:
                    self._ms += 1
                    self._counter = self._random_bits(_COUNTER_BITS)
            return str(uuid.UUID(int=_layout(self._ms, self._counter)))


def _layout(ms: int, counter: int) -> int:
    rand_a, rand_b = counter >> 62, counter & (1 << 62) - 1
    return (ms & (1 << 48) - 1) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b


uuid7 = Uuid7()
"""The process's own maker of ids: `uuid7()`."""
