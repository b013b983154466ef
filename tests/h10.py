"""What a Polar H10 says, for whatever plays one: written from its maker's SDK, and not with the driver's own words."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

PMD = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
FEATURES = bytes.fromhex("0f05000000000000000000000000000000")
BATTERY_PERCENT = 87
SETTINGS_COMMAND, START, STOP = 1, 2, 3
FIRST_NS = 599_000_000_000_000_000
"""Of its clock, which counts from 2000 on and has stood still in a drawer since 2018."""

_SETTINGS = bytes.fromhex("0004190032006400c800010110000203020004000800")
"""25, 50, 100 and 200 Hz; 16 bits; 2, 4 and 8 g."""
_ALREADY = 6


def answer(command: bytes, streams: bool) -> bytes:
    """What it indicates where a command was written, by whether it streamed before."""
    status = _ALREADY if command[0] == START and streams else 0
    return bytes([0xF0, command[0], command[1], status, 0]) + (_SETTINGS if command[0] == SETTINGS_COMMAND else b"")


def frame(last_ns: int, acc: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> bytes:
    """(n, 3) in mg, and its clock at the last of them."""
    return struct.pack("<BQB", 2, last_ns, 1) + np.rint(acc).astype("<i2").tobytes()
