"""The same impact as another sensor, or a looser strap, would have shown it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from falld.detect.window import PRE

Acc = npt.NDArray[np.float32]
_SLIP_DEG = 25.0
"""Spread of the turn of a loose strap at the impact: posture change is the strongest cue, and must not be the only."""
_SLIP_AFTER = 5
"""Points after the impact, 0.1 s, at which it has slipped."""


def clip(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor of ±2 g, or of ±4 g, mounted at random: it clips axis by axis."""
    turned = np.einsum("nij,ntj->nti", _rotations(rng, len(acc)), acc)
    limit = rng.choice([2.0, 2.0, 4.0], len(acc)).astype(np.float32)[:, None, None]
    clipped: Acc = np.clip(turned, -limit, limit)
    return clipped


def slip(acc: Acc, rng: np.random.Generator) -> Acc:
    """A strap that turns at the impact."""
    out = acc.copy()
    turn = _turns(rng, np.radians(np.abs(rng.normal(0, _SLIP_DEG, len(acc)))))
    out[:, PRE + _SLIP_AFTER :] = np.einsum("nij,ntj->nti", turn, acc[:, PRE + _SLIP_AFTER :])
    return out


def slow(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor of half the rate, interpolated, at either phase."""
    points = np.arange(acc.shape[1])
    out = acc.copy()
    phase = rng.integers(0, 2, len(acc))
    for k in (0, 1):
        odd = (points + k) % 2
        low, high = np.clip(points - odd, 0, None), np.clip(points + odd, None, len(points) - 1)
        of_phase = acc[phase == k]
        out[phase == k] = (of_phase[:, low] + of_phase[:, high]) / np.float32(2)
    return out


def cheap(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor with 4 % of gain error, 30 mg of offset and 20 mg of noise."""
    gain = rng.normal(1, 0.04, (len(acc), 1, 3)).astype(np.float32)
    offset = rng.normal(0, 0.03, (len(acc), 1, 3)).astype(np.float32)
    noise = rng.normal(0, 0.02, acc.shape).astype(np.float32)
    return acc * gain + offset + noise


KINDS: dict[str, Callable[[Acc, np.random.Generator], Acc]] = {"clip": clip, "slip": slip, "slow": slow, "cheap": cheap}


def _rotations(rng: np.random.Generator, n: int) -> Acc:
    """(n, 3, 3) uniformly random rotations, from unit quaternions (Shoemake 1992)."""
    q = rng.normal(size=(n, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0).astype(np.float32)


def _turns(rng: np.random.Generator, angle: npt.NDArray[np.float64]) -> Acc:
    """(n, 3, 3) rotations by these angles about random axes (Rodrigues)."""
    axis = rng.normal(size=(len(angle), 3))
    x, y, z = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).T
    o = np.zeros(len(angle))
    cross = np.moveaxis(np.array([[o, -z, y], [z, o, -x], [-y, x, o]]), -1, 0)
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    turns: Acc = (np.eye(3) + sine * cross + versine * cross @ cross).astype(np.float32)
    return turns
