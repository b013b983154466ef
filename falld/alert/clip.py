"""Samples around an impact, as a `clip` message carries them."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from falld.alert.wire import Clip

MAX_MG = 32767
"""Beyond ±32.767 g a sample is shown as that: wearables measure ±16 g, a few ±32 g."""
NO_SAMPLE = -32768
"""On all three axes: there is no sample here. No sample is shown so, and a reader that does not know it sees what no
body does, and not stillness."""
MAX_ROWS = (Clip.max_bytes - 128) // 4 * 3 // 6
"""8176: of the 64 KiB some 60 bytes are the rest of the message; base64 makes 4 characters of 3 bytes, a row has 6."""


def encode(rate_hz: float, impact_index: int, acc: npt.NDArray[np.float32]) -> Clip:
    """The message for some samples.

    Args:
        rate_hz: their rate.
        impact_index: which of them is the impact.
        acc: (n, 3) in g, 1 to `MAX_ROWS` rows; one that is not a number on some axis is no sample.

    Raises:
        ValueError: there are too many rows, or the impact is not among them.
    """
    if len(acc) > MAX_ROWS:
        raise ValueError(f"{len(acc)} samples are more than the {MAX_ROWS} of a clip")
    there = ~np.isnan(acc).any(axis=1)
    mg = np.full(acc.shape, NO_SAMPLE, "<i2")
    mg[there] = np.clip(np.rint(acc[there].astype(np.float64) * 1000), -MAX_MG, MAX_MG)
    return Clip(rate_hz=rate_hz, impact_index=impact_index, acc_mg=base64.b64encode(mg.tobytes()).decode())


def decode(clip: Clip) -> npt.NDArray[np.float32]:
    """(n, 3) in g; NaN where there is no sample."""
    mg = np.frombuffer(base64.b64decode(clip.acc_mg), "<i2").reshape(-1, 3)
    acc = (mg / 1000).astype(np.float32)
    acc[(mg == NO_SAMPLE).all(axis=1)] = np.nan
    return acc


def samples(clip: Clip) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Those that are there: (n,) seconds from the clip's start, and (n, 3) in g."""
    acc = decode(clip)
    there = ~np.isnan(acc[:, 0])
    stamps: npt.NDArray[np.float64] = np.flatnonzero(there) / clip.rate_hz
    return stamps, acc[there]
