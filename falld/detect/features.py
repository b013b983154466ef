"""What an impact looks like, in numbers that do not depend on how the wearable is turned.

Directions are only ever taken relative to gravity as it stood before and after the impact, so any static rotation of
the sensor leaves every feature as it is. All are plain reductions along a window, so a candidate's features are the
same to the bit alone or in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from falld.detect.window import GRID_HZ, PRE, Windows
from falld.samples.recording import TRUNK

FEATURE_SET = "impact-1"
"""Name of this set; a bundle trained on another one is refused."""

Array = npt.NDArray[np.float32]

_SPANS = (
    (-3.0, -2.0),
    (-2.0, -1.2),
    (-1.2, -0.6),
    (-0.6, -0.2),
    (-0.2, 0.2),
    (0.2, 0.6),
    (0.6, 1.2),
    (1.2, 1.8),
    (1.8, 2.5),
)
"""Phases in seconds from the impact: before, approach, descent, impact, rebound, settling, after."""
_BEFORE = ((-3.0, -2.0), (-2.0, -1.0), (-1.0, -0.5))
_AFTER = ((0.5, 1.0), (1.0, 1.75), (1.75, 2.5))


def features(windows: Windows, placement: str) -> tuple[Array, tuple[str, ...]]:
    """Features of each window.

    Args:
        windows: c windows.
        placement: where the wearable sits.

    Returns:
        (c, d) float32 and the d names.
    """
    columns = list(_columns(windows, placement))
    return np.stack([column for _, column in columns], axis=1), tuple(name for name, _ in columns)


def _span(a: Array, seconds: tuple[float, float]) -> Array:
    """The part of (c, w) windows between two times from the impact."""
    lo, hi = (PRE + round(s * GRID_HZ) for s in seconds)
    return a[:, lo : hi + 1]


def _label(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:+.1f}..{seconds[1]:+.1f}"


def _columns(windows: Windows, placement: str) -> Iterator[tuple[str, Array]]:
    axes = [np.ascontiguousarray(windows.acc[:, :, i]) for i in range(3)]
    m = np.sqrt(axes[0] * axes[0] + axes[1] * axes[1] + axes[2] * axes[2])
    yield from _magnitude(m)
    yield from _jerk(axes)
    means = {s: [_mean(_span(a, s)) for a in axes] for s in (*_BEFORE, *_AFTER)}
    yield from _posture(means)
    before = _unit(means[_BEFORE[1]])
    after = _unit(means[_AFTER[2]])
    for name, down in (("before", before), ("after", after)):
        along = axes[0] * down[0][:, None] + axes[1] * down[1][:, None] + axes[2] * down[2][:, None]
        across = np.sqrt(np.maximum(m * m - along * along, np.float32(0)))
        for s in _SPANS:
            yield f"along {name} mean {_label(s)}", _mean(_span(along, s))
            yield f"along {name} min {_label(s)}", _span(along, s).min(axis=1)
        for s in _SPANS[3:6]:
            yield f"across {name} max {_label(s)}", _span(across, s).max(axis=1)
            yield f"across {name} mean {_label(s)}", _mean(_span(across, s))
    yield "wrist", np.full(len(m), placement == "wrist", np.float32)
    yield "trunk", np.full(len(m), placement in TRUNK, np.float32)


def _mean(a: Array) -> Array:
    total: Array = np.ascontiguousarray(a).sum(axis=1)
    return total / np.float32(a.shape[1])


def _spread(a: Array) -> Array:
    centred = np.ascontiguousarray(a - _mean(a)[:, None])
    spread: Array = np.sqrt(_mean(centred * centred))
    return spread


def _magnitude(m: Array) -> Iterator[tuple[str, Array]]:
    for s in _SPANS:
        part = np.ascontiguousarray(_span(m, s))
        yield f"|a| mean {_label(s)}", _mean(part)
        yield f"|a| spread {_label(s)}", _spread(part)
        yield f"|a| max {_label(s)}", part.max(axis=1)
        yield f"|a| min {_label(s)}", part.min(axis=1)
    near = (-0.5, 0.5)
    for level in (1.5, 2.0, 3.0):
        yield f"time over {level} g", _mean((_span(m, near) > level).astype(np.float32))
    approach = (-1.0, -0.04)
    for level in (0.5, 0.7, 0.85):
        yield f"time under {level} g", _mean((_span(m, approach) < level).astype(np.float32))
    fall = _span(m, (-1.0, 0.0))
    lowest = np.argmin(fall, axis=1)
    yield "lowest to impact", (fall.shape[1] - 1 - lowest).astype(np.float32)
    yield "peaks before", _peaks(_span(m, (-3.0, -0.6)), 1.25)
    yield "peaks after", _peaks(_span(m, (0.6, 2.5)), 1.25)
    late = np.sort(np.ascontiguousarray(_span(m, (1.0, 2.5))), axis=1)
    n = late.shape[1]
    yield "|a| 10 % late", late[:, n // 10]
    yield "|a| 90 % late", late[:, 9 * n // 10]
    early = np.sort(np.ascontiguousarray(_span(m, (-3.0, -1.0))), axis=1)
    n = early.shape[1]
    yield "|a| 10 % early", early[:, n // 10]
    yield "|a| 90 % early", early[:, 9 * n // 10]


def _peaks(m: Array, level: float) -> Array:
    inner = m[:, 1:-1]
    peak = (inner > level) & (inner > m[:, :-2]) & (inner >= m[:, 2:])
    count: Array = peak.astype(np.float32).sum(axis=1)
    return count


def _jerk(axes: list[Array]) -> Iterator[tuple[str, Array]]:
    steps = [np.diff(a, axis=1) for a in axes]
    jerk = np.sqrt(steps[0] * steps[0] + steps[1] * steps[1] + steps[2] * steps[2])
    for s in _SPANS:
        part = _span(jerk, (s[0], s[1] - 0.02))
        yield f"jerk mean {_label(s)}", _mean(part)
        yield f"jerk max {_label(s)}", part.max(axis=1)
    for s in (*_BEFORE, *_AFTER):
        spread = [_spread(_span(a, s)) for a in axes]
        yield f"movement {_label(s)}", np.sqrt(spread[0] ** 2 + spread[1] ** 2 + spread[2] ** 2)


def _posture(means: dict[tuple[float, float], list[Array]]) -> Iterator[tuple[str, Array]]:
    spans = list(means)
    units = {s: _unit(means[s]) for s in spans}
    for i, first in enumerate(spans):
        for second in spans[i + 1 :]:
            a, b = units[first], units[second]
            yield f"cosine {_label(first)} to {_label(second)}", a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _unit(v: list[Array]) -> list[Array]:
    length = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    length = np.maximum(length, np.float32(0.05))
    return [c / length for c in v]
