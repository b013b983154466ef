"""The unit in which samples travel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Block:
    """A run of samples of one wearable, as the sensor gave them.

    `t` may be irregular, batched, repeated or run backwards: the time line judges it.
    """

    t: npt.NDArray[np.float64]
    """(n,) stamps in seconds on the recording's own clock, or live on CLOCK_BOOTTIME."""
    acc: npt.NDArray[np.float32]
    """(n, 3) specific force in g, gravity included, in the sensor's axes."""

    def __len__(self) -> int:
        return len(self.t)
