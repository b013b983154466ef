"""The wearer's body: rigid segments, and what an accelerometer on one of them feels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.simulate.contact import GRAVITY, RATE_HZ
from falld.simulate.rotation import Floats, orientation

PELVIS, THIGH, TRUNK, UPPER_ARM, FOREARM = (slice(i, i + 3) for i in range(0, 15, 3))
"""Columns of a motion (n, 15): the hips' position in m, then roll, pitch and yaw of four segments in radians."""
COLUMNS = 15
PITCH, YAW = 1, 2
"""Offsets within a segment's three columns."""


@dataclass(frozen=True, slots=True)
class Body:
    """Lengths are shares of the height after Drillis and Contini (1966), in Winter, Biomechanics and Motor Control of
    Human Movement (2009), figure 4.1; both arms and both legs move as one."""

    height: float = 1.65
    """m."""
    mass: float = 68.0
    """kg."""

    @property
    def ankle(self) -> float:
        return 0.039 * self.height

    @property
    def shank(self) -> float:
        return (0.285 - 0.039) * self.height

    @property
    def thigh(self) -> float:
        return (0.530 - 0.285) * self.height

    @property
    def hip(self) -> float:
        """Height of the hips over the floor when upright."""
        return 0.530 * self.height

    @property
    def trunk(self) -> float:
        """Hip to shoulder."""
        return (0.818 - 0.530) * self.height

    @property
    def upper_arm(self) -> float:
        return 0.186 * self.height

    @property
    def forearm(self) -> float:
        return 0.146 * self.height


PLACEMENTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "waist": ("trunk", (0.11, 0.0, 0.10)),
    "hip": ("trunk", (0.02, -0.17, 0.04)),
    "chest": ("trunk", (0.11, 0.0, 0.33)),
    "neck": ("trunk", (0.10, 0.0, 0.42)),
    "thigh": ("thigh", (0.07, -0.10, -0.15)),
    "upper_arm": ("upper_arm", (0.0, -0.04, -0.15)),
    "wrist": ("forearm", (0.02, 0.0, -0.22)),
}
"""Segment that carries the sensor, and where on it, in m from the segment's upper joint (the trunk's: the hips).
The tape measure of one adult; a shift of some cm changes the felt acceleration by centimetres·(rad/s)²."""


def carry(motion: Floats, body: Body, placement: str) -> tuple[Floats, Floats]:
    """Position (n, 3) in m and orientation (n, 3, 3), world from sensor, of a sensor worn at `placement`.

    Args:
        motion: (n, 15), see the columns above.
    """
    segment, offset = PLACEMENTS[placement]
    joint = motion[:, PELVIS]
    if segment in ("trunk", "thigh"):
        pose = orientation(motion[:, TRUNK if segment == "trunk" else THIGH])
        return joint + pose @ np.array(offset), pose
    shoulder = np.array([0.0, -0.5 * 0.259 * body.height, body.trunk])
    joint = joint + orientation(motion[:, TRUNK]) @ shoulder
    pose = orientation(motion[:, UPPER_ARM])
    if segment == "forearm":
        joint = joint + pose @ np.array([0.0, 0.0, -body.upper_arm])
        pose = orientation(motion[:, FOREARM])
    return joint + pose @ np.array(offset), pose


def specific_force(position: Floats, pose: Floats) -> Floats:
    """What the sensor feels, (n, 3) in g in its own axes: its acceleration less that of free fall.

    The second difference of the position is the mean acceleration over two steps of 1 / RATE_HZ.
    """
    acceleration = np.zeros_like(position)
    acceleration[1:-1] = (position[2:] - 2.0 * position[1:-1] + position[:-2]) * RATE_HZ**2
    acceleration[0], acceleration[-1] = acceleration[1], acceleration[-2]
    acceleration[:, 2] += GRAVITY
    felt: Floats = np.einsum("nji,nj->ni", pose, acceleration) / GRAVITY
    return felt
