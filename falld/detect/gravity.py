"""Gravity as a ruler: what a sensor's scale and zero are off, from how long gravity looked while it was still."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.detect.walk import Looks

MOST_GAIN = 0.1
"""Most that an axis is stretched or shrunk by. What is off by more is not in g, or broken, and no ruler helps."""
MOST_OFFSET_G = 0.1
"""Most that an axis' zero is moved by: a cheap sensor's is off by up to 0.06 g when new."""
_STILL_G = 0.03
"""Spread over the three axes: 15 mg of noise on each stay below, and breathing at the chest; a hand in use does not."""
_LENGTHS = (0.7, 1.3)
"""Gravity as the worst sensor within the limits shows it: 1 / 1.1 - 0.17 and 1 / 0.9 + 0.17 g. Others are broken."""
_CELLS = 3
"""A cube's faces in 3 times 3 cells: 54 directions, about 30 degrees apart."""
_FULL = 300.0
"""Five minutes of stillness are all that a direction can say; drift with warmth is followed at that pace."""
_ERROR_G = 0.005
"""Standard deviation of a full direction's length: slow movement, and what is not linear in a sensor."""
_PRIOR = 0.04
"""Standard deviation of zero, in g, and scale before anything is seen, as data sheets have them. Equal ones divide what
one direction alone shows, and the opposite one, which may show 1.06 or 0.94 g, is not made worse in either case."""
_ROUNDS = 4
"""Of Gauss-Newton; the second is within 1 mg already, as all of it is small."""

Vector = npt.NDArray[np.float64]


class Gravity:
    """What still periods have shown of one sensor, and the correction that follows.

    A fit of gravity's length over the directions that were seen, pulled towards no correction: the fewer directions,
    the more. It is a function of 54 means, updated look by look in the stream's order, so it does not depend on how
    the stream was cut. A fit's cost, 0.4 ms, is paid by the first candidate after a still period.
    """

    def __init__(self) -> None:
        self._seen = np.zeros((6 * _CELLS * _CELLS, 5))
        """By direction: how many looks (at most `_FULL`), and the means of x, y, z and of the length, in g."""
        self._fitted: tuple[Vector, Vector] | None = None

    def see(self, looks: Looks, start: int, stop: int) -> None:
        """Learn from looks `start` to `stop`, where they were still."""
        for i in np.flatnonzero(looks.spread[start:stop] < _STILL_G).tolist():
            x, y, z = looks.posture[start + i].tolist()
            length = math.sqrt(x * x + y * y + z * z)
            if _LENGTHS[0] <= length <= _LENGTHS[1]:
                mean = self._seen[_direction(x, y, z)]
                mean[0] = min(mean[0] + 1, _FULL)
                mean[1:] += (np.array((x, y, z, length)) - mean[1:]) / mean[0]
                self._fitted = None

    @property
    def correction(self) -> tuple[Vector, Vector]:
        """Zero, (3,) in g, and scale, (3,): what is true is `(measured - zero) * scale`."""
        if self._fitted is None:
            self._fitted = _fit(self._seen[self._seen[:, 0] > 0])
        return self._fitted

    def correct(self, acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Samples as a true sensor would have shown them.

        Args:
            acc: (n, 3) in g.
        """
        zero, scale = self.correction
        corrected: npt.NDArray[np.float32] = (acc - zero.astype(np.float32)) * scale.astype(np.float32)
        return corrected

    def dump(self) -> dict[str, Any]:
        """Arrays."""
        return {"seen": self._seen.copy()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on with what `dump` gave."""
        self._seen = np.array(saved["seen"], np.float64).reshape(self._seen.shape)
        self._fitted = None


def _direction(x: float, y: float, z: float) -> int:
    """Number of the cell of the cube around the sensor that a vector points through."""
    vector = (x, y, z)
    axis = max(range(3), key=lambda k: abs(vector[k]))
    along = vector[axis]
    u, v = (min(_CELLS - 1, int((vector[k] / abs(along) + 1) * _CELLS / 2)) for k in range(3) if k != axis)
    return ((2 * axis + (along < 0)) * _CELLS + u) * _CELLS + v


def _fit(seen: Vector) -> tuple[Vector, Vector]:
    """Zero and scale that make gravity 1 g long.

    Args:
        seen: (n, 5) as `Gravity` keeps them.
    """
    zero, gain = np.zeros(3), np.zeros(3)
    if not len(seen):
        return zero, gain + 1
    # Directions vary within a cell, so their mean vector is too short: it gives the direction alone.
    measured = seen[:, 1:4] * (seen[:, 4] / np.sqrt((seen[:, 1:4] ** 2).sum(axis=1)))[:, None]
    weight = (seen[:, 0] / _FULL / _ERROR_G**2)[:, None]
    pull = 1 / _PRIOR**2
    for _ in range(_ROUNDS):
        moved = measured - zero
        corrected = moved * (1 + gain)
        length = np.sqrt((corrected**2).sum(axis=1))[:, None]
        slope = np.hstack((-(1 + gain) * corrected, moved * corrected)) / length
        normal = slope.T @ (slope * weight) + np.eye(6) * pull
        gradient = (slope * weight * (length - 1)).sum(axis=0) + pull * np.concatenate((zero, gain))
        step = np.linalg.solve(normal, gradient)
        zero = np.clip(zero - step[:3], -MOST_OFFSET_G, MOST_OFFSET_G)
        gain = np.clip(gain - step[3:], -MOST_GAIN, MOST_GAIN)
    return zero, gain + 1
