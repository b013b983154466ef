"""The same impact as another life before it, and another body, strap and sensor, would have shown it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from falld.detect.window import GATE_G, PAD, PRE

Acc = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_SPLICED = 0.4
"""Share of impacts that get another life before them: people do not only fall while they walk to a mattress."""
_JOIN_S = (0.5, 1.5)
"""Before the impact, where the other life ends: a fall that is caught late takes half a second."""
_FADE = 10
"""Points, 0.2 s, over which one life becomes the other."""
_PACE = 0.12
"""Spread of how much faster or slower somebody moves and falls."""
_JITTER = 2
"""Points, 40 ms: which of the samples near the impact is the largest depends on the sensor."""
_SLIP_DEG = 25.0
"""Spread of the turn of a loose strap at the impact: posture change is the strongest cue, and must not be the only."""
_SLIP_AFTER = 5
"""Points after the impact, 0.1 s, at which it has slipped."""
_RANGES = ((0.12, 2.0), (0.18, 4.0), (0.20, 8.0))
"""Shares of sensors that clip at so many g on an axis; the others do not clip."""
WAYS = (
    "another life before it",
    "another pace",
    "mounted at random with errors of gain, offset and noise",
    "a strap that slips",
    "a range of ±2, ±4 or ±8 g",
    "half the rate",
    "an early end",
    "a late start",
)
_AT_ONCE = 2048
"""Windows: 7 MB, so that each way's intermediate results stay small."""


def another(acc: Acc, donor: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[Acc, Mask]:
    """Each impact in another way, by chance.

    Args:
        acc: (c, w, 3) windows.
        donor: (c,) of each, a window whose end may stand before it, of the same person; -1: none.

    Returns:
        (c, w, 3), and (c,) whether the gate would still let it pass.
    """
    out = np.empty_like(acc)
    for start in range(0, len(acc), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        own, its = acc[some].copy(), donor[some]
        chosen = np.flatnonzero((its >= 0) & (rng.random(len(its)) < _SPLICED))
        own[chosen] = splice(own[chosen], acc[its[chosen]], rng)
        own = imprecise(remount(pace(own, rng), rng), rng)
        for share, way in ((0.3, slip), (1.0, clip), (0.25, slow), (0.15, cut), (0.12, begin)):
            chosen = np.flatnonzero(rng.random(len(own)) < share)
            own[chosen] = way(own[chosen], rng)
        out[some] = own
    near = out[:, PRE - _JITTER : PRE + _JITTER + 1]
    passes: Mask = ((near * near).sum(axis=2) >= GATE_G**2).any(axis=1)
    return out, passes


def splice(acc: Acc, before: Acc, rng: np.random.Generator) -> Acc:
    """The end of another window, turned so that gravity goes on as it is, then the impact."""
    c, w, _ = acc.shape
    join = PRE - np.round(rng.uniform(*_JOIN_S, c) * 50).astype(np.int64)[:, None]
    at = np.arange(w)[None]
    moved = np.take_along_axis(before, np.minimum(at + w - join, w - 1)[..., None], axis=1)
    was = (moved * ((at < join) & (at >= join - 60))[..., None]).sum(axis=1)
    goes_on = (acc * ((at >= join - 40) & (at < join + _FADE))[..., None]).sum(axis=1)
    moved = _turn(aligning(was, goes_on), moved)
    other = np.clip((join - at) / _FADE, 0, 1).astype(np.float32)[..., None]
    spliced: Acc = moved * other + acc * (1 - other)
    return spliced


def pace(acc: Acc, rng: np.random.Generator) -> Acc:
    """Faster or slower around the impact, which is seen a little earlier or later."""
    c, w, _ = acc.shape
    factor = 1 + _PACE * np.clip(rng.standard_normal((c, 1), np.float32), -2, 2)
    shift = rng.integers(-_JITTER, _JITTER + 1, (c, 1))
    at = np.clip((np.arange(w, dtype=np.float32)[None] - PRE) * factor + PRE + shift, 0, w - 1)
    low = at.astype(np.int64)
    part = (at - low).astype(np.float32)[..., None]
    high = np.minimum(low + 1, w - 1)
    rows = np.arange(c)[:, None]
    paced: Acc = acc[rows, low] * (1 - part) + acc[rows, high] * part
    return paced


def remount(acc: Acc, rng: np.random.Generator) -> Acc:
    """Mounted at random: what follows acts on other axes."""
    return _turn(_rotations(rng.standard_normal((len(acc), 4))), acc)


def imprecise(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor with 5 % of gain error, 30 mg of offset and up to 20 mg of noise."""
    each = (len(acc), 1, 3)
    gain = 1 + np.float32(0.05) * rng.standard_normal(each, np.float32)
    offset = np.float32(0.03) * rng.standard_normal(each, np.float32)
    noise = np.float32(0.02) * rng.random((len(acc), 1, 1), np.float32)
    measured: Acc = acc * gain + offset + noise * rng.standard_normal(acc.shape, np.float32)
    return measured


def slip(acc: Acc, rng: np.random.Generator) -> Acc:
    """A strap that turns at the impact."""
    half = np.radians(np.abs(rng.normal(0, _SLIP_DEG, len(acc)))) / 2
    axis = rng.standard_normal((len(acc), 3))
    axis *= (np.sin(half) / np.linalg.norm(axis, axis=1))[:, None]
    out = acc.copy()
    out[:, PRE + _SLIP_AFTER :] = _turn(_rotations(np.column_stack((np.cos(half), axis))), acc[:, PRE + _SLIP_AFTER :])
    return out


def clip(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor of ±2, ±4 or ±8 g clips axis by axis; of a larger range, hardly."""
    limits = np.array([limit for _, limit in _RANGES] + [np.inf], np.float32)
    kind = np.searchsorted(np.cumsum([share for share, _ in _RANGES]), rng.random(len(acc)), side="right")
    limit = limits[kind][:, None, None]
    clipped: Acc = np.clip(acc, -limit, limit)
    return clipped


def slow(acc: Acc, rng: np.random.Generator) -> Acc:
    """A sensor of half the rate, interpolated, at either phase."""
    points = np.arange(acc.shape[1])
    odd = (points + rng.integers(0, 2, (len(acc), 1))) % 2
    rows = np.arange(len(acc))[:, None]
    low, high = np.maximum(points - odd, 0), np.minimum(points + odd, len(points) - 1)
    halved: Acc = (acc[rows, low] + acc[rows, high]) / np.float32(2)
    return halved


def cut(acc: Acc, rng: np.random.Generator) -> Acc:
    """A stream that ends 0.1 to 2 s after the impact, padded as the product pads it."""
    out = acc.copy()
    for i, stop in enumerate((PRE + rng.integers(5, 100, len(acc))).tolist()):
        out[i, stop:] = acc[i, stop - PAD : stop].mean(axis=0)
    return out


def begin(acc: Acc, rng: np.random.Generator) -> Acc:
    """A stream that begins 0.3 to 2.5 s before the impact, after a gap, padded as the product pads it."""
    out = acc.copy()
    for i, start in enumerate((PRE - rng.integers(15, 125, len(acc))).tolist()):
        out[i, :start] = acc[i, start : start + PAD].mean(axis=0)
    return out


def _turn(rotation: Acc, acc: Acc) -> Acc:
    turned: Acc = np.matmul(acc, np.swapaxes(rotation, 1, 2))
    return turned


def _rotations(q: npt.NDArray[np.float64]) -> Acc:
    """(c, 3, 3) of (c, 4) quaternions, which need not be of unit length; normal ones are uniformly random."""
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0).astype(np.float32)


def aligning(a: Acc, b: Acc) -> Acc:
    """(c, 3, 3) rotations that take the directions of (c, 3) `a` to those of `b`."""
    a, b = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-6) for v in (a, b))
    q = np.column_stack((1 + (a * b).sum(axis=1), np.cross(a, b))).astype(np.float64)
    q[np.linalg.norm(q, axis=1) < 1e-3] = (0.0, 1.0, 0.0, 0.0)  # Opposite: any half turn will nearly do.
    return _rotations(q)
