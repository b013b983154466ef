"""MetaMotion R and S by mbientlab: module, register and data over one command and one notification characteristic.

After the protocol of the maker's C++ SDK. It has no clock: samples go by rate and arrival. It says its battery
when asked, so once a connection.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from falld.sensors.driver import Advertisement, Await, Battery, Dialog, Press, Said, Step, Subscribe, Ticks, Wish, Write
from falld.sensors.drivers._bytes import frame, frame_error, nearest, refused, unpack

NAME: Final = "metamotion"
SERVICE: Final = "326a9000-85cb-9195-d9dd-464cfbbae75a"
COMMAND: Final = "326a9001-85cb-9195-d9dd-464cfbbae75a"
NOTIFY: Final = "326a9006-85cb-9195-d9dd-464cfbbae75a"

SWITCH, ACCELEROMETER, SETTINGS = 0x01, 0x03, 0x11
ENABLED, CONFIGURATION, SAMPLE = 0x02, 0x03, 0x04
"""Registers of the accelerometer that both chips have; register 1 switches it on, 0x80 tells which chip it is."""

PACKED_FROM_HZ = 100.0
"""From here three samples a notification: a connection served every 30 to 50 ms bears some 80 to 130 notifications
a second at four a turn, less than 200 single samples; packed they are 67."""
FULL_SCALE = 32768
"""Counts at the end of the range, which is 16 bits signed."""
STALE = 100
"""Notifications passed over while an answer is awaited: a second of what another program left running."""


@dataclass(frozen=True, slots=True)
class _Chip:
    rates: dict[float, int]
    ranges: dict[float, int]
    packed: int
    """Register of three samples a notification; another thing's on the other chip."""


# By the implementation that the accelerometer's module information tells; the SDK calls these two
# MBL_MW_MODULE_ACC_TYPE_BMI160 and MBL_MW_MODULE_ACC_TYPE_BMI270.
CHIPS = {
    1: _Chip({25: 0x26, 50: 0x27, 100: 0x28, 200: 0x29}, {2: 0x03, 4: 0x05, 8: 0x08, 16: 0x0C}, packed=0x1C),
    4: _Chip({25: 0xA6, 50: 0xA7, 100: 0xA8, 200: 0xA9}, {2: 0x00, 4: 0x01, 8: 0x02, 16: 0x03}, packed=0x05),
}
RATES_HZ, RANGES_G = (25.0, 50.0, 100.0, 200.0), (2.0, 4.0, 8.0, 16.0)


class MetaMotionSession:
    """One connection to a MetaMotion."""

    ticks: Ticks | None = None

    def __init__(self, wish: Wish) -> None:
        self.rate_hz = nearest(wish.rate_hz, RATES_HZ)
        self.range_g = nearest(wish.range_g, RANGES_G)
        self._press = wish.press
        self._chip: _Chip | None = None
        self._told: bytes | None = None
        """What came as module information."""
        self._configured = False

    def start(self) -> Dialog:
        yield Subscribe(NOTIFY)
        yield from self.stop()  # it streams on after a lost connection, in the range that it had
        chip = self._chip = yield from self._ask_chip()
        yield _command(ACCELEROMETER, CONFIGURATION, chip.rates[self.rate_hz], chip.ranges[self.range_g])
        self._configured = True
        yield _command(ACCELEROMETER, chip.packed if self.rate_hz >= PACKED_FROM_HZ else SAMPLE, 1)
        yield _command(ACCELEROMETER, ENABLED, 1, 0)
        yield _command(ACCELEROMETER, 1, 1)
        yield _command(SWITCH, 1, 1)
        yield _command(SETTINGS, 0xCC)

    def stop(self) -> Dialog:
        yield _command(ACCELEROMETER, 1, 0)
        yield _command(ACCELEROMETER, ENABLED, 0, 1)
        yield _command(ACCELEROMETER, SAMPLE, 0)
        if self._chip is not None:
            yield _command(ACCELEROMETER, self._chip.packed, 0)
        yield _command(SWITCH, 1, 0)

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        if characteristic != NOTIFY:
            raise frame_error(NAME, f"nothing is expected from {characteristic}", data)
        packed = self._chip.packed if self._chip is not None else None
        match tuple(data[:2]):
            case (0x03, 0x04):
                return self._samples("<3h", data)
            case (0x03, register) if register == packed:
                return self._samples("<9h", data)
            case (0x03, 0x80):
                self._told = data
                return []
            case (0x01, 0x01):
                (pressed,) = unpack(NAME, "<2xB", data)
                if pressed > 1:
                    raise frame_error(NAME, "a switch that is neither pressed nor released", data)
                return [Press(self._press)] if pressed else []
            case (0x11, 0x8C):
                percent, _millivolts = unpack(NAME, "<2xBH", data)
                if percent > 100:
                    raise frame_error(NAME, "a battery beyond 100 %", data)
                return [Battery(percent)]
        raise frame_error(NAME, "an answer that nothing asked for", data)

    def _samples(self, layout: str, data: bytes) -> list[Said]:
        """Nothing before the range was set: what comes then is of another range."""
        counts = unpack(NAME, layout, data[2:])
        scale = self.range_g / FULL_SCALE
        return [frame(NAME, [count * scale for count in counts], data)] if self._configured else []

    def _ask_chip(self) -> Generator[Step, bytes, _Chip]:
        yield _command(ACCELEROMETER, 0x80)
        for _ in range(STALE):
            if self._told is not None:
                break
            try:
                data = yield Await(NOTIFY)
            except TimeoutError:
                break
            if data[:2] == bytes((ACCELEROMETER, 0x80)):
                self._told = data
        if self._told is None:
            remedy = "switch it off and on, and bring its firmware up to date with the maker's app"
            raise refused(NAME, "it does not say which accelerometer it has", remedy)
        chip = CHIPS.get(self._told[2]) if len(self._told) > 2 else None
        if chip is None:
            what = f"its accelerometer is neither BMI160 nor BMI270, it says {self._told.hex(' ')}"
            raise refused(NAME, what, "use a MetaMotion R or S")
        return chip


class MetaMotion:
    """MetaMotion R (BMI160) and S (BMI270)."""

    name = NAME
    title = "mbientlab MetaMotion R, S"
    cannot_detect: str | None = None

    def matches(self, seen: Advertisement) -> bool:
        return SERVICE in seen.services or seen.name == "MetaWear"

    def session(self, wish: Wish) -> MetaMotionSession:
        return MetaMotionSession(wish)


def _command(module: int, register: int, *values: int) -> Write:
    """Unconfirmed, as the SDK writes."""
    return Write(COMMAND, struct.pack(f"{2 + len(values)}B", module, register, *values), response=False)


DRIVER = MetaMotion()
