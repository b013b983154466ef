"""What happens where a body meets a surface: a damped spring that can push and cannot pull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.simulate.rotation import Floats

GRAVITY = 9.80665
"""Standard gravity, m/s²."""
RATE_HZ = 1000
"""Every trajectory is laid out at this rate: impacts of soft tissue end below 100 Hz."""
SUBSTEPS = 4


@dataclass(frozen=True, slots=True)
class Surface:
    """A linear spring with the damping of Hunt and Crossley (J. Applied Mechanics 42:440, 1975).

    Their force is stiffness·depth·(1 + damping·speed): it starts from zero, and a slow impact at v rebounds at
    (1 - 2/3·damping·v)·v.
    """

    stiffness: float
    """N/m."""
    damping: float
    """s/m."""

    def force(self, depth: Floats, speed: Floats) -> Floats:
        """Newtons, for depths in m (positive inside) and speeds in m/s (positive inwards)."""
        push: Floats = np.maximum(self.stiffness * depth * (1.0 + self.damping * speed), 0.0) * (depth > 0.0)
        return push


TISSUE = Surface(30e3, 0.7)
"""Hip, shoulder and knee on a hard floor: 24.6 to 35.6 kN/m for the pelvis (Choi, Park and Choi, J. Biomechanics
162:111885, 2023). Damping: order of magnitude, a body hardly bounces."""
HAND = Surface(15e3, 0.7)
"""Hands and forearms: with some 5 kg behind them at 2.9 m/s this gives 0.8 to 1.1 kN, the low end of the 1 to 2.5 kN
of Lo and Ashton-Miller, J. Biomechanical Engineering 130:041015 (2008), whose arms were stiff."""
SEAT = Surface(30e3, 1.5)
"""A seated body: 41 kg on it swing at sqrt(30e3 / 41) / 2π = 4.3 Hz; seated people resonate at 4 to 5 Hz, well
damped (Griffin, Handbook of Human Vibration, 1990)."""
LEGS = Surface(17.8e3, 1.2)
"""Both legs at landing: 17.8 kN/m in hopping on a hard surface (Ferris and Farley, J. Applied Physiology 82:15, 1997).
Damping: order of magnitude, one lands from a jump to stay."""
PALM = Surface(5e3, 0.6)
"""Palm on palm or on a table: order of magnitude, 1 cm of soft palm under 50 N."""


def land(
    height: float,
    speed: float,
    mass: float,
    surface: Surface,
    seconds: float,
    *,
    support: float = 0.0,
    onset: float = 0.0,
    drag: float = 0.0,
) -> Floats:
    """The height (n,) in m over a surface of a mass that comes down on it, in steps of 1 / RATE_HZ.

    Args:
        height: at the start, m over the surface.
        speed: at the start, m/s downwards.
        mass: kg behind the contact.
        support: share of the weight that something else carries.
        onset: seconds in which the support goes down from the whole weight to that share.
        drag: 1/s; legs that yield like a damper let a body sink at (1 - support)·g / drag in the end.
    """
    step = 1.0 / (RATE_HZ * SUBSTEPS)
    path = np.empty(round(seconds * RATE_HZ))
    stiffness, damping = surface.stiffness, surface.damping
    z, v = height, -speed
    for i in range(len(path)):
        weight = GRAVITY * (1.0 - support) * min(1.0, i / (onset * RATE_HZ) if onset else 1.0)
        for _ in range(SUBSTEPS):
            push = max(stiffness * -z * (1.0 - damping * v), 0.0) if z < 0.0 else 0.0
            v += step * (push / mass - weight - drag * v)
            z += step * v
        path[i] = z
    return path
