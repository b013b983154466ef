"""Smooth curves over time: the vocabulary of voluntary movement."""

from __future__ import annotations

import numpy as np

from falld.simulate.contact import RATE_HZ
from falld.simulate.rotation import Floats


def times(seconds: float) -> Floats:
    """(n,) times up to and with `seconds`, one step of 1 / RATE_HZ after 0: a path goes on where another one ended."""
    return np.arange(1, round(seconds * RATE_HZ) + 1) / RATE_HZ


def ease(u: Floats) -> Floats:
    """From 0 to 1 while `u` goes from 0 to 1, without jerk at the ends: the minimum-jerk curve of Flash and Hogan
    (J. Neuroscience 5:1688, 1985)."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def window(n: int, rise: float, fall: float) -> Floats:
    """(n,) from 0 up to 1 in `rise` seconds and back to 0 in the last `fall` seconds."""
    i = np.arange(n) / RATE_HZ
    return ease(i / rise) * ease((n / RATE_HZ - i) / fall)


def quintic(start: tuple[Floats, Floats, Floats], end: tuple[Floats, Floats, Floats], seconds: float) -> Floats:
    """(n, c) along the one curve of fifth degree with these positions, velocities and accelerations at its ends."""
    (p0, v0, a0), (p1, v1, a1) = start, end
    s = seconds
    constants = [p0, v0 * s, a0 * s**2 / 2.0]
    dp, dv, da = p1 - p0 - v0 * s - a0 * s**2 / 2.0, (v1 - v0 - a0 * s) * s, (a1 - a0) * s**2
    constants += [10.0 * dp - 4.0 * dv + da / 2.0, -15.0 * dp + 7.0 * dv - da, 6.0 * dp - 3.0 * dv + da / 2.0]
    powers = (times(seconds) / s)[:, None] ** np.arange(6)
    curve: Floats = powers @ np.stack(constants)
    return curve


def wander(rng: np.random.Generator, n: int, rms: float, low_hz: float, high_hz: float) -> Floats:
    """(n,) a slow random movement: sines spread evenly in log frequency, with amplitudes as 1/f."""
    hz = np.geomspace(low_hz, high_hz, 12) * rng.uniform(0.9, 1.1, 12)
    amplitude = rms * np.sqrt(2.0) * (1.0 / hz) / np.linalg.norm(1.0 / hz)
    phase = 2.0 * np.pi * (np.outer(np.arange(n) / RATE_HZ, hz) + rng.uniform(0.0, 1.0, 12))
    motion: Floats = np.sin(phase) @ amplitude
    return motion


def jolt(acceleration: float, tau: float) -> Floats:
    """(n,) displacement, in m, of a jolt that starts with `acceleration` m/s² and dies out.

    It is d·u³·exp(-u) with u = t / tau, whose greatest second derivative is 1.01·d / tau², at u = 0.42.
    """
    u = times(25.0 * tau) / tau
    curve: Floats = acceleration * tau**2 / 1.01 * u**3 * np.exp(-u)
    return curve


def bump(seconds: float, rise: float = 0.5) -> Floats:
    """(n,) from 0 to 1, reached at the share `rise` of the time, and back."""
    u = times(seconds) / seconds
    return ease(u / rise) * ease((1.0 - u) / (1.0 - rise))
