"""Samples packed as differences, as Polar's compressed frames carry them.

A frame begins with one whole sample, three little-endian int16. Blocks follow to its end: the width of a difference in
bits, how many samples, and their differences, x, y, z, each to the sample before it, in two's complement, packed from
the least significant bit up and filled to a whole byte.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from falld.sensors.drivers._bytes import frame_error

_REFERENCE_BYTES = 6  # 3 axes of 16 bits
_WIDEST_BITS = 17  # two int16 differ by at most 65,535 either way, which is 17 bits with the sign
_INT16 = np.iinfo(np.int16)


def unpack_deltas(driver: str, data: bytes) -> npt.NDArray[np.int64]:
    """Samples in counts, oldest first.

    Args:
        driver: its name, for an error.
        data: the whole sample and the blocks after it.

    Returns:
        (n, 3), n at least 1, each within int16.

    Raises:
        FrameError: too short, a block that is cut off, empty or of an impossible width, or a sum beyond int16.
    """
    if len(data) < _REFERENCE_BYTES:
        raise frame_error(driver, "a compressed frame without a whole first sample", data)
    parts = [np.frombuffer(data, "<i2", 3).astype(np.int64).reshape(1, 3)]
    at = _REFERENCE_BYTES
    while at < len(data):
        bits, count = data[at], data[at + 1] if at + 1 < len(data) else 0
        size = -(-bits * count * 3 // 8)
        block = data[at + 2 : at + 2 + size]
        if not 1 <= bits <= _WIDEST_BITS or count == 0 or len(block) < size:
            raise frame_error(driver, f"a block of {count} samples in {bits} bits that is cut off or cannot be", data)
        parts.append(_signed(block, bits, count * 3).reshape(count, 3))
        at += 2 + size
    samples = np.cumsum(np.concatenate(parts), axis=0)
    if samples.min() < _INT16.min or samples.max() > _INT16.max:
        raise frame_error(driver, "differences that add up beyond 16 bits", data)
    return samples


def _signed(block: bytes, bits: int, count: int) -> npt.NDArray[np.int64]:
    """(count,) numbers of so many bits."""
    packed = np.unpackbits(np.frombuffer(block, np.uint8), bitorder="little")[: bits * count]
    rows = packed.reshape(count, bits).astype(np.int64)
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]  # two's complement: the highest bit counts negative
    return rows @ weights
