"""How people fall: ways to lose balance, and what becomes of a body that does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from falld.simulate.body import COLUMNS, FOREARM, PELVIS, THIGH, TRUNK, UPPER_ARM, Body
from falld.simulate.contact import RATE_HZ
from falld.simulate.links import Joints, Links
from falld.simulate.rotation import Floats

SUBSTEPS = 2
"""Steps of 0.5 ms: the stiffest part, a hand of 1 kg on 15 kN/m, swings at 20 Hz. Steps of half that change a peak by
1 % at the trunk, 4 % at the wrist."""
REACTION_S = 0.2
"""Until the arms move: hands land within some 40 ms of the pelvis (Hsiao and Robinovitch, J. Biomechanics 31:1, 1998),
so they must set off early in a descent of about 0.6 s."""
RELAX_S = 0.3
"""In which the muscles let go after the trunk has touched the floor."""
LIMP_STIFFNESS = 0.1
LIMP_DAMPING = np.array([8.0, 8.0, 8.0, 2.0, 1.0])
"""What is left then, of the stiffness as a share, and at least, in N·m·s/rad: limbs settle within a second or two."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody falls. Joints in the order ankle, knee, hip, shoulder, elbow; degrees, N·m/rad, N·m·s/rad."""

    towards: float
    """Direction of the plane of the fall: 0 is straight on (backwards with negative leans), -90 to the right."""
    start: tuple[float, ...]
    """Absolute angles of the links as balance is lost."""
    speed: float
    """m/s of the hips along the plane at that time."""
    rest: tuple[float, ...]
    """Where the muscles would bring the joints, relative to the link below."""
    stiffness: tuple[float, ...]
    damping: tuple[float, ...]
    """Yielding legs take energy: older people who fell in a nursing home landed on the pelvis at 2.1 ± 0.6 m/s, 38 %
    slower than a pendulum would (Choi, Wakeling and Robinovitch, J. Biomechanics 48:911, 2015)."""
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    """Ranges of the joints."""
    girth: float = 0.10
    """m from the axis of the trunk to its surface, on the side that lands."""


SAGITTAL = (-100.0, -140.0, -30.0, 10.0, -140.0), (100.0, 0.0, 110.0, 230.0, 0.0)
FORWARD = Manner(
    towards=0.0,
    start=(8.0, 3.0, 4.0, 172.0, 165.0),
    speed=1.0,
    rest=(0.0, -30.0, 5.0, 95.0, -25.0),
    stiffness=(0.0, 90.0, 90.0, 40.0, 20.0),
    damping=(100.0, 60.0, 40.0, 4.0, 2.0),
    lowest=SAGITTAL[0],
    highest=SAGITTAL[1],
)
BACKWARD = Manner(
    towards=0.0,
    start=(-3.0, -9.0, -5.0, 175.0, 165.0),
    speed=-0.4,
    rest=(0.0, -70.0, 50.0, 205.0, -20.0),
    stiffness=(0.0, 40.0, 60.0, 40.0, 20.0),
    damping=(30.0, 80.0, 40.0, 4.0, 2.0),
    lowest=SAGITTAL[0],
    highest=SAGITTAL[1],
)
COLLAPSE = Manner(
    towards=0.0,
    start=(12.0, -22.0, 5.0, 178.0, 172.0),
    speed=0.0,
    rest=(0.0, -60.0, 20.0, 178.0, -10.0),
    stiffness=(0.0, 0.0, 5.0, 0.0, 0.0),
    damping=(20.0, 35.0, 40.0, 1.0, 0.5),
    lowest=SAGITTAL[0],
    highest=(35.0, 0.0, 110.0, 230.0, 0.0),
)
SIDEWAYS = Manner(
    towards=-90.0,
    start=(6.0, 6.0, 4.0, 175.0, 170.0),
    speed=0.4,
    rest=(0.0, 0.0, -15.0, 110.0, -40.0),
    stiffness=(0.0, 2000.0, 60.0, 20.0, 10.0),
    damping=(120.0, 50.0, 30.0, 3.0, 1.5),
    lowest=(-100.0, -3.0, -35.0, 10.0, -120.0),
    highest=(100.0, 3.0, 35.0, 200.0, 0.0),
    girth=0.16,
)
MANNERS = {"forward": FORWARD, "backward": BACKWARD, "collapse": COLLAPSE, "sideways": SIDEWAYS}


def varied(manner: Manner, rng: np.random.Generator) -> Manner:
    """The same way to fall by somebody else: leans by a degree, speed and resistance by a tenth."""
    return replace(
        manner,
        start=tuple(manner.start + rng.normal(0.0, 1.0, 5)),
        speed=manner.speed * rng.normal(1.0, 0.1),
        damping=tuple(manner.damping * np.clip(rng.normal(1.0, 0.1, 5), 0.7, 1.3)),
    )


@dataclass(frozen=True, slots=True)
class Descent:
    """What became of a body from the loss of balance on."""

    angles: Floats
    """(n, 5) radians."""
    load: Floats
    """(n,) N from the floor on hips and shoulders."""
    hip_speed: Floats
    """(n,) m/s downwards."""
    motion: Floats
    """(n, 15), the columns of `falld.simulate.body`, with the ankles at the origin."""

    @property
    def impact(self) -> int:
        """Index at which the load on the trunk first passes half of the greatest: the first hard blow."""
        return int(np.argmax(self.load > 0.5 * self.load.max()))


def descend(manner: Manner, body: Body, seconds: float) -> Descent:
    """Let a body fall for `seconds`, in steps of 1 / RATE_HZ."""
    links = Links(body, manner.girth)
    start, rest = np.radians(manner.start), np.radians(manner.rest)
    unaware = np.concatenate([rest[:3], np.diff(start)[2:]])
    damping = np.array(manner.damping)
    limp = np.maximum(damping * LIMP_STIFFNESS, LIMP_DAMPING)
    tense = Joints(np.array(manner.stiffness), damping, np.radians(manner.lowest), np.radians(manner.highest))

    angle, rate = start, manner.speed / body.hip * np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    step = 1.0 / (RATE_HZ * SUBSTEPS)
    n = round(seconds * RATE_HZ)
    angles, load, hip_speed = np.empty((n, 5)), np.empty(n), np.empty(n)
    tone, joints = 1.0, tense
    for i in range(n):
        held = unaware if i < REACTION_S * RATE_HZ else rest
        for _ in range(SUBSTEPS):
            acceleration, load[i], hip_speed[i] = links.acceleration(angle, rate, held, joints)
            rate = rate + step * acceleration
            angle = angle + step * rate
        angles[i] = angle
        if (load[i] > 0.0 or tone < 1.0) and tone > LIMP_STIFFNESS:
            tone = max(tone - 1.0 / (RELAX_S * RATE_HZ), LIMP_STIFFNESS)
            joints = replace(tense, stiffness=tone * tense.stiffness, damping=tone * damping + (1.0 - tone) * limp)
    return Descent(angles, load, hip_speed, _motion(manner, body, angles))


def _motion(manner: Manner, body: Body, angles: Floats) -> Floats:
    motion = np.zeros((len(angles), COLUMNS))
    heading = np.radians(manner.towards)
    ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
    axis = np.array([-np.sin(heading), np.cos(heading), 0.0])
    lengths = np.array([body.shank, body.thigh])
    motion[:, PELVIS] = np.outer(np.sin(angles[:, :2]) @ lengths, ahead)
    motion[:, 2] = body.ankle + np.cos(angles[:, :2]) @ lengths
    for columns, angle in ((THIGH, angles[:, 1]), (TRUNK, angles[:, 2])):
        motion[:, columns] = np.outer(angle, axis)
    for columns, angle in ((UPPER_ARM, angles[:, 3]), (FOREARM, angles[:, 4])):
        motion[:, columns] = np.outer(angle - np.pi, axis)
    return motion
