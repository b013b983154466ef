"""Whether a recording's stamps can be a clock, and what to go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block

BRIDGED_GAP_S = 0.25
"""Longest gap that is bridged: half the shortest fall phase (a 0.5 s descent), so no impact hides in one."""
RATE_TOLERANCE = 0.10
"""Crystals are off by 100 ppm; stamps 10 % off the nominal rate were made by something else than a clock."""
MAX_HOLD_S = 1.0
"""Longest time that samples are held back to spread a burst; it delays every event."""
BURST_FRACTION = 0.25
"""Samples closer than this part of a period came in one burst: jitter of a sampled clock stays well above."""


class ClockError(ValueError):
    """The stamps are no clock and there is no nominal rate to go by instead."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How stamps become times."""

    kind: Literal["stamps", "nominal"]
    """`stamps`: the stamps are the clock; `nominal`: sample i is at the first stamp plus i periods."""
    rate_hz: float
    """Samples a second, measured where the stamps are the clock."""
    burst: int = 0
    """Samples that may come in one burst behind the first, and so are waited for to spread them."""


class ClockJudge:
    """Judges stamps block by block; the verdict does not depend on the cut.

    Bursts are counted against the nominal rate, or without one against the rate of the first `_WARM_UP` samples.
    """

    _WARM_UP = 256

    def __init__(self, nominal_hz: float | None) -> None:
        self.nominal_hz = nominal_hz
        self.rows = 0
        self.first = 0.0
        self.last = 0.0
        self._backward = 0
        self._period = 1.0 / nominal_hz if nominal_hz else None
        self._waiting: list[npt.NDArray[np.float64]] = []
        """Stamps that came before there was a period to count bursts by."""
        self._walked = 0
        self._burst = 0
        self._longest_burst = 0
        self._gaps = 0
        self._gap_s = 0.0
        self._from: tuple[int, float] | None = None
        """Sample and stamp at the end of the first burst (a lone sample is a burst of one)."""
        self._to: tuple[int, float, int, float] | None = None
        """Sample and stamp at the end of the last burst that is whole; long gaps before it, count and seconds."""

    def add(self, block: Block) -> None:
        """Look at the next block."""
        t = block.t
        if not len(t):
            return
        if not self.rows:
            self.first = float(t[0])
        else:
            t = np.concatenate(([self.last], t))
        self.rows += len(block)
        self.last = float(t[-1])
        steps = t[1:] - t[:-1]
        self._backward += int(np.count_nonzero(steps < 0))
        if self._period is not None:
            self._walk(t, steps)
            return
        self._waiting.append(t[1:] if self._waiting else t)
        if self.rows > self._WARM_UP:
            self._settle_period()

    def _settle_period(self) -> None:
        t = np.concatenate(self._waiting)
        steps = np.diff(t[: self._WARM_UP])
        usual = steps[(steps >= 0) & (steps <= BRIDGED_GAP_S)]
        self._period = (float(np.mean(usual)) if len(usual) else 0.0) or BRIDGED_GAP_S
        self._waiting = []
        self._walk(t, t[1:] - t[:-1])

    def _walk(self, t: npt.NDArray[np.float64], steps: npt.NDArray[np.float64]) -> None:
        """Count bursts and long gaps in the steps between these stamps, the first of which was walked to before."""
        assert self._period is not None
        is_apart = steps >= BURST_FRACTION * self._period
        apart = np.flatnonzero(is_apart)
        if not len(apart):
            self._burst += len(steps)
        else:
            last = int(apart[-1])
            self._burst += int(apart[0])
            inner = int(np.diff(apart).max(initial=1)) - 1 if len(apart) < len(steps) else 0
            self._longest_burst = max(self._longest_burst, self._burst, inner)
            self._burst = len(steps) - 1 - last
            if self._from is None:
                self._from = self._walked + int(apart[0]), float(t[apart[0]])
            gaps = np.flatnonzero((steps > BRIDGED_GAP_S) & is_apart)
            self._count_gaps(steps[gaps[gaps < last]])
            self._to = self._walked + last, float(t[last]), self._gaps, self._gap_s
            self._count_gaps(steps[gaps[gaps == last]])
        self._longest_burst = max(self._longest_burst, self._burst)
        self._walked += len(steps)

    def _count_gaps(self, gaps: npt.NDArray[np.float64]) -> None:
        for gap in gaps.tolist():
            self._gaps += 1
            self._gap_s += gap

    def verdict(self) -> Clock:
        """The clock of all that was added.

        The rate is measured over everything, and once more without the long gaps (samples that never came do not
        slow a clock); the stamps pass if either is within `RATE_TOLERANCE` of the nominal rate.

        Raises:
            ClockError: no clock and no nominal rate.
        """
        if self._waiting:
            self._settle_period()
        rates = self._rates()
        nominal = self.nominal_hz
        if nominal is None:
            if self._backward:
                raise ClockError(f"time runs backwards ({self._backward} steps) and there is no nominal rate")
            if not rates:
                raise ClockError("no rate can be told from the stamps and there is no nominal rate")
            return self._by_stamps(rates[-1])
        best = min(rates, key=lambda rate: abs(rate - nominal), default=0.0)
        if self._backward or abs(best - nominal) > RATE_TOLERANCE * nominal:
            return Clock("nominal", nominal)
        return self._by_stamps(best)

    def _rates(self) -> list[float]:
        """Samples a second: of all; between the ends of bursts, where stamps are least late; the same without gaps."""
        spans = [(self.rows - 1, self.last - self.first)]
        if self._from is not None and self._to is not None:
            count, seconds = self._to[0] - self._from[0], self._to[1] - self._from[1]
            spans += [(count, seconds), (count - self._to[2], seconds - self._to[3])]
        return [count / seconds for count, seconds in spans if count > 0 and seconds > 0]

    def _by_stamps(self, rate: float) -> Clock:
        return Clock("stamps", rate, min(self._longest_burst, int(MAX_HOLD_S * rate)))
