"""Hands that meet something."""

from __future__ import annotations

import numpy as np

from falld.simulate.body import FOREARM, PITCH, YAW
from falld.simulate.contact import PALM, RATE_HZ, land
from falld.simulate.path import quintic
from falld.simulate.rotation import Floats
from falld.simulate.wearer import Wearer

PALM_KG, ARM_KG = 0.6, 1.2
"""Behind a clap the hand, behind a blow on a table half of the forearm too: 0.6 and 1.6 % of the body are hand
and forearm (Winter, 2009, table 4.1)."""


def clap(wearer: Wearer, count: int = 8) -> None:
    """Clap the hands in front of the chest, about three times a second."""
    pose = wearer.pose
    ready = wearer.posture(pose[2], 0.0, 0.0, -25.0, -65.0, pose[0], pose[1])
    ready[FOREARM.start + YAW] = np.radians(-10.0)
    wearer.move(ready, 0.8)
    wearer.hold(0.2)
    for _ in range(count):
        start = wearer.ahead
        hand = _hit(0.14, 0.16, float(wearer.rng.uniform(1.0, 1.5)), PALM_KG) / wearer.body.forearm
        wearer.follow(np.tile(wearer.pose, (len(hand) + int(wearer.rng.integers(10, 50)), 1)))
        wearer.overlay(hand, FOREARM.start + YAW, start)
    wearer.move(pose, 0.8)


def hit_table(wearer: Wearer, speed: float = 1.6) -> None:
    """Bring the flat hand down on a table."""
    pose = wearer.pose
    raised = wearer.posture(pose[2], 0.0, 5.0, -30.0, -75.0, pose[0], pose[1])
    wearer.move(raised, 0.6)
    start = wearer.ahead
    hand = _hit(0.22, 0.22, speed, ARM_KG) / wearer.body.forearm
    wearer.follow(np.tile(wearer.pose, (len(hand) + 100, 1)))
    wearer.overlay(hand, FOREARM.start + PITCH, start)
    wearer.move(pose, 0.8)


def _hit(travel: float, approach: float, speed: float, mass: float) -> Floats:
    """(n,) m a hand goes `travel` in `approach` seconds, hits at `speed` m/s, is thrown back and returns."""
    start, end = (np.zeros(1),) * 3, (np.array([travel]), np.array([speed]), np.zeros(1))
    there = quintic(start, end, approach)[:, 0]
    depth = -land(0.0, speed, mass, PALM, 0.25, support=1.0)
    off = int(np.argmax(depth < 0.0))
    away = np.array([depth[off] - depth[off - 1]]) * RATE_HZ
    back = quintic((travel + depth[off : off + 1], away, np.zeros(1)), start, max(approach, 0.12))[:, 0]
    return np.concatenate([there, travel + depth[:off], back])
