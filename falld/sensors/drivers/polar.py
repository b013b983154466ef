"""Polar H10, Verity Sense and OH1: acceleration from the Polar Measurement Data service.

Commands go to the control point, whose indications answer them. After github.com/polarofficial/polar-ble-sdk.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from falld.sensors.driver import (
    Advertisement,
    Await,
    Dialog,
    DialogError,
    Frame,
    Read,
    Said,
    Step,
    Stopped,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers._bytes import BATTERY, battery, frame, frame_error, refused, unpack
from falld.sensors.drivers._delta import unpack_deltas
from falld.sensors.drivers._polar_settings import RATE, choose, factor_of, range_of, write_settings

CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

_NAME = "polar"
_ACCELERATION, _SDK_MODE = 2, 9  # kinds of measurement; a mode is started and stopped like one
_FEATURES, _ANSWER, _STOPPED = 0x0F, 0xF0, 0x01  # first bytes of what comes from the control point
_SETTINGS, _START, _STOP = 0x01, 0x02, 0x03  # commands
_ALREADY = 6
_WIDER_FROM = 1.5  # times the fastest rate it offers: half-way to the next, which in SDK mode is the double
_STRAYS = 8  # answers to what was asked before, or stops of other measurements, that may come in between
_MOST_PARTS = 16  # a list of settings has some 30 bytes, and the smallest indication brings 15 of them

_UPDATE = "update its firmware with the Polar Flow app"
_TAKE_DEFAULTS = "leave rate and range out of the configuration, or update its firmware with the Polar Flow app"
_REFUSALS = {
    1: ("it does not know the command", _UPDATE),
    2: ("it does not know this measurement", _UPDATE),
    3: ("it has no acceleration to give", "use an H10, a Verity Sense or an OH1"),
    4: ("it finds the request too long or too short", _UPDATE),
    5: ("it does not take a setting", _TAKE_DEFAULTS),
    6: ("it streams already and does not let go", "take it off for a minute, and end other programs that use it"),
    7: ("it does not take the resolution", _TAKE_DEFAULTS),
    8: ("it does not take the rate", _TAKE_DEFAULTS),
    9: ("it does not take the range", _TAKE_DEFAULTS),
    10: ("the packets of this connection are too small for it", "take ExchangeMTU out of /etc/bluetooth/main.conf"),
    11: ("it does not take the number of channels", _UPDATE),
    12: ("it cannot stream in its present mode", "end its training session, and choose its sensor mode"),
    13: ("it is in its charger", "take it out of the charger"),
    14: ("its memory is full", "fetch or delete its recordings with the Polar Flow app"),
}


class _Session:
    ticks = Ticks(hz=1e9, bits=64, of="last")

    def __init__(self, wish: Wish) -> None:
        self.rate_hz = wish.rate_hz
        self.range_g: float | None = None
        self._wish = wish
        self._factor = 1.0
        self._has_sdk_mode = False
        self._said: list[Said] = []
        """What the dialog learnt, for the next `received`."""

    def start(self) -> Dialog:
        # The control point is read before it is subscribed to, since a read also reaches who is subscribed.
        features = yield Read(CONTROL)
        if len(features) < 2 or features[0] != _FEATURES:
            raise frame_error(_NAME, "features that cannot be read", features)
        if not features[1] >> _ACCELERATION & 1:
            raise refused(_NAME, *_REFUSALS[3])
        with suppress(DialogError):  # falls are found without it
            self._said.append(battery(_NAME, (yield Read(BATTERY))))
            yield Subscribe(BATTERY)
        yield Subscribe(CONTROL)
        yield Subscribe(DATA)
        self._has_sdk_mode = bool(int.from_bytes(features[1:3], "little") >> _SDK_MODE & 1)
        chosen = yield from self._choose()
        if self._has_sdk_mode and self._wish.rate_hz >= _WIDER_FROM * chosen[RATE]:
            # It changes its mode only while nothing streams. Where it refuses, it streams at the rate that it has.
            yield from self._command(_STOP)
            yield from self._command(_START, kind=_SDK_MODE)
            chosen = yield from self._choose()
        status, told = yield from self._command(_START, write_settings(chosen))
        if status == _ALREADY:  # a stream that an earlier connection left behind
            yield from self._command(_STOP)
            status, told = yield from self._command(_START, write_settings(chosen))
        _check(status)
        self.rate_hz, self.range_g = float(chosen[RATE]), range_of(chosen)
        self._factor = factor_of(_NAME, told)

    def stop(self) -> Dialog:
        # Always worth it: an H10 that is left streaming stays on until its battery is empty.
        yield Write(CONTROL, bytes((_STOP, _ACCELERATION)))
        if self._has_sdk_mode:  # which outlives a lost connection, and keeps its optical heart rate off
            yield Write(CONTROL, bytes((_STOP, _SDK_MODE)))

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        said: list[Said]
        if characteristic == DATA:
            said = [self._frame(data)]
        elif characteristic == BATTERY:
            said = [battery(_NAME, data)]
        elif characteristic == CONTROL and data[:1] == bytes((_STOPPED,)):
            said = [Stopped("the wearable ended the stream")] if _ACCELERATION in data[1:] else []
        elif characteristic == CONTROL and data and data[0] in (_ANSWER, _FEATURES):
            said = []  # the answer to a stop, or the echo of a read
        else:
            raise frame_error(_NAME, f"{characteristic} says nothing of this kind", data)
        earlier, self._said = self._said, []
        return earlier + said

    def _choose(self) -> Generator[Step, bytes, dict[int, int]]:
        """Of what it offers now."""
        status, listed = yield from self._command(_SETTINGS)
        _check(status)
        return choose(_NAME, listed, self._wish)

    def _command(
        self, command: int, parameters: bytes = b"", *, kind: int = _ACCELERATION
    ) -> Generator[Step, bytes, tuple[int, bytes]]:
        """The answer's status and parameters."""
        yield Write(CONTROL, bytes((command, kind)) + parameters)
        told = b""
        for _ in range(_MOST_PARTS):
            part = yield from self._answer(command, kind)
            status, more = part[3], part[4:5]
            told += part[5:]
            if status or more in (b"", b"\0"):
                return status, told
        raise frame_error(_NAME, "an answer that does not end", told)

    def _answer(self, command: int, kind: int) -> Generator[Step, bytes, bytes]:
        """The next indication that answers a command; others are passed over."""
        data = b""
        for _ in range(_STRAYS):
            try:
                data = yield Await(CONTROL)
            except TimeoutError:
                remedy = "put it on so that it wakes, and end other programs that use it"
                raise refused(_NAME, f"it does not answer command {command}", remedy) from None
            if len(data) >= 4 and data[:3] == bytes((_ANSWER, command, kind)):
                return data
        raise frame_error(_NAME, f"no answer to command {command} among what came, at last", data)

    def _frame(self, data: bytes) -> Frame:
        measurement, tick, form = unpack(_NAME, "<BQB", data[:10])
        acc: npt.NDArray[np.floating]
        if measurement & 0x3F != _ACCELERATION:  # the upper two bits tell a recording from a stream
            raise frame_error(_NAME, f"a measurement of kind {measurement & 0x3F}", data)
        if form in (0, 1, 2):
            acc = _whole(data[10:], form + 1) / 1000
        elif form == 0x80:  # counts times the factor are g
            acc = unpack_deltas(_NAME, data[10:]) * self._factor
        elif form == 0x81:  # counts times the factor are mg
            acc = unpack_deltas(_NAME, data[10:]) * self._factor / 1000
        else:
            raise frame_error(_NAME, f"a frame of form 0x{form:02x}", data)
        return frame(_NAME, acc, data, tick)


def _whole(data: bytes, width: int) -> npt.NDArray[np.int32]:
    """(n, 3) signed numbers of so many bytes."""
    if len(data) % (3 * width):
        raise frame_error(_NAME, f"not a whole number of samples of {3 * width} bytes", data)
    padded = np.zeros((len(data) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return (padded.view("<i4").reshape(-1, 3) >> 8 * (4 - width)).astype(np.int32)


def _check(status: int) -> None:
    if status:
        raise refused(_NAME, *_REFUSALS.get(status, (f"it refuses, with status {status}", _UPDATE)))


class _Polar:
    name = _NAME
    title = "Polar H10, Verity Sense, OH1"
    cannot_detect: str | None = None

    def matches(self, seen: Advertisement) -> bool:
        # By name alone: the company's id is also that of its watches and of straps without acceleration.
        return (seen.name or "").startswith(("Polar H10 ", "Polar Sense ", "Polar OH1 "))

    def session(self, wish: Wish) -> _Session:
        return _Session(wish)


DRIVER = _Polar()
