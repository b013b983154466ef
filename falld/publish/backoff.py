"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 1.0
"""Mean 0.5 s after the first loss: a broker that restarts (mosquitto: 20 ms) is met again at once."""
LONGEST_S = 60.0
"""1000 homes on a dead broker then knock 1000 / 30 s = 33 times a second, which any broker bears."""
URGENT_S = 5.0
"""Where something waits to be sent. Mean 2.5 s, so three tries fit into the 20 s after which a home alarms by itself.
Of a thousand homes with two alerts a day 14 have one waiting when a broker was away for 10 minutes."""
TAKEOVER_S = 60.0
"""Two clients with one id throw each other out: with 60 to 120 s between, each is heard for a minute or so."""


class Backoff:
    """Exponential with full jitter: uniform between 0 and a bound that doubles, so that clients spread out."""

    def __init__(
        self,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        *,
        takeover_s: float = TAKEOVER_S,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = self._bound = first_s
        self._longest = longest_s
        self._takeover = takeover_s
        self._uniform = uniform

    def next(self, *, urgent: bool = False) -> float:
        """Seconds to wait, at most `URGENT_S` where it is urgent; the bound doubles for the next time."""
        delay = self._uniform(0.0, min(self._bound, URGENT_S) if urgent else self._bound)
        self._bound = min(self._bound * 2, self._longest)
        return delay

    def after_takeover(self) -> float:
        """Seconds to wait after somebody else took the client id."""
        return self._uniform(self._takeover, 2 * self._takeover)

    def reset(self) -> None:
        """Start from the first bound again: the last connection was a good one."""
        self._bound = self._first
