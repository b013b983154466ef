"""One simulated wearer: a path that grows movement by movement, with small motions laid over it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from falld.samples.recording import FallSpan, Mark
from falld.simulate.body import COLUMNS, FOREARM, PELVIS, THIGH, TRUNK, UPPER_ARM, Body
from falld.simulate.contact import RATE_HZ
from falld.simulate.path import quintic, times, wander, window
from falld.simulate.rotation import Floats

BREATHS_HZ, BREATH = 0.25, 0.006
"""15 breaths a minute tilt a sensor on the trunk by 0.3 degrees, some 5 mg (order of magnitude from adults at rest)."""


class Wearer:
    """Everything that is random about the wearer and what they do comes from `rng`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.body = Body(
            float(np.clip(rng.normal(1.65, 0.07), 1.50, 1.85)), float(np.clip(rng.normal(68.0, 9.0), 48.0, 95.0))
        )
        self.falls: list[FallSpan] = []
        self.marks: list[Mark] = []
        self._path = [self.standing()[None]]
        self._overlays: list[tuple[int, slice | int, Floats]] = []

    @property
    def now(self) -> float:
        """Time of the last point of the path, in seconds."""
        return (self.ahead - 1) / RATE_HZ

    @property
    def ahead(self) -> int:
        """Index of the next point of the path."""
        return sum(map(len, self._path))

    @property
    def pose(self) -> Floats:
        """(15,) where the path has come to."""
        pose: Floats = self._path[-1][-1].copy()
        return pose

    @property
    def velocity(self) -> Floats:
        """(15,) per second."""
        recent = np.vstack(self._path[-2:])[-2:]
        velocity: Floats = (recent[-1] - recent[0]) * RATE_HZ
        return velocity

    def standing(self, x: float = 0.0, y: float = 0.0) -> Floats:
        """(15,) upright with the arms down."""
        return self.posture(self.body.hip, elbow=-12.0, x=x, y=y)

    def posture(
        self,
        hip: float,
        thigh: float = 0.0,
        trunk: float = 0.0,
        arm: float = 0.0,
        elbow: float = 0.0,
        x: float = 0.0,
        y: float = 0.0,
    ) -> Floats:
        """(15,) a pose in the sagittal plane.

        Args:
            hip: m over the floor.
            thigh, trunk, arm: pitch in degrees, positive where the upper end is ahead; a raised arm is negative.
            elbow: degrees of the forearm beyond the upper arm; a bent elbow is negative.
        """
        pose = np.zeros(COLUMNS)
        pose[PELVIS] = x, y, hip
        pose[[THIGH.start + 1, TRUNK.start + 1, UPPER_ARM.start + 1, FOREARM.start + 1]] = np.radians(
            [thigh, trunk, arm, arm + elbow]
        )
        return pose

    def follow(self, path: Floats) -> None:
        """Go on along `path` (n, 15)."""
        self._path.append(path)

    def move(self, pose: Floats, seconds: float, velocity: Floats | None = None) -> None:
        """Go smoothly to `pose`, to arrive with `velocity` (rest, where not given)."""
        still = np.zeros(COLUMNS)
        arrival = still if velocity is None else velocity
        self.follow(quintic((self.pose, self.velocity, still), (pose, arrival, still), seconds))

    def hold(self, seconds: float, restlessness: float = 1.0) -> None:
        """Stay, with small involuntary movements: about half a degree of sway at `restlessness` 1."""
        start = self.ahead
        n = len(times(seconds))
        self.follow(np.tile(self.pose, (n, 1)))
        fade = window(n, 0.4, 0.4)
        for segment, degrees in ((THIGH, 0.2), (TRUNK, 0.4), (UPPER_ARM, 1.2), (FOREARM, 1.8)):
            for axis in range(3):
                sway = wander(self.rng, n, np.radians(degrees * restlessness), 0.1, 1.5)
                self.overlay(sway * fade, segment.start + axis, start)

    def overlay(self, motion: Floats, columns: slice | int, start: int) -> None:
        """Add `motion`, which starts and ends at rest, from the index `start` on; what goes past the end is cut off."""
        self._overlays.append((start, columns, motion))

    def mark(self, kind: Literal["cancel", "help", "marker"], t: float) -> None:
        self.marks.append(Mark(t, kind))

    def motion(self) -> Floats:
        """(n, 15) the whole path with all that lies over it."""
        path = np.vstack(self._path)
        for start, columns, overlay in self._overlays:
            stop = min(start + len(overlay), len(path))
            path[start:stop, columns] += overlay[: stop - start]
        breath = np.sin(2.0 * np.pi * BREATHS_HZ * np.arange(len(path)) / RATE_HZ + self.rng.uniform(0.0, 6.28))
        path[:, TRUNK.start + 1] += BREATH * breath
        return path
