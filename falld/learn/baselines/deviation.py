"""The spread of the acceleration in a second, as it came with the SisFall data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from falld.detect.window import GRID_HZ
from falld.learn.baselines.method import Found, gather
from falld.learn.baselines.peaks import APART, peaks
from falld.learn.baselines.trace import Floats, Segment, Trace

_WINDOW = round(1.0 * GRID_HZ)
_FLOOR_G = 0.15
"""Half of walking's: no fall is found with less."""


@dataclass(frozen=True, slots=True)
class SisFallC9:
    """The root of the three axes' summed variances over 1 s, after a low pass."""

    name: ClassVar[str] = "sisfall-c9"
    source: ClassVar[str] = (
        "Sucerquia, López, Vargas-Bonilla, Sensors 17:198 (2017), table 4: feature C9, standard deviation magnitude "
        "of all three axes over 1 s, after a Butterworth low pass of 4th order at 5 Hz, threshold 0.43 g (table 6, "
        "young adults). C8, its twin on the horizontal plane, needs to know which axis is vertical and is left out."
    )
    _SOS: ClassVar[Floats] = butter(4, 5.0, fs=GRID_HZ, output="sos")

    def threshold(self, placement: str) -> float:
        return 0.43

    def found(self, trace: Trace) -> Found:
        return gather(self._parts(trace))

    def _parts(self, trace: Trace) -> Iterator[tuple[Floats, Floats, Floats]]:
        for segment in trace.segments:
            if len(segment) < _WINDOW:
                continue
            c9 = self.c9(segment)
            at = peaks(c9, _FLOOR_G)
            window = at[:, None] + np.arange(_WINDOW)
            impact = at + np.argmax(segment.magnitude[window], axis=1)
            yield segment.time(impact), segment.when(at + _WINDOW - 1 + APART), c9[at]

    def c9(self, segment: Segment) -> Floats:
        """(n - window + 1,) the feature of the second that begins at each point, in g."""
        start = sosfilt_zi(self._SOS)[:, :, None] * segment.acc[0]
        smooth, _ = sosfilt(self._SOS, segment.acc.astype(np.float64), axis=0, zi=start)
        # Around its mean the signal's running sums stay small, and so does what they lose in rounding.
        smooth -= smooth.mean(axis=0)
        first, second = _sums(smooth), _sums(smooth * smooth)
        variance = np.maximum(second / _WINDOW - (first / _WINDOW) ** 2, 0.0)
        c9: Floats = np.sqrt(variance.sum(axis=1))
        return c9


def _sums(x: Floats) -> Floats:
    """Sums over each whole window."""
    total = np.concatenate((np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)))
    sums: Floats = total[_WINDOW:] - total[:-_WINDOW]
    return sums
