"""WitMotion WT901BLECL and BWT901BLE5.0: frames of 20 bytes in a stream that notifications cut anywhere.

After the maker's data sheet and SDK. A frame has no checksum and no clock. The sensor streams by itself and keeps
its rate in flash, so it is asked first, and written only where it differs.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final

from falld.sensors.driver import Advertisement, Await, Battery, Dialog, Said, Step, Subscribe, Ticks, Wish, Write
from falld.sensors.drivers._bytes import frame, frame_error, nearest, refused

NAME: Final = "witmotion"
# The maker's base ends in 9a34fb, some of its firmware's is said to end in 9b34fb as the standard's does.
SERVICE: Final = "0000ffe5-0000-1000-8000-00805f9a34fb"
NOTIFY: Final = "0000ffe4-0000-1000-8000-00805f9a34fb"
WRITE: Final = "0000ffe9-0000-1000-8000-00805f9a34fb"
NAMES: Final = ("WT901", "BWT901")
"""How its name begins; a vibration meter of the maker has the same service and frames that mean something else."""

FRAME: Final = 20
SAMPLE, REGISTERS = b"\x55\x61", b"\x55\x71"
RANGE_G: Final = 16.0
FULL_SCALE: Final = 32768

RATE, BATTERY, UNLOCK, SAVE = 0x03, 0x64, 0x69, 0x00
UNLOCKING: Final = 0xB588
RATES_HZ = {10.0: 0x06, 20.0: 0x07, 50.0: 0x08, 100.0: 0x09, 200.0: 0x0B}
"""Codes by rate; from 100 Hz on not every firmware has them, so what it took is read back."""
CENTIVOLTS = (
    (396, 100), (393, 90), (387, 75), (382, 60), (379, 50), (377, 40),
    (373, 30), (370, 20), (368, 15), (350, 10), (340, 5), (300, 0),
)  # fmt: skip
"""From how many hundredths of a volt on how many percent: the maker's table. Below 3 V no cell is measured."""
ANSWER_AFTER: Final = 200
"""Notifications within which it answers: a second at 200 Hz."""


class Frames:
    """Cuts whole frames out of the stream.

    A frame is believed where another begins right behind it, or where it lies at the end of the notification in
    which it began. So half a frame whose other half was lost never becomes a sample, but for the one case in
    2**15 where two bytes in the middle of the next one look like a beginning, and for a loss of just a frame's
    length, which nothing tells.
    """

    def __init__(self) -> None:
        self._kept = b""
        """At most a frame and the first byte of the next."""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Whole frames in order, and the bytes that were dropped because they belong to none."""
        frames, dropped = [], b""
        rest, before = self._kept + data, len(self._kept)
        while rest:
            if not (_begins(rest) and _begins(rest[FRAME:])):
                dropped += rest[:1]
                rest, before = rest[1:], before - 1
            elif len(rest) >= FRAME + 2 or (len(rest) >= FRAME and before <= 0 and not dropped):
                frames.append(rest[:FRAME])
                rest, before = rest[FRAME:], before - FRAME
            else:
                break
        self._kept = rest
        return frames, dropped


class WitMotionSession:
    """One connection to a WitMotion."""

    range_g = RANGE_G
    ticks: Ticks | None = None

    def __init__(self, wish: Wish) -> None:
        self.rate_hz = nearest(wish.rate_hz, RATES_HZ)
        self._frames = Frames()
        self._registers: dict[int, int] = {}
        """As they were told, by address."""
        self._settled = False

    def start(self) -> Dialog:
        yield Subscribe(NOTIFY)
        wanted = RATES_HZ[self.rate_hz]
        took = yield from self._ask(RATE)
        if took != wanted:
            for register, value in (UNLOCK, UNLOCKING), (RATE, wanted), (SAVE, 0):
                yield _command(register, value)
                yield from self._listen(0.2)  # it takes a command at a time, and the next frame tells that it lives
            took = yield from self._ask(RATE)
        rates = {code: rate for rate, code in RATES_HZ.items()}
        if took not in rates:
            raise refused(NAME, f"it keeps to the rate code {took:#04x}", "set it to 50 Hz with the maker's app")
        self.rate_hz = rates[took]
        self._settled = True
        yield _command(0x27, BATTERY)

    def stop(self) -> Dialog:
        """Nothing: it streams until it is disconnected."""
        yield from ()

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        if characteristic[:8] != NOTIFY[:8]:
            raise frame_error(NAME, f"nothing is expected from {characteristic}", data)
        frames, dropped = self._frames.feed(data)
        said = [word for one in frames for word in self._read(one)]
        if dropped:
            raise frame_error(NAME, "bytes that belong to no frame", dropped)
        return said

    def _read(self, one: bytes) -> list[Said]:
        values = struct.unpack("<2x9h", one)
        if one[:2] == SAMPLE:
            scale = RANGE_G / FULL_SCALE
            return [frame(NAME, [value * scale for value in values[:3]], one)] if self._settled else []
        address, value = struct.unpack_from("<HH", one, 2)
        self._registers[address] = value
        percent = next((percent for least, percent in CENTIVOLTS if value >= least), None)
        return [Battery(percent)] if address == BATTERY and percent is not None else []

    def _ask(self, register: int) -> Generator[Step, bytes, int]:
        self._registers.pop(register, None)
        yield _command(0x27, register)
        for _ in range(ANSWER_AFTER):
            if register in self._registers:
                return self._registers[register]
            if not (yield from self._listen(5.0)):
                break
        raise refused(NAME, f"it does not tell its register {register:#04x}", "switch it off and on")

    def _listen(self, within_s: float) -> Generator[Step, bytes, bool]:
        """Takes one notification, if one comes."""
        try:
            data = yield Await(NOTIFY, within_s)
        except TimeoutError:
            return False
        frames, _ = self._frames.feed(data)  # it may well begin amid a frame
        for one in frames:
            self._read(one)
        return True


class WitMotion:
    """WT901BLECL, WT901BLE67, BWT901BLE5.0 and the like."""

    name = NAME
    title = "WitMotion WT901BLECL, BWT901BLE5.0"
    cannot_detect: str | None = None

    def matches(self, seen: Advertisement) -> bool:
        if seen.name is not None:
            return seen.name.startswith(NAMES)
        return any(service[:8] == SERVICE[:8] for service in seen.services)

    def session(self, wish: Wish) -> WitMotionSession:
        return WitMotionSession(wish)


def _begins(data: bytes) -> bool:
    """Whether bytes can be the beginning of a frame, as far as there are any."""
    return any(header.startswith(data[:2]) for header in (SAMPLE, REGISTERS))


def _command(register: int, value: int) -> Write:
    """Unconfirmed: some firmware knows no other."""
    return Write(WRITE, struct.pack("<BBBH", 0xFF, 0xAA, register, value), response=False)


DRIVER = WitMotion()
