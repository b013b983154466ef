"""Walking, and catching oneself."""

from __future__ import annotations

import numpy as np

from falld.simulate.body import FOREARM, PELVIS, PITCH, THIGH, TRUNK, UPPER_ARM, YAW
from falld.simulate.contact import RATE_HZ
from falld.simulate.path import bump, ease, jolt, times, wander
from falld.simulate.rotation import Floats
from falld.simulate.wearer import Wearer

CADENCE_HZ = 1.8
"""Steps per second: 105 to 115 steps a minute in older people at a comfortable speed."""
CADENCE_SPREAD = 0.03
"""Of single step times: order of magnitude of the variability in older people (Hollman, McDade and
Petersen, Gait & Posture 34:111, 2011)."""
RISE_M, SWAY_M = 0.017, 0.022
"""Half the vertical and lateral excursion of the hips: 3 to 5 cm and 4 to 7 cm of the centre of mass, by
speed (Orendurff et al., J. Rehabilitation Research and Development 41:829, 2004)."""
TREMBLE_M = (0.4e-3, 0.5e-3, 0.3e-3)
"""What makes no two steps alike, 3 to 9 Hz, along each axis: order of magnitude, (2π·6 Hz)²·0.4 mm = 0.06 g."""
HEEL_STRIKE, HEEL_STRIKE_S = 3.4, 0.008
"""m/s² at the hips, and seconds: with hard heels 5 g at the tibia and 0.5 g at the skull, resilient ones halve
it (Light, McLellan and Klenerman, J. Biomechanics 13:477, 1980)."""
ARM_SWING = 15.0
"""Degrees to either side at the shoulder: order of magnitude; it falls with age (Mirelman et al., PLoS ONE
10:e0136043, 2015)."""


def walk(wearer: Wearer, seconds: float, speed: float = 1.0, *, stop: bool = True) -> None:
    """Walk straight on; without `stop` the last of it flows into what follows."""
    start = wearer.ahead
    origin = wearer.pose
    t = times(seconds)
    before = wearer.velocity[0]
    pace = (before + (speed - before) * ease(t / 0.8)) * (ease((seconds - t) / 0.8) if stop else 1.0)
    path = np.tile(origin, (len(t), 1))
    path[:, 0] += np.cumsum(pace) / RATE_HZ
    wearer.follow(path)

    rng = wearer.rng
    over = times(seconds + (0.0 if stop else 0.4))
    fade = ease(over / 0.8) * (ease((seconds - over) / 0.8) if stop else ease((seconds + 0.4 - over) / 0.4))
    strikes, phase = _steps(rng, over)
    step, stride = 2.0 * phase, phase
    hips = np.zeros((len(over), 3))
    hips[:, 0] = -0.010 * np.sin(step + 0.4)
    hips[:, 1] = SWAY_M * np.sin(stride)
    hips[:, 2] = -RISE_M * (np.cos(step - 0.5) + 0.12 * np.cos(2.0 * step))
    swings = {
        TRUNK.start: 2.0 * np.sin(stride + 0.3),
        TRUNK.start + PITCH: 2.0 + 1.2 * np.cos(step + 0.8),
        TRUNK.start + YAW: 3.0 * np.sin(stride + 1.2),
        THIGH.start + PITCH: -4.0 + 18.0 * np.cos(stride) + 3.0 * np.cos(step + 1.0),
        UPPER_ARM.start + PITCH: ARM_SWING * np.cos(stride + 0.2),
        FOREARM.start + PITCH: -10.0 + (ARM_SWING + 6.0) * np.cos(stride + 0.35) + 2.0 * np.cos(step),
        FOREARM.start + YAW: 5.0 * np.sin(stride + 0.5),
    }
    for axis, rms in enumerate(TREMBLE_M):
        hips[:, axis] += wander(rng, len(over), rms, 3.0, 9.0)
    wearer.overlay(hips * fade[:, None], PELVIS, start)
    for column, degrees in swings.items():
        loose = degrees + wander(rng, len(over), 1.0, 0.3, 3.0)
        wearer.overlay(np.radians(loose) * fade, column, start)
    for strike in strikes:
        _strike_heel(wearer, start + strike, HEEL_STRIKE * fade[strike] * rng.uniform(0.75, 1.25))


def stumble(wearer: Wearer) -> None:
    """Trip while walking, catch oneself with quick hard steps, and walk on."""
    start = wearer.ahead
    pose, velocity = wearer.pose, wearer.velocity
    n = len(times(1.6))
    path = np.tile(pose, (n, 1))
    path[:, 0] += velocity[0] * times(1.6) * (1.0 - 0.5 * ease(times(1.6) / 1.6))
    wearer.follow(path)
    throw = bump(1.3, 0.35)
    for column, size in (
        (TRUNK.start + PITCH, np.radians(24.0)),
        (UPPER_ARM.start + PITCH, np.radians(-60.0)),
        (FOREARM.start + PITCH, np.radians(-85.0)),
        (THIGH.start + PITCH, np.radians(-22.0)),
        (2, -0.06),
    ):
        wearer.overlay(throw * size * wearer.rng.uniform(0.85, 1.15), column, start + 60)
    for at, hardness in ((320, 4.0), (610, 3.0), (980, 2.0)):
        _strike_heel(wearer, start + at, hardness * HEEL_STRIKE * wearer.rng.uniform(0.85, 1.15), 2.0 * HEEL_STRIKE_S)


def _steps(rng: np.random.Generator, t: Floats) -> tuple[list[int], Floats]:
    """Indices of the heel strikes, and the stride's phase (n,) in radians, pi a step, 0 at the first strike."""
    marks = np.cumsum(rng.normal(1.0, CADENCE_SPREAD, int(len(t) / RATE_HZ * CADENCE_HZ) + 4)) / CADENCE_HZ - 0.4
    dense = np.interp(t, marks, np.pi * np.arange(len(marks)))
    smooth = np.convolve(
        np.pad(dense, 150, mode="reflect", reflect_type="odd"), np.hanning(303)[1:-1] / 151.0, mode="valid"
    )
    inside = [round(mark * RATE_HZ) for mark in marks if 0.0 < mark < t[-1]]
    return inside, smooth


def _strike_heel(wearer: Wearer, at: int, acceleration: float, tau: float = HEEL_STRIKE_S) -> None:
    wearer.overlay(jolt(acceleration, tau), 2, at)
    wearer.overlay(jolt(0.5 * acceleration * wearer.rng.uniform(-1.0, 0.3), 1.5 * tau), 0, at)
    wearer.overlay(jolt(0.4 * acceleration * wearer.rng.uniform(-1.0, 1.0), 1.5 * tau), 1, at)
