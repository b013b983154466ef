"""A live wearable's samples on the host's clock."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block
from falld.samples.cadence import Cadence, Counted, Ticked
from falld.samples.drift import LeastDelay

SLEW = 0.05
"""Most by which a step between samples is stretched or shrunk to catch up with the clock: half of what the rate of
stamps may be off. A first frame that was 0.3 s late is made good in 6 s."""
_CLOCK_HORIZON_S = 256.0
"""The longer, the surer is a frame of little delay among the arrivals; a crystal's drift is steady for minutes."""
_COUNT_HORIZON_S = 32.0
_COUNT_LEVEL_S = 4.0
"""Without a clock each loss too short to be seen puts the count behind for good: it is made up for in 4 s, and where
losses go on, drift holds their mean over half a minute."""


class LiveTime:
    """Stamps the frames of one wearable with CLOCK_BOOTTIME as they arrive; a stamp given is never changed.

    The wearable's own time says how its samples stand to each other and which are missing; its offset and drift
    against the host's clock are those of the arrivals of least delay. Stamps follow these by stretching the steps
    between samples by at most `SLEW`, so within a connection they increase strictly and jump only where samples are
    missing, by a whole number of periods.

    Args:
        rate_hz: nominal samples a second.
        tick_hz: ticks a second of the wearable's clock; None: it has none.
        bits: width of its counter.
        of: which sample of a frame its tick is of.

    Raises:
        ValueError: the counter wraps within a second.
    """

    def __init__(
        self,
        rate_hz: float,
        *,
        tick_hz: float | None = None,
        bits: int = 32,
        of: Literal["first", "last"] = "last",
    ) -> None:
        self._cadence: Cadence = Counted(rate_hz) if tick_hz is None else Ticked(rate_hz, tick_hz, bits, of)
        self._has_clock = tick_hz is not None
        horizons = (_CLOCK_HORIZON_S, _CLOCK_HORIZON_S) if self._has_clock else (_COUNT_HORIZON_S, _COUNT_LEVEL_S)
        self._delay = LeastDelay(*horizons)
        self._running = False
        self._stamp = -np.inf
        """Of the last sample."""
        self.frames = 0
        self.samples = 0
        self.lost = 0
        """Samples known to be missing within connections; without a clock only those in holes that jitter leaves."""
        self.resets = 0
        """Times that the wearable's clock began anew within a connection."""

    @property
    def ppm(self) -> float | None:
        """How much the wearable's clock is fast against the host's; None: it has none, or not a minute was heard."""
        drift = self._delay.drift
        return None if drift is None or not self._has_clock else (1.0 / (1.0 + drift) - 1.0) * 1e6

    @property
    def rate_hz(self) -> float:
        """Samples in one second of the host, as measured; nominal at first."""
        drift = self._delay.drift
        return 1.0 / (self._cadence.period * (1.0 + (self._delay.skew if drift is None else drift)))

    def reconnected(self) -> None:
        """What comes next is of a new connection: its counter and delays begin anew, its rate and drift stay."""
        self._cadence.begin()
        self._delay.begin()
        self._running = False

    def frame(self, acc: npt.NDArray[np.float32], tick: int | None, arrived: float) -> Block:
        """The next frame, with a stamp for each sample.

        Args:
            acc: (n, 3) in g, oldest first, n at least 1.
            tick: what the wearable's clock says; None: the samples follow those before.
            arrived: CLOCK_BOOTTIME in seconds.
        """
        n = len(acc)
        beat = self._cadence.frame(n, tick, self._delay.device(arrived))
        if beat is None:
            self.resets += 1
            self.reconnected()
            beat = self._cadence.frame(n, tick, 0.0)
            assert beat is not None, "a cadence takes any first frame"
        if beat.anew:
            self._delay.begin()
        self._delay.add(beat.last, arrived)
        self.frames += 1
        self.samples += n
        self.lost += beat.lost
        step = beat.step * (1.0 + self._delay.skew)
        if self._running:
            first = self._stamp + (beat.lost + 1) * step
            behind = self._delay.at(beat.last) - (first + (n - 1) * step)
            slew = min(max(behind / (n * step), -SLEW), SLEW) * step
        else:
            first = max(arrived - (n - 1) * step, self._stamp + step)
            slew = 0.0
        t = np.float64(first + slew) + np.arange(n, dtype=np.float64) * (step + slew)
        self._running = True
        self._stamp = float(t[-1])
        return Block(t, acc)
