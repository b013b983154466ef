"""Orientations of body segments.

The world's axes are x forward, y left, z up; a segment's axes coincide with them when the wearer stands upright.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def about(axis_angle: Floats) -> Floats:
    """Rotation matrices (n, 3, 3) about `axis_angle` (n, 3), whose length is the angle in radians (Rodrigues)."""
    angle = np.linalg.norm(axis_angle, axis=1)
    x, y, z = (axis_angle / np.where(angle > 0.0, angle, 1.0)[:, None]).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, versine = np.sin(angle)[:, None, None], (1.0 - np.cos(angle))[:, None, None]
    rotation: Floats = np.eye(3) + sine * cross + versine * (cross @ cross)
    return rotation


def orientation(lean: Floats) -> Floats:
    """World from segment, (n, 3, 3), of `lean` (n, 3) in radians: roll, pitch, yaw.

    Roll and pitch are one rotation about a horizontal axis (roll positive to the right, pitch positive forward);
    yaw about the vertical comes last.
    """
    tilt, turn = lean.copy(), lean.copy()
    tilt[:, 2] = 0.0
    turn[:, :2] = 0.0
    return about(turn) @ about(tilt)


def random_rotation(rng: np.random.Generator) -> Floats:
    """A rotation (3, 3) from the uniform distribution: a Gaussian quaternion, normed."""
    w, *vector = rng.standard_normal(4)
    length = np.linalg.norm(vector)
    rotation: Floats = about(2.0 * np.arctan2(length, w) * np.array([vector]) / length)[0]
    return rotation
