"""Settings of the Polar Measurement Data service: what a wearable offers, and what is taken of it.

Each is a kind, a count and so many values, little-endian; a start takes one value of each kind.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from falld.sensors.driver import Wish
from falld.sensors.drivers._bytes import frame_error, nearest

RATE, RESOLUTION, RANGE, RANGE_MILLI, CHANNELS, FACTOR, SECURITY = range(7)

_BYTES = {RATE: 2, RESOLUTION: 2, RANGE: 2, RANGE_MILLI: 4, CHANNELS: 1, FACTOR: 4, SECURITY: 16}


def read_settings(driver: str, data: bytes) -> dict[int, list[int]]:
    """The values of each kind, by kind; a factor is still the bits of its float. A lone byte is a reserved one.

    Raises:
        FrameError: cut off, a kind without values, or one of unknown size.
    """
    found: dict[int, list[int]] = {}
    at = 0
    while at < len(data) and len(data) > 1:
        kind, count = data[at], data[at + 1] if at + 1 < len(data) else 0
        size = _BYTES.get(kind, 0)
        values = data[at + 2 : at + 2 + size * count]
        if not size or not count or len(values) < size * count:
            raise frame_error(driver, f"settings that cannot be read from byte {at} on", data)
        found[kind] = [int.from_bytes(values[i : i + size], "little") for i in range(0, len(values), size)]
        at += 2 + len(values)
    return found


def write_settings(chosen: Mapping[int, int]) -> bytes:
    """One value of each kind, as a start takes them."""
    return b"".join(bytes((kind, 1)) + value.to_bytes(_BYTES[kind], "little") for kind, value in sorted(chosen.items()))


def choose(driver: str, listed: bytes, wish: Wish) -> dict[int, int]:
    """What to ask for: of each kind that is offered, the value nearest to the wish.

    Raises:
        FrameError: the list cannot be read, or offers no rate.
    """
    wishes = {
        RATE: wish.rate_hz,
        RESOLUTION: 16.0,
        RANGE: wish.range_g,
        RANGE_MILLI: wish.range_g * 1000,
        CHANNELS: 3.0,
    }
    offered = read_settings(driver, listed)
    chosen = {kind: int(nearest(wishes[kind], values)) for kind, values in offered.items() if kind in wishes}
    if not chosen.get(RATE):
        raise frame_error(driver, "settings without a rate", listed)
    return chosen


def range_of(chosen: Mapping[int, int]) -> float | None:
    """The range in g; None: there was none to choose."""
    if RANGE in chosen:
        return float(chosen[RANGE])
    return chosen[RANGE_MILLI] / 1000 if RANGE_MILLI in chosen else None


def factor_of(driver: str, answer: bytes) -> float:
    """What the counts of compressed frames are to be multiplied by, from the answer to a start; 1 where it names none.

    Raises:
        FrameError: it cannot be read, or is no positive number.
    """
    told = read_settings(driver, answer)
    if FACTOR not in told:
        return 1.0
    factor: float = struct.unpack("<f", told[FACTOR][0].to_bytes(4, "little"))[0]
    if not (math.isfinite(factor) and factor > 0):
        raise frame_error(driver, f"a factor of {factor}", answer)
    return factor
