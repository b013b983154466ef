"""Why a candidate looks like a fall, in words for a responder."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from falld.detect.window import GRID_HZ, PRE

_STILL_G = 0.06
"""Spread of |a| of a person at rest: breathing and small movements stay below; walking shows 0.15 and more."""
_TURNED = 45
"""Degrees between upright and lying are about 90; a bent back or a turned wrist shows less than half."""


def explain(acc: npt.NDArray[np.float32]) -> str:
    """A few words on one window.

    Args:
        acc: (PRE + 1 + POST, 3) in g.
    """
    magnitude = np.sqrt((acc * acc).sum(axis=1))
    peak = float(magnitude[PRE])
    before, after = before_impact(acc), _mean(acc, 1.5, 2.5)
    cosine = float(before @ after) / max(float(np.linalg.norm(before) * np.linalg.norm(after)), 1e-6)
    turn = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    still = float(np.std(_part(magnitude, 1.0, 2.5))) < _STILL_G
    words = [f"{'hard ' if peak >= 3 else ''}impact {peak:.1f} g"]
    words.append(f"turned by {turn:.0f}°" if turn >= _TURNED else "posture as before")
    words.append("still since" if still else "moving since")
    return ", ".join(words)


def before_impact(acc: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(3,) mean acceleration of a window while the wearer was still up, in g."""
    return _mean(acc, -2.0, -1.0)


def _part(values: npt.NDArray[np.float32], start_s: float, stop_s: float) -> npt.NDArray[np.float32]:
    return values[PRE + round(start_s * GRID_HZ) : PRE + round(stop_s * GRID_HZ) + 1]


def _mean(acc: npt.NDArray[np.float32], start_s: float, stop_s: float) -> npt.NDArray[np.float32]:
    mean: npt.NDArray[np.float32] = _part(acc, start_s, stop_s).mean(axis=0)
    return mean
