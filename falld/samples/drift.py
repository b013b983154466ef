"""Offset and drift of a wearable's clock against the host's, from arrivals that are late but never early.

An arrival is the true time plus a delay of at least nothing, so `arrived - device time` lies above a straight line:
the offset, sloped by the drift. The sample of least delay is the one to believe, as in the clock filter of NTP
(RFC 5905, section 10), and one way, as with a wearable that is never asked, the line that lies under all points and
nearest to them on average is the edge of their lower convex hull above their mean device time: S. B. Moon, P. Skelly,
D. Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM 1999, and L. Zhang,
Z. Liu, C. H. Xia, "Clock synchronization algorithms for network measurements", INFOCOM 2002. What is common to all
delays cannot be seen one way and remains in the offset: some milliseconds of radio and operating system.
"""

from __future__ import annotations

_SLOTS = 64
"""Points kept at most, each the least late of its stretch."""
MAX_SKEW = 0.05
"""An accelerometer's own oscillator is 2 % off, seldom 5 %; a crystal 200 ppm."""
_FIRST_STRETCH_S = 0.25
"""Length of a stretch in the beginning; 64 cover the first 16 s, then every two become one."""
_LEVER_S = 4.0
"""Least time over which drift is measured: 0.1 s of jitter left at its ends are 2.5 %, within `MAX_SKEW`."""
_LEVER_POINTS = 8
"""Least points for it: where half the frames are held up, seven lines in eight have a prompt frame in both halves."""
_TOLD_FROM = 0.25
"""Part of the horizon that a line must cover to be told of: 5 ms of delay left at the ends of 64 s are 80 ppm."""
_MEAN_OF = 900
"""Lines over which the drift that is told is averaged: an hour at one in 4 s, which leaves a few ppm of that."""

Point = tuple[float, float]
"""Device time and the lag of its arrival behind it, in seconds."""


class LeastDelay:
    """Maps device time to host time by the arrivals of least delay over a sliding horizon.

    The line passes through the least late of the arrivals of the last `level_s` and above none of them.

    Args:
        horizon_s: time over which the drift is measured; what is older is forgotten.
        level_s: time over which the offset is; the same for a clock, less where device time may slip.
    """

    def __init__(self, horizon_s: float, level_s: float) -> None:
        self._horizon_s = horizon_s
        self._level_s = level_s
        self._mean_skew = 0.0
        self._lines = 0
        self.skew = 0.0
        """Host seconds in one device second, less 1, as the line has it now."""
        self.begin()

    def begin(self) -> None:
        """Forget the offset, not the drift: the same crystal begins to count anew."""
        self._points: list[Point] = []
        self._stretch_s = _FIRST_STRETCH_S
        self._start = 0.0
        self._offset = 0.0

    @property
    def drift(self) -> float | None:
        """`skew` in the long run; None before a quarter of the horizon was heard at a stretch."""
        return self._mean_skew if self._lines else None

    def at(self, device: float) -> float:
        """Host time of a device time, both in seconds."""
        return device + self._offset + self.skew * device

    def device(self, host: float) -> float:
        """Device time of a host time."""
        return (host - self._offset) / (1.0 + self.skew)

    def add(self, device: float, arrived: float) -> None:
        """The sample of device time `device` arrived at host time `arrived`; device times grow."""
        lag = arrived - device
        point = device, lag
        if not self._points:
            self._points, self._start = [point], device
            self._offset = self._above(point)
        elif device - self._start < self._stretch_s:
            self._points[-1] = min(self._points[-1], point, key=self._above)
        else:
            self._points.append(point)
            self._start = device
            self._forget(device)
            self._fit()
        self._offset = min(self._offset, self._above(point))

    def _above(self, point: Point) -> float:
        """Height above the line through the origin."""
        return point[1] - self.skew * point[0]

    def _forget(self, now: float) -> None:
        if len(self._points) > _SLOTS and self._stretch_s * _SLOTS < self._horizon_s:
            self._stretch_s *= 2
            self._points = [min(self._points[i : i + 2], key=self._above) for i in range(0, len(self._points), 2)]
        self._points = [point for point in self._points[-_SLOTS:] if point[0] >= now - self._horizon_s]

    def _fit(self) -> None:
        first, last = self._points[0][0], self._points[-1][0]
        if last - first >= _LEVER_S and len(self._points) >= _LEVER_POINTS:
            left, right = _edge(self._points, (first + last) / 2)
            slope = (right[1] - left[1]) / (right[0] - left[0])
            self.skew = min(max(slope, -MAX_SKEW), MAX_SKEW)
            if last - first >= _TOLD_FROM * self._horizon_s:
                self._lines = min(self._lines + 1, _MEAN_OF)
                self._mean_skew += (self.skew - self._mean_skew) / self._lines
        self._offset = min(self._above(point) for point in self._points if point[0] >= last - self._level_s)


def _edge(points: list[Point], x: float) -> tuple[Point, Point]:
    """Edge above `x` of the lower convex hull of points in order of device time (A. M. Andrew's monotone chain)."""
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _cross(hull[-2], hull[-1], point) <= 0:
            hull.pop()
        hull.append(point)
    right = next(i for i in range(1, len(hull)) if hull[i][0] >= x)
    return hull[right - 1], hull[right]


def _cross(a: Point, b: Point, c: Point) -> float:
    """Above 0 where the way from `a` over `b` to `c` turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
