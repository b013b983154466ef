"""Movesense sensors whose firmware speaks the GATT SensorData Protocol, version 1.

A command carries a reference of our choice, and what answers it carries the same one. After
movesense.com/docs/esw/gatt_sensordata_protocol. There is no command for the range, and the battery is told when asked,
so once a connection.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

import numpy as np

from falld.sensors.driver import (
    Advertisement,
    Await,
    Dialog,
    Frame,
    Said,
    Step,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers._bytes import G, battery, frame, frame_error, nearest, refused, unpack

SERVICE = "34802252-7185-4d5d-b431-630e7050e8f0"
COMMAND = "34800001-7185-4d5d-b431-630e7050e8f0"
NOTIFY = "34800002-7185-4d5d-b431-630e7050e8f0"
RATES_HZ = (13, 26, 52, 104, 208, 416, 833, 1666)
RANGES_G = (2, 4, 8, 16)

_NAME = "movesense"
_HELLO, _SUBSCRIBE, _UNSUBSCRIBE, _GET = 0, 1, 2, 4  # commands
_RESULT, _DATA, _DATA_PART2 = 1, 2, 3  # first bytes of what comes
_ACC_REF, _HELLO_REF, _BATTERY_REF, _RANGE_REF = 99, 100, 101, 102
_SAMPLE_BYTES = 12  # three float32
_STRAYS = 64  # frames, five seconds' worth at 52 Hz, that may come before an answer

_FIRMWARE = "put the maker's current firmware on it, with its GATT SensorData service"
_REFUSALS = {
    404: ("it has no acceleration to give", _FIRMWARE),
    429: ("it is out of memory for requests", "take its battery out and put it back"),
    501: ("it does not take the rate", "choose 13, 26, 52, 104 or 208 Hz"),
    503: ("it is busy with another stream", "end the other program that uses it"),
    507: ("it has too many streams", "end the other program that uses it"),
}


class _Session:
    ticks = Ticks(hz=1000.0, bits=32, of="first")

    def __init__(self, wish: Wish) -> None:
        self.rate_hz = float(nearest(wish.rate_hz, RATES_HZ))
        self.range_g: float | None = None
        self._half = b""
        """The first half of a frame whose second has yet to come."""
        self._said: list[Said] = []
        """What the dialog learnt, for the next `received`."""

    def start(self) -> Dialog:
        yield Subscribe(NOTIFY)
        yield Write(COMMAND, bytes((_HELLO, _HELLO_REF)))
        if (yield from self._result(_HELLO_REF)) is None:
            raise refused(_NAME, "it does not answer", _FIRMWARE)
        # Old firmware ignores a GET; it can do without.
        if (level := (yield from self._get(_BATTERY_REF, "/System/Energy/Level"))) is not None:
            self._said.append(battery(_NAME, level))
        if (widest := (yield from self._get(_RANGE_REF, "/Meas/Acc/Config"))) is not None:
            self.range_g = float(widest[0]) if len(widest) == 1 and widest[0] in RANGES_G else None
        yield Write(COMMAND, bytes((_SUBSCRIBE, _ACC_REF)) + f"/Meas/Acc/{self.rate_hz:.0f}".encode())
        result = yield from self._result(_ACC_REF)
        if result is None:
            raise refused(_NAME, "it does not start the stream", _FIRMWARE)
        if result and (status := _status(result)) >= 300:
            raise refused(_NAME, *_REFUSALS.get(status, (f"it refuses the stream, with status {status}", _FIRMWARE)))

    def stop(self) -> Dialog:
        yield Write(COMMAND, bytes((_UNSUBSCRIBE, _ACC_REF)))

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        if characteristic != NOTIFY:
            raise frame_error(_NAME, f"nothing is expected from {characteristic}", data)
        said = self._read(data)
        earlier, self._said = self._said, []
        return earlier + said

    def _get(self, reference: int, path: str) -> Generator[Step, bytes, bytes | None]:
        """What a path holds; None: it does not tell."""
        yield Write(COMMAND, bytes((_GET, reference)) + path.encode())
        result = yield from self._result(reference, within_s=2.0)
        return result[2:] if result is not None and _status(result) == 200 else None

    def _result(self, reference: int, within_s: float = 5.0) -> Generator[Step, bytes, bytes | None]:
        """The result of a command; None: none comes.

        Old firmware begins to stream without one: then it is empty. What else comes is kept for `received`.
        """
        for _ in range(_STRAYS):
            try:
                data = yield Await(NOTIFY, within_s)
            except TimeoutError:
                return None
            if data[:2] == bytes((_RESULT, reference)):
                return data[2:]
            self._said += self._read(data)
            if data[:2] == bytes((_DATA, reference)):
                return b""
        raise frame_error(_NAME, f"no result with reference {reference} among what came, at last", data)

    def _read(self, data: bytes) -> list[Said]:
        kind, reference = unpack(_NAME, "<BB", data[:2])
        if kind == _RESULT and reference == _BATTERY_REF and _status(data[2:]) == 200:
            return [battery(_NAME, data[4:])]
        if kind == _RESULT and reference in (_ACC_REF, _HELLO_REF, _BATTERY_REF, _RANGE_REF):
            return []  # one that came late, or the answer to a stop
        if kind == _DATA and reference == _ACC_REF:
            return self._first(data[2:])
        if kind == _DATA_PART2 and reference == _ACC_REF and self._half:
            whole, self._half = self._half + data[2:], b""
            return [_frame(whole)]
        raise frame_error(_NAME, f"something of kind {kind} with reference {reference}", data)

    def _first(self, payload: bytes) -> list[Said]:
        """A whole frame, or a first half, which ends amid a sample: the firmware cuts after 150 bytes, 12.2 samples."""
        lost, self._half = self._half, b""
        if (len(payload) - 4) % _SAMPLE_BYTES == 0:
            said: list[Said] = [_frame(payload)]
        elif len(payload) > 4 + _SAMPLE_BYTES:
            said, self._half = [], payload
        else:
            raise frame_error(_NAME, "a frame that ends amid its first sample", payload)
        if lost:
            self._said += said
            raise frame_error(_NAME, "half a frame, whose second half never came", lost)
        return said


def _frame(payload: bytes) -> Frame:
    """A frame: milliseconds of its first sample, then samples in m/s²."""
    if len(payload) < 4 + _SAMPLE_BYTES or (len(payload) - 4) % _SAMPLE_BYTES:
        raise frame_error(_NAME, f"not a whole number of samples of {_SAMPLE_BYTES} bytes", payload)
    acc = np.array(list(struct.iter_unpack("<3f", payload[4:]))) / G
    return frame(_NAME, acc, payload, int.from_bytes(payload[:4], "little"))


def _status(result: bytes) -> int:
    """Like HTTP's. Old firmware sends one of its own with the bytes swapped, 507, which no other status looks like."""
    (status,) = unpack(_NAME, "<H", result[:2])
    return 507 if status == 0xFB01 else int(status)


class _Movesense:
    name = _NAME
    title = "Movesense MD, Active, Flash"
    cannot_detect: str | None = None

    def matches(self, seen: Advertisement) -> bool:
        return (seen.name or "").startswith("Movesense ") or SERVICE in seen.services

    def session(self, wish: Wish) -> _Session:
        return _Session(wish)


DRIVER = _Movesense()
