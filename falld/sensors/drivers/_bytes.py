"""What every driver needs to read bytes and to refuse them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.sensors.driver import Battery, DialogError, Frame, FrameError

G = 9.80665  # m/s², standard gravity
LARGEST_G = 64.0  # wearables' accelerometers end at 16 or 32 g; twice that is no acceleration but a broken frame

_SHOWN_BYTES = 32


def uuid16(number: int) -> str:
    """A number assigned by the Bluetooth SIG as a full UUID, lower-case."""
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


BATTERY = uuid16(0x2A19)
"""Battery Level: one byte, percent."""


def show(data: bytes) -> str:
    """Bytes in hex for an error, at most 32 of them."""
    if not data:
        return "no bytes"
    more = f" … ({len(data)} bytes)" if len(data) > _SHOWN_BYTES else ""
    return data[:_SHOWN_BYTES].hex(" ") + more


def frame_error(driver: str, why: str, data: bytes) -> FrameError:
    """What to raise for bytes that make no sense."""
    remedy = "check that the wearable has its maker's current firmware, then report these bytes"
    return FrameError(driver, f"{why}: {show(data)}", remedy)


def refused(driver: str, what: str, remedy: str) -> DialogError:
    """What to raise where the wearable says no."""
    return DialogError(driver, what, remedy)


def unpack(driver: str, fmt: str, data: bytes) -> tuple[Any, ...]:
    """`struct.unpack`, which wants exactly the bytes that the format has.

    Raises:
        FrameError: fewer or more bytes.
    """
    try:
        return struct.unpack(fmt, data)
    except struct.error:
        raise frame_error(driver, f"{struct.calcsize(fmt)} bytes expected, {len(data)} came", data) from None


def frame(driver: str, acc: npt.ArrayLike, data: bytes, tick: int | None = None) -> Frame:
    """Samples in g, oldest first, as a frame.

    Args:
        driver: its name, for an error.
        acc: (n, 3) in g.
        data: the bytes they came from, for an error.
        tick: as the wearable counts.

    Raises:
        FrameError: no sample, or a value that is not finite or beyond `LARGEST_G`.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN is refused below
        values = np.asarray(acc, dtype=np.float64)
    if values.size == 0:
        raise frame_error(driver, "a frame without samples", data)
    if not np.all(np.abs(values) <= LARGEST_G):  # also false for NaN
        raise frame_error(driver, f"an acceleration beyond {LARGEST_G:g} g", data)
    return Frame(values.reshape(-1, 3).astype(np.float32), tick)


def battery(driver: str, data: bytes) -> Battery:
    """What Battery Level says.

    Raises:
        FrameError: not one byte, or beyond 100 %.
    """
    (percent,) = unpack(driver, "<B", data)
    if percent > 100:
        raise frame_error(driver, "a battery beyond 100 %", data)
    return Battery(percent)


def nearest(wish: float, offered: Iterable[float]) -> float:
    """The offered value nearest to the wish, the larger of two as near; at least one must be offered."""
    return min(offered, key=lambda value: (abs(value - wish), -value))
