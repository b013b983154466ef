"""Changes of posture, from sitting down to falling, as movements of a `Wearer`."""

from __future__ import annotations

import numpy as np

from falld.samples.recording import FallSpan
from falld.simulate.body import COLUMNS, FOREARM, PITCH, THIGH, TRUNK, UPPER_ARM
from falld.simulate.contact import GRAVITY, LEGS, RATE_HZ, SEAT, land
from falld.simulate.fall import MANNERS, descend, varied
from falld.simulate.path import bump, ease, quintic, times, wander, window
from falld.simulate.wearer import Wearer

SEAT_M = 0.45
"""Height of a chair."""
HIP_OVER_SEAT_M = 0.07
SEATED_SHARE, LEGS_SHARE = 0.6, 0.55
"""Of the body's mass that ends up on the chair; of the weight that the legs carry on the way: orders of magnitude,
with head, arms and trunk at 0.68 (Winter, 2009, table 4.1)."""
RISE_S = 1.7
"""To stand up from a chair: 1.67 ± 0.27 s (Baer and Ashburn, Archives of Physical Medicine and Rehabilitation
76:844, 1995)."""
LOST_S = 0.5
"""From what one was doing to a fall: order of magnitude of a failed balance reaction."""


def sit_down(wearer: Wearer, sinking: float = 0.35) -> None:
    """Sit down on a chair. The legs yield so that the hips sink at up to `sinking` m/s: 0.3 is gentle, 0.8 a drop."""
    pose = wearer.pose
    seat = SEAT_M + HIP_OVER_SEAT_M
    yielding = (1.0 - LEGS_SHARE) * GRAVITY / sinking
    mass = SEATED_SHARE * wearer.body.mass
    drop = land(pose[2] - seat, 0.0, mass, SEAT, 4.0, support=LEGS_SHARE, onset=0.25, drag=yielding)
    landed = int(np.argmax(drop < 0.0))
    n = landed + 800
    share = ease(np.arange(n) / landed)
    path = np.tile(pose, (n, 1))
    path[:, 2] = drop[:n] + seat
    path[:, 0] -= wearer.body.thigh * 0.8 * share
    path[:, THIGH.start + PITCH] += np.radians(-82.0) * share
    lean = bump(n / RATE_HZ, 0.8 * landed / n)
    path[:, TRUNK.start + PITCH] += np.radians(35.0) * lean + np.radians(-8.0) * ease(np.arange(n) / n)
    path[:, UPPER_ARM.start + PITCH] += np.radians(-25.0) * share
    path[:, FOREARM.start + PITCH] += np.radians(-60.0) * share
    wearer.follow(path)


def stand_up(wearer: Wearer, seconds: float = RISE_S) -> None:
    """From a chair to upright."""
    pose = wearer.pose
    leaning = wearer.posture(pose[2] + 0.03, -75.0, 38.0, -30.0, -40.0, pose[0] + 0.05, pose[1])
    upright = wearer.standing(pose[0] + wearer.body.thigh * 0.8, pose[1])
    halfway = (leaning + upright) / 2.0
    wearer.move(leaning, 0.4 * seconds, (upright - leaning) / (0.9 * seconds))
    wearer.move(halfway, 0.25 * seconds, (upright - leaning) / (0.45 * seconds))
    wearer.move(upright, 0.35 * seconds)


def lie_down(wearer: Wearer) -> None:
    """From sitting on a bed to lying on the back."""
    pose = wearer.pose
    flat = wearer.posture(pose[2] - 0.02, -88.0, -86.0, -80.0, -15.0, pose[0], pose[1])
    propped = wearer.posture(pose[2], -84.0, -45.0, 20.0, -70.0, pose[0], pose[1])
    wearer.move(propped, 1.3, (flat - propped) * 0.4)
    wearer.move(flat, 1.4)


def bend(wearer: Wearer) -> None:
    """Pick something up from the floor."""
    pose = wearer.pose
    down = wearer.posture(0.72 * wearer.body.hip, -45.0, 65.0, -25.0, -10.0, pose[0] - 0.1, pose[1])
    wearer.move(down, 1.4)
    wearer.hold(0.5)
    wearer.move(pose, 1.5)


def lie(wearer: Wearer, seconds: float, stirring: int = 1) -> None:
    """Lie where one is and move a limb now and then, `stirring` times."""
    start = wearer.ahead
    wearer.hold(seconds, 0.3)
    for _ in range(stirring):
        length = float(wearer.rng.uniform(0.7, 1.4))
        at = start + round(float(wearer.rng.uniform(0.3, max(seconds - length, 0.4))) * RATE_HZ)
        for segment, degrees in ((TRUNK, 3.0), (THIGH, 5.0), (UPPER_ARM, 10.0), (FOREARM, 14.0)):
            size = np.radians(wearer.rng.normal(0.0, degrees, 3))
            wearer.overlay(np.outer(bump(length), size), segment, at)


def get_up(wearer: Wearer) -> None:
    """From lying on the front over hands and knees to upright: 4.1 ± 1.1 s in healthy people of 50 to 90 (Bohannon and
    Lusardi, Physiotherapy Theory and Practice 20:233, 2004)."""
    start = wearer.ahead
    x, y = wearer.pose[:2]
    thigh = wearer.body.thigh
    for seconds, pose in (
        (1.3, wearer.posture(thigh + 0.05, 5.0, 80.0, -85.0, 5.0, x, y)),
        (1.2, wearer.posture(thigh + 0.10, 0.0, 15.0, -30.0, -40.0, x, y)),
        (0.9, wearer.posture(0.75 * wearer.body.hip, -40.0, 30.0, -35.0, -40.0, x, y)),
        (1.2, wearer.standing(x + 0.1, y)),
    ):
        wearer.move(pose, seconds)
    n = wearer.ahead - start
    fade = window(n, 0.5, 0.5)
    for column, size in ((0, 0.006), (1, 0.006), (2, 0.005), (TRUNK.start, 0.05), (TRUNK.start + PITCH, 0.05)):
        wearer.overlay(wander(wearer.rng, n, size, 0.5, 4.0) * fade, column, start)


def jump(wearer: Wearer, height: float = 0.12) -> None:
    """Crouch, jump so that the hips rise by `height` m, and land on both feet."""
    pose = wearer.pose
    body = wearer.body
    speed = np.sqrt(2.0 * GRAVITY * height)
    crouch = wearer.posture(body.hip - 0.25, -42.0, 35.0, 25.0, -15.0, pose[0], pose[1])
    takeoff = wearer.posture(body.hip + 0.03, 0.0, 5.0, -70.0, -35.0, pose[0], pose[1])
    wearer.move(crouch, 0.6)
    start = np.zeros(COLUMNS)
    arrival, gravity = np.zeros(COLUMNS), np.zeros(COLUMNS)
    arrival[2], gravity[2] = speed, -GRAVITY
    wearer.follow(quintic((crouch, start, start), (takeoff, arrival, gravity), 0.3))

    air = land(0.0, -speed, body.mass, LEGS, 2.0 * speed / GRAVITY + 0.9)
    n = len(air)
    path = np.tile(takeoff, (n, 1))
    path[:, 2] += air
    absorbed = wearer.posture(path[-1, 2], -25.0, 20.0, -20.0, -25.0, pose[0], pose[1])
    share = ease((np.arange(n) / RATE_HZ - speed / GRAVITY) / (speed / GRAVITY + 0.5))
    path[:, 3:] += np.outer(share, (absorbed - takeoff)[3:])
    wearer.follow(path)
    wearer.move(pose, 0.7)


def fall(wearer: Wearer, manner: str, seconds: float = 2.2) -> float:
    """Lose balance, come down and settle; `manner` is forward, backward, sideways or collapse.

    Returns:
        The time of the first hard blow of the floor to hips or shoulders, in seconds from the start.
    """
    onset = wearer.now
    pose, velocity = wearer.pose, wearer.velocity
    descent = descend(varied(MANNERS[manner], wearer.rng), wearer.body, seconds)
    down = descent.motion
    down[:, :2] += pose[:2] - down[0, :2]
    t = times(seconds)
    lost = ease(t / LOST_S)[:, None]
    settled = ease((t - seconds + 0.5) / 0.5)[:, None]
    path = (1.0 - lost) * (pose + np.outer(t, velocity)) + lost * down
    wearer.follow((1.0 - settled) * path + settled * down[-1])
    impact = onset + (descent.impact + 1) / RATE_HZ
    impact = round(impact, 3)
    wearer.falls.append(FallSpan(round(onset, 3), impact))
    return impact
