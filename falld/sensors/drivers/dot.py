"""Movella DOT, once Xsens DOT: calibrated acceleration of its measurement mode 21, one sample a notification.

After the "Xsens DOT BLE Services Specifications", revision D.
"""

from __future__ import annotations

import struct
from contextlib import suppress

from falld.sensors.driver import (
    Advertisement,
    Battery,
    Dialog,
    DialogError,
    Frame,
    Press,
    Read,
    Said,
    Stopped,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers._bytes import G, battery, frame, frame_error, nearest, refused, unpack

_NAME = "dot"
_COMPANY = 0x0886


def _uuid(number: int) -> str:
    return f"1517{number:04x}-4947-11e9-8646-d663bd873d93"


CONTROL = _uuid(0x1002)
REPORT = _uuid(0x1004)
MEASUREMENT = _uuid(0x2001)
SAMPLES = _uuid(0x2003)
BATTERY = _uuid(0x3001)
RATES_HZ = (1, 4, 10, 12, 15, 20, 30, 60)

_RATE_QUANTITIES = 21  # with gravity, in the sensor's axes; mode 6 takes gravity out, and posture with it
_CONTROL_BYTES = 32
_VISIT_POWER_SAVING, _VISIT_RATE = 0x04, 0x10  # which fields of the control a write is to change
_SLEEP_CONNECTED = slice(5, 7)  # minutes and seconds without motion until it sleeps while connected; zeros: never
_RATE = slice(24, 26)
_SAMPLE_BYTES = 28  # microseconds, acceleration, rate of turn
_PADDED_BYTES = 40  # the longest that this characteristic sends; what is beyond the sample is zero
_POWER_OFF, _POWER_SAVING, _CLICK = 1, 4, 5  # reports


class _Session:
    ticks = Ticks(hz=1e6, bits=32, of="first")

    def __init__(self, wish: Wish) -> None:
        self.rate_hz = float(nearest(wish.rate_hz, RATES_HZ))
        self.range_g = 16.0
        self._press = wish.press
        self._said: list[Said] = []
        """What the dialog learnt, for the next `received`."""

    def start(self) -> Dialog:
        _, measuring, _ = unpack(_NAME, "<BBB", (yield Read(MEASUREMENT)))
        if measuring:  # it takes no new rate while it does
            yield from self.stop()
        control = _control((yield Read(CONTROL)))
        control[0] = _VISIT_POWER_SAVING | _VISIT_RATE
        control[_SLEEP_CONNECTED] = bytes(2)  # who lies still after a fall must not put it to sleep
        control[_RATE] = struct.pack("<H", int(self.rate_hz))
        yield Write(CONTROL, bytes(control))
        taken = _control((yield Read(CONTROL)))
        if taken[_RATE] != control[_RATE]:
            remedy = "end its recording with the Movella DOT app, or update its firmware"
            raise refused(_NAME, f"it does not take {self.rate_hz:g} Hz", remedy)
        with suppress(DialogError):  # falls are found without it
            self._said.append(_level((yield Read(BATTERY))))
            yield Subscribe(BATTERY)
        yield Subscribe(REPORT)
        yield Subscribe(SAMPLES)
        yield Write(MEASUREMENT, bytes((1, 1, _RATE_QUANTITIES)))

    def stop(self) -> Dialog:
        yield Write(MEASUREMENT, bytes((1, 0, _RATE_QUANTITIES)))

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        said: Said
        if characteristic == SAMPLES:
            said = _sample(data)
        elif characteristic == REPORT:
            said = self._report(data)
        elif characteristic == BATTERY:
            said = _level(data)
        else:
            raise frame_error(_NAME, f"nothing is expected from {characteristic}", data)
        earlier, self._said = self._said, []
        return [*earlier, said]

    def _report(self, data: bytes) -> Said:
        kind = data[0] if data else 0
        if kind == _CLICK and data[1:2] in (b"\4", b"\x08") and len(data) >= 2 + data[1]:  # with so many bytes of time
            return Press(self._press)
        if kind == _POWER_OFF:
            return Stopped("the wearable was switched off")
        if kind == _POWER_SAVING:
            return Stopped("the wearable went to sleep")
        raise frame_error(_NAME, "a report of unknown kind", data)


def _sample(data: bytes) -> Frame:
    if len(data) > _PADDED_BYTES or any(data[_SAMPLE_BYTES:]):
        raise frame_error(_NAME, f"more than the {_SAMPLE_BYTES} bytes of a sample", data)
    tick, x, y, z, _, _, _ = unpack(_NAME, "<I3f3f", data[:_SAMPLE_BYTES])
    return frame(_NAME, [(x / G, y / G, z / G)], data, tick)


def _level(data: bytes) -> Battery:
    """Percent, and whether it charges."""
    unpack(_NAME, "<BB", data)
    return battery(_NAME, data[:1])


def _control(data: bytes) -> bytearray:
    if len(data) != _CONTROL_BYTES:
        raise frame_error(_NAME, f"a control of {len(data)} bytes, not {_CONTROL_BYTES}", data)
    return bytearray(data)


class _Dot:
    name = _NAME
    title = "Movella DOT, Xsens DOT"
    cannot_detect: str | None = None

    def matches(self, seen: Advertisement) -> bool:
        # Its name is a tag that its owner may change; the maker's id stays.
        return _COMPANY in seen.manufacturer or (seen.name or "").startswith(("Movella DOT", "Xsens DOT"))

    def session(self, wish: Wish) -> _Session:
        return _Session(wish)


DRIVER = _Dot()
