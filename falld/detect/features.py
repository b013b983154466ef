"""What an impact looks like, in numbers that do not depend on how the wearable is turned.

Directions are only ever taken relative to gravity as it stood before and after the impact, so any static rotation of
the sensor leaves every feature as it is. All are plain reductions along a window, so a candidate's features are the
same to the bit alone or in a batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from falld.detect.spans import Array, Seconds, Spans, points
from falld.detect.window import GRID_HZ, POST, PRE, Windows
from falld.samples.recording import TRUNK

FEATURE_SET = "impact-3"
"""Name of this set, and of how it is shown to a model; a bundle made for another one is refused."""

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
_POSTURES = (*_BEFORE, *_AFTER)
_DOWN = np.array([_POSTURES.index(_BEFORE[1]), _POSTURES.index(_AFTER[2])])
"""The postures whose gravity splits acceleration into along and across."""
_FIRST, _SECOND = np.array(list(itertools.combinations(range(len(_POSTURES)), 2))).T
_ACROSS = slice(3, 6)
"""Phases that tell by how much the movement leaves the line of gravity."""
_OVER, _UNDER = np.array([1.5, 2.0, 3.0], np.float32), np.array([0.5, 0.7, 0.85], np.float32)
_PEAK_G = 1.25
_POOL = 4
"""Points of the course that are averaged: 80 ms, a third of the shortest phase."""
_SOFT_G = np.float32(4.0)
"""Where the course begins to saturate: 1 g stays 0.8 g, 16 g becomes 3.2 g, as hard impacts differ by the sensor's
range more than by what happened."""
_COURSES = ("|a|", "along before", "along after", "across before", "across after", "jerk")
_AT_ONCE = 64
"""Windows: at 20 kB each with all that is made of them, they stay in a processor's cache."""


def features(windows: Windows, placement: str) -> tuple[Array, tuple[str, ...]]:
    """Features of each window.

    Args:
        windows: c windows.
        placement: where the wearable sits.

    Returns:
        (c, d) float32 and the d names.
    """
    rows = np.empty((len(windows), len(NAMES)), np.float32)
    for start in range(0, len(windows), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        np.concatenate(_columns(windows.acc[some]), axis=1, out=rows[some, :-2])
    rows[:, -2:] = placement == "wrist", placement in TRUNK
    return rows, NAMES


def _names() -> Iterator[str]:
    """Of `_columns` in order, and of the placement."""
    spans, postures = [_label(s) for s in _SPANS], [_label(s) for s in _POSTURES]
    yield from (f"|a| {what} {span}" for span in spans for what in ("mean", "spread", "max", "min"))
    yield from (f"time {side} {level!s} g" for side, levels in (("over", _OVER), ("under", _UNDER)) for level in levels)
    yield from ("lowest to impact", "peaks before", "peaks after")
    yield from (f"|a| {share} % {when}" for when in ("late", "early") for share in (10, 90))
    yield from (f"jerk {what} {span}" for span in spans for what in ("mean", "max"))
    yield from (f"movement {span}" for span in postures)
    yield from (f"turn {postures[i]} to {postures[j]}" for i, j in zip(_FIRST, _SECOND, strict=True))
    for down in ("before", "after"):
        yield from (f"along {down} {what} {span}" for span in spans for what in ("mean", "min"))
        yield from (f"across {down} {what} {span}" for span in spans[_ACROSS] for what in ("max", "mean"))
    yield from (f"course {what} {k}" for what in _COURSES for k in range(_POINTS))
    yield from PLACES


def _label(seconds: Seconds) -> str:
    return f"{seconds[0]:+.1f}..{seconds[1]:+.1f}"


_POINTS = (PRE + 1 + POST) // _POOL
PLACES = ("wrist", "trunk")
"""The last features: where the wearable sits."""
NAMES = tuple(_names())
"""Of the features, in order: numbers for phases of the impact, its course point by point, and the placement."""
NUMBERS = NAMES.index("course |a| 0")
"""How many of them are numbers for phases."""


_PHASES, _STANDS = Spans(_SPANS), Spans(_POSTURES)
_STEPS = Spans([(start, stop - 1 / GRID_HZ) for start, stop in _SPANS])
"""Differences of neighbours within a phase."""
_NEAR, _APPROACH, _FALL = points(-0.5, 0.5), points(-1.0, -0.04), points(-1.0, 0.0)
_WALKS = (points(-3.0, -0.6), points(0.6, 2.5))
_LATE, _EARLY = points(1.0, 2.5), points(-3.0, -1.0)


def _columns(acc: Array) -> list[Array]:
    """Blocks of (c, k) features of (c, w, 3) windows, all but the placement."""
    axes = np.ascontiguousarray(acc.transpose(2, 0, 1))
    m = _length(axes)
    stands = _STANDS.means(axes)
    lengths: Array = np.maximum(_length(stands), np.float32(0.05))
    units = stands / lengths
    down: Array = np.take(units, _DOWN, axis=-1)
    along = _dot(axes[:, :, None], down[..., None])
    # Not from m² - along², which rounding decides where nearly all is along.
    across = _length(axes[:, :, None] - along * down[..., None])
    signals = np.concatenate((m[:, None], along, across), axis=1)
    mean, largest, least = _PHASES.means(signals), _PHASES.largest(signals), _PHASES.least(signals)
    jerk = _length(axes[:, :, 1:] - axes[:, :, :-1])
    blocks = [
        _woven(mean[:, 0], _PHASES.spreads(m, mean[:, 0]), largest[:, 0], least[:, 0]),
        *_magnitude(m),
        _woven(_STEPS.means(jerk), _STEPS.largest(jerk)),
        _length(_STANDS.spreads(axes, stands)),
        _square(np.take(units, _FIRST, axis=-1) - np.take(units, _SECOND, axis=-1)),
    ]
    for i in (1, 2):
        blocks.append(_woven(mean[:, i], least[:, i]))
        blocks.append(_woven(largest[:, i + 2, _ACROSS], mean[:, i + 2, _ACROSS]))
    blocks.append(_course(signals, jerk))
    return blocks


def _course(signals: Array, jerk: Array) -> Array:
    """(c, courses points): how (c, 5, w) magnitude, along and across, and (c, w - 1) jerk go, softly limited."""
    c, n, w = signals.shape
    course: Array = np.zeros((c, n + 1, w), np.float32)
    course[:, :n] = signals
    course[:, 0] -= np.float32(1.0)
    course[:, n, 1:] = jerk + jerk
    course /= np.float32(1.0) + np.abs(course) / _SOFT_G
    parts = [course[..., i : _POINTS * _POOL : _POOL] for i in range(_POOL)]
    pooled: Array = (parts[0] + parts[1] + parts[2] + parts[3]) / np.float32(_POOL)
    return pooled.reshape(c, -1)


def _magnitude(m: Array) -> Iterator[Array]:
    """What else the (c, w) magnitude tells."""
    yield _share(m[:, None, _NEAR] > _OVER[:, None])
    yield _share(m[:, None, _APPROACH] < _UNDER[:, None])
    fall = m[:, _FALL]
    yield (fall.shape[1] - 1 - np.argmin(fall, axis=1)).astype(np.float32)[:, None]
    inner = m[:, 1:-1]
    peak = (inner > _PEAK_G) & (inner > m[:, :-2]) & (inner >= m[:, 2:])
    for walk in _WALKS:
        yield _count(peak[:, walk.start : walk.stop - 2])[:, None]
    for calm in (_LATE, _EARLY):
        ordered = np.sort(m[:, calm], axis=1)
        n = ordered.shape[1]
        yield np.take(ordered, (n // 10, 9 * n // 10), axis=1)


def _woven(*parts: Array) -> Array:
    """(c, k n): of k parts (c, n) the first columns, then the second ones, and so on."""
    c, n = parts[0].shape
    out = np.empty((c, n, len(parts)), np.float32)
    for i, part in enumerate(parts):
        out[:, :, i] = part
    return out.reshape(c, -1)


def _count(found: npt.NDArray[np.bool_]) -> Array:
    count: Array = np.add.reduce(found, axis=-1, dtype=np.float32)
    return count


def _share(found: npt.NDArray[np.bool_]) -> Array:
    """Of the points."""
    return _count(found) / np.float32(found.shape[-1])


def _dot(a: Array, b: Array) -> Array:
    """Along the first of the axes, of length 3."""
    product: Array = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def _square(a: Array) -> Array:
    """Of the difference of two directions it is 2 - 2 cos of the angle, exact for small angles too."""
    return _dot(a, a)


def _length(a: Array) -> Array:
    length: Array = np.sqrt(_square(a))
    return length
