"""What a link to a wearable is at, and how long it waits after each way to fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from falld.errors import FalldError

Failure = Literal["unreachable", "refused", "stopped", "stalled", "lost"]
"""`unreachable`: it advertises and no connection comes about; `refused`: it does not start its stream; `stopped`: it
ended the stream by itself; `stalled`: it is connected and says nothing; `lost`: the connection broke."""
LinkState = Literal["searching", "connecting", "starting", "streaming"] | Failure

WAITS: dict[Failure, tuple[float, float]] = {
    # Radio weather: the next try costs an advertisement, and holds others off the adapter for the time of a connect.
    "unreachable": (0.5, 20.0),
    # A setting or a pairing that a person must change; a wearable that is asked once a minute keeps its battery.
    "refused": (2.0, 60.0),
    # On a charger or off the strap: it comes back when it is worn again.
    "stopped": (1.0, 60.0),
    # The stream is made anew; a sensor that hangs needs to be left alone for a while.
    "stalled": (0.5, 30.0),
    # A second ago all was well, and an advertisement must be heard first anyway.
    "lost": (0.2, 5.0),
}
"""First and longest wait in seconds after each failure; the first bound doubles."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a wearable is, as far as its link knows."""

    state: LinkState = "searching"
    fault: FalldError | None = None
    """What keeps it from being heard, or is odd about what it says; None: nothing."""
    address: str | None = None
    """None: not met yet."""
    driver: str | None = None
    rate_hz: float | None = None
    """As settled with the wearable; None: it has not streamed yet."""
    battery: int | None = None
    """Percent."""
    rssi: int | None = None
    """dBm, of the last advertisement."""
    ppm: float | None = None
    """How much faster its clock runs than the host's; None: it has none, or not known yet."""
    lost: int = 0
    """Samples that never came, as far as its clock tells."""
    garbage: int = 0
    """Notifications that made no sense."""


@dataclass
class Waits:
    """How long to wait after a failure: each kind doubles its own bound, half of it at random.

    Two wearables that were lost together then do not knock together.
    """

    bounds: dict[Failure, tuple[float, float]] = field(default_factory=lambda: WAITS)
    uniform: Callable[[float, float], float] = random.uniform
    _times: dict[Failure, int] = field(default_factory=dict, init=False)

    def after(self, failure: Failure) -> float:
        """Seconds."""
        first, longest = self.bounds[failure]
        times = self._times.get(failure, 0)
        self._times[failure] = times + 1
        bound = min(longest, first * 2 ** min(times, 30))
        return self.uniform(bound / 2, bound)

    def reset(self) -> None:
        """All is well again."""
        self._times.clear()
