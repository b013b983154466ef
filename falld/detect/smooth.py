"""Each impact is shown twice: as it was measured, and without what strap, case and sensor add to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from falld.detect.features import features
from falld.detect.window import Windows

POINTS = 5
"""0.1 s, a mean of which leaves half the power at 4.4 Hz (0.443 / 0.1 s). A body that falls moves slower than that (the
authors of SisFall filter at 5 Hz before they judge); what is faster differs from wearable to wearable."""
_EDGE = POINTS // 2


def shown(windows: Windows, placement: str) -> npt.NDArray[np.float32]:
    """Features of each window as it is, and of the same smoothed.

    Args:
        windows: c windows.
        placement: where the wearable sits.

    Returns:
        (c, 2, d).
    """
    both = np.stack((windows.acc, smoothed(windows.acc)), axis=1)
    rows, _ = features(Windows(both.reshape(-1, *both.shape[2:])), placement)
    return rows.reshape(len(windows), 2, -1)


def smoothed(acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each point the mean of `POINTS` points around it, axis by axis; the outermost two on each side as they are.

    Args:
        acc: (c, w, 3) in g.
    """
    out = acc.copy()
    stop = acc.shape[1] - POINTS + 1
    # One after another, so that a window's sum does not depend on its company.
    total = acc[:, :stop] + acc[:, 1 : stop + 1]
    for i in range(2, POINTS):
        total += acc[:, i : stop + i]
    out[:, _EDGE:-_EDGE] = total / np.float32(POINTS)
    return out
