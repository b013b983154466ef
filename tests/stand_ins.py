"""A classifier that needs no model, and a stream for it: the harder the impact, the likelier a fall."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from falld.detect.bundle import Bundle
from falld.detect.window import PRE, Windows
from falld.samples.block import Block


class HardImpacts(Bundle):
    """Probability 0.5 at 2 g, and 5 more logits with each g."""

    def probabilities(self, windows: Windows, placement: str) -> npt.NDArray[np.float32]:
        peak = np.sqrt((windows.acc[:, PRE] ** 2).sum(axis=1))
        found: npt.NDArray[np.float32] = 1 / (1 + np.exp(-5 * (peak - 2)))
        return found


def hard_impacts(threshold: float = 0.8, doubt: float = 0.5) -> Bundle:
    return HardImpacts("stand-in", 12.0, {"unknown": threshold}, {"unknown": doubt}, cast("Any", None), {})


def knocks(peaks: list[float], seed: int, still_s: float = 7.0, gain: float = 1.06) -> Block:
    """A sensor that is off lies still, is knocked, lies still, then in another direction, and so on; at 50 Hz."""
    rng = np.random.default_rng(seed)
    parts: list[npt.NDArray[np.float64]] = []
    for peak in peaks:
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        rest = np.tile(direction, (round(still_s * 50), 1))
        parts += [rest, direction[None, :] * peak, rest]
    acc = np.concatenate(parts) * gain
    acc += rng.normal(0, 0.003, acc.shape)
    return Block(np.arange(len(acc)) / 50, acc.astype(np.float32))
