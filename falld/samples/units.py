"""Is this acceleration in g? A sensor at rest shows 1 g, whatever its make: so what does it show when it is still?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from falld.samples.block import Block

WRONG_BELOW_G, WRONG_ABOVE_G = 0.5, 2.0
"""No wearable is off by a factor of two at rest; every wrong unit is, by 9.8 and more."""
ODD_BELOW_G, ODD_ABOVE_G = 0.8, 1.2
"""Uncalibrated sensors lie within; a threshold in g means something else outside."""
STILL_SPREAD = 0.05
"""Root mean square of what differs from the second's mean vector, over that vector's length. A still wrist with a good
sensor shows 0.01 to 0.02, the 47 mg steps of a 6-bit sensor at ±1.5 g up to 0.05; a second of slow walking 0.1 and
more. A ratio, so it does not depend on the unit."""
KEPT_SECONDS = 3600
"""No more of any sort are looked at: a unit does not change, and memory is bounded."""
_ROWS_AT_ONCE = 8192
"""Judged together: 100 kB, which stays in a processor's cache."""

_UNITS = ((9.80665, "m/s²"), (1000.0, "milli-g"), (9806.65, "mm/s²"))


@dataclass(frozen=True, slots=True)
class Units:
    """A verdict on the unit of a recording."""

    still_seconds: int
    """Seconds that the verdict rests on, at most `KEPT_SECONDS`."""
    level_g: float | None
    """Median over them of each one's mean |a|, as if it were g; None without a still second."""
    kind: Literal["ok", "odd", "wrong", "unknown"]
    overall_g: float | None = None
    """The same over all seconds: near 1 g too, as what moves the body up also moves it down."""
    frozen: bool = False
    """The still seconds are each one single repeated sample: a sensor at rest has noise, a dead one has none."""

    @property
    def _dead(self) -> bool:
        return self.kind == "wrong" and self.level_g == 0.0

    @property
    def what(self) -> str:
        """What is wrong or odd, for an error or a warning; empty where nothing is."""
        if self.level_g is None or self.kind == "ok":
            return ""
        if self._dead:
            return "the acceleration is 0: the sensor is dead, or the columns are"
        shown = f"at rest the acceleration is {self.level_g:.4g} g instead of 1 g"
        if self.frozen:
            shown += ", without any noise: the sensor may be stuck"
        if self.kind == "odd" and _far_off(self.level_g):
            shown += f", though on the whole {self.overall_g:.4g} g: its scale may change on the way"
        return shown

    @property
    def remedy(self) -> str:
        """What to do about it; empty where nothing is to be done."""
        if self.level_g is None or self.kind == "ok":
            return ""
        if self._dead:
            return "check the sensor and the export"
        if self.kind == "odd":
            return "check and calibrate the sensor"
        return f"this looks like {guess_unit(self.level_g)}: convert to g"


def guess_unit(level: float) -> str:
    """Words for the unit in which gravity is `level`, with how to convert it.

    >>> guess_unit(9.79)
    'm/s² (divide by 9.80665)'
    """
    for size, name in _UNITS:
        if abs(math.log(level / size)) < 0.1:
            return f"{name} (divide by {size:g})"
    power = round(math.log2(level))
    if power >= 4 and abs(math.log(level / 2**power)) < 0.1:
        return f"raw counts, perhaps {2**power} for 1 g (divide by that)"
    return f"raw counts or an unknown unit (gravity is {level:.4g} in it)"


class UnitsJudge:
    """Judges the unit from the still seconds of a stream, the same for every cut into blocks.

    A second is `round(rate_hz)` samples, counted from the first sample; a rest at the end is left out.

    Args:
        rate_hz: samples a second, above 0.
    """

    def __init__(self, rate_hz: float) -> None:
        self._second = max(2, round(rate_hz))
        seconds = max(1, _ROWS_AT_ONCE // self._second)
        # Whole seconds from the first sample on, an axis a row. When they are judged depends on the number of samples
        # alone: sums over another shape could round differently, and the verdict would depend on the cut.
        self._axes = np.empty((3, seconds * self._second), dtype=np.float32)
        self._fill = 0
        self._tally = _Tally()

    def feed(self, block: Block) -> None:
        """Take the next samples."""
        done = 0
        while done < len(block) and not self._tally.full:
            n = min(len(block) - done, self._axes.shape[1] - self._fill)
            self._axes[:, self._fill : self._fill + n] = block.acc[done : done + n].T
            self._fill += n
            done += n
            if self._fill == self._axes.shape[1]:
                self._tally = self._judged()
                self._fill = 0

    def verdict(self) -> Units:
        """On what was fed so far; more may follow."""
        return self._judged().verdict()

    def _judged(self) -> _Tally:
        n = self._fill // self._second
        return self._tally.extended(self._axes[:, : n * self._second].reshape(3, n, self._second))


def _no_levels() -> npt.NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class _Tally:
    """The levels of the first seconds of each sort."""

    every: npt.NDArray[np.float64] = field(default_factory=_no_levels)
    live: npt.NDArray[np.float64] = field(default_factory=_no_levels)
    """Still, with the noise of a working sensor."""
    frozen: npt.NDArray[np.float64] = field(default_factory=_no_levels)

    @property
    def full(self) -> bool:
        """Nothing that comes will change the verdict."""
        return len(self.every) == len(self.live) == KEPT_SECONDS

    def extended(self, seconds: npt.NDArray[np.float32]) -> _Tally:
        """With the next seconds, of shape (3, n, samples in one)."""
        if not seconds.size:
            return self
        acc = seconds.astype(np.float64)
        n = acc.shape[2]
        square = np.add.reduce(acc * acc, axis=0)
        level = np.add.reduce(np.sqrt(square), axis=1) / n
        gravity = np.add.reduce((np.add.reduce(acc, axis=2) / n) ** 2, axis=0)
        spread = np.sqrt(np.maximum(np.add.reduce(square, axis=1) / n - gravity, 0))
        frozen = (seconds[:, :, 0] == seconds[:, :, -1]).all(axis=0)
        frozen[frozen] = (seconds[:, frozen] == seconds[:, frozen, :1]).all(axis=(0, 2))
        live = ~frozen & (spread <= STILL_SPREAD * np.sqrt(gravity))
        return _Tally(_kept(self.every, level), _kept(self.live, level[live]), _kept(self.frozen, level[frozen]))

    def verdict(self) -> Units:
        # Frozen seconds count only where there are no others: dropouts are filled with zeros or the last sample.
        stuck = not len(self.live)
        still = self.frozen if stuck else self.live
        if not len(still):
            return Units(0, None, "unknown")
        level, overall = _median(still), _median(self.every)
        # Both must be off: where the scale changes on the way the few still seconds may lie in the wrong part.
        kind: Literal["ok", "odd", "wrong"] = "odd"
        if ODD_BELOW_G <= level <= ODD_ABOVE_G:
            kind = "ok"
        elif _far_off(level) and _far_off(overall):
            kind = "wrong"
        return Units(len(still), level, kind, overall, stuck)


def _kept(levels: npt.NDArray[np.float64], more: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate((levels, more))[:KEPT_SECONDS]


def _median(levels: npt.NDArray[np.float64]) -> float:
    ordered, n = np.sort(levels), len(levels)
    return float((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)


def _far_off(level: float) -> bool:
    return not WRONG_BELOW_G <= level <= WRONG_ABOVE_G
