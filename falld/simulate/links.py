"""A body as five rigid links from the ankles to the wrists, in one vertical plane over a floor.

Ankles stay where they are; both legs and both arms move as one. The angle of a link is absolute: 0 where it points
straight up, away from the ankles, so that hanging arms are at 180 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.simulate.body import Body
from falld.simulate.contact import GRAVITY, HAND, TISSUE, Surface
from falld.simulate.rotation import Floats

MASS_SHARE = np.array([0.093, 0.200, 0.578, 0.056, 0.044])
"""Of both shanks, both thighs, trunk with head, both upper arms, both forearms with hands: Winter (2009), table 4.1."""
CENTRE = np.array([0.567, 0.567, 0.66, 0.436, 0.682])
"""Centre of mass from the end nearer to the ankles along the chain, as a share of the length; the same table."""
GYRATION = np.array([0.302, 0.323, 0.503, 0.322, 0.468])
"""Radius of gyration about it, as a share of the length; the same table."""
ELBOW = Surface(1.5e3, 1.0)
"""An elbow in the way gives way to the side, out of the plane: soft, and without friction."""
FRICTION = np.array([0.6, 0.6, 0.6, 0.0, 0.6])
"""At knee, hip, shoulder, elbow, hand; clothing on carpet or linoleum: order of magnitude."""
SLIDING = 0.05
"""m/s below which friction fades, so that a body comes to rest without chatter."""
END_STOP, END_BRAKE = 400.0, 8.0
"""N·m/rad and N·m·s/rad beyond a joint's range: order of magnitude, stiff against the body's own weight."""


@dataclass(frozen=True, slots=True)
class Joints:
    """Muscles as springs and dampers at ankle, knee, hip, shoulder and elbow, each array (5,)."""

    stiffness: Floats
    """N·m/rad."""
    damping: Floats
    """N·m·s/rad."""
    lowest: Floats
    highest: Floats
    """Ranges in radians, relative to the link below."""

    def torque(self, joint: Floats, rate: Floats, held: Floats) -> Floats:
        """N·m that bring the joints towards `held`, and back into their ranges."""
        beyond = joint - np.minimum(np.maximum(joint, self.lowest), self.highest)
        stop = END_STOP * beyond + END_BRAKE * rate * (beyond != 0.0)
        torque: Floats = -self.stiffness * (joint - held) - self.damping * rate - stop
        return torque


class Links:
    """The mechanics of the chain; all lengths in m, masses in kg."""

    def __init__(self, body: Body, girth: float) -> None:
        length = np.array([body.shank, body.thigh, body.trunk, body.upper_arm, body.forearm])
        mass = MASS_SHARE * body.mass
        ends = np.tril(np.tile(length, (5, 1)))
        centres = ends + np.diag((CENTRE - 1.0) * length)
        self._coupling = centres.T @ (mass[:, None] * centres)
        self._inertia = np.diag(mass * (GYRATION * length) ** 2)
        self._weight = GRAVITY * mass @ centres
        ends[4, 4] += 0.05 * body.height  # half a hand
        self._touching = ends
        self._clearance = np.array([0.05, girth, girth, 0.04, 0.03]) - body.ankle
        surfaces = (TISSUE, TISSUE, TISSUE, ELBOW, HAND)
        self._stiffness, self._damping = np.array([(surface.stiffness, surface.damping) for surface in surfaces]).T
        self._below = np.eye(5) - np.eye(5, k=-1)

    def acceleration(self, angle: Floats, rate: Floats, held: Floats, joints: Joints) -> tuple[Floats, float, float]:
        """Angular accelerations (5,), the floor's push on hips and shoulders in N, the hips' speed downwards in m/s.

        Lagrange's equations of a chain: with a = the masses' couplings, sum over j of a_ij·cos(θi - θj)·θj'' is the
        moment of all forces about joint i, less sum over j of a_ij·sin(θi - θj)·θj'².
        """
        sine, cosine = np.sin(angle), np.cos(angle)
        between = angle[:, None] - angle
        torque = joints.torque(self._below @ angle, self._below @ rate, held) @ self._below
        force = self._weight * sine + torque - (self._coupling * np.sin(between)) @ rate**2
        inwards = self._touching @ (sine * rate)
        depth = self._clearance - self._touching @ cosine
        load = 0.0
        if depth.max() > 0.0:
            push = np.maximum(self._stiffness * depth * (1.0 + self._damping * inwards), 0.0) * (depth > 0.0)
            drag = -FRICTION * push * np.tanh(self._touching @ (cosine * rate) / SLIDING)
            force += cosine * (drag @ self._touching) - sine * (push @ self._touching)
            load = push[1] + push[2]
        return np.linalg.solve(self._coupling * np.cos(between) + self._inertia, force), load, inwards[1]
