"""RuuviTag: says by advertisement how it is turned, every 1 to 7 s. That finds no fall; it is told of, and no more.

After docs.ruuvi.com, data format 5 (RAWv2).
"""

from __future__ import annotations

from dataclasses import dataclass

from falld.sensors.driver import Advertisement, Dialog, Said, Ticks, Wish
from falld.sensors.drivers._bytes import frame_error, refused, unpack

NAME = "ruuvi"
COMPANY = 0x0499

_FORMAT = 5
_LAYOUT = ">B6x3hHBH6x"  # format, air, acceleration in mg, battery and transmitter, movements, number, address
_NO_ACCELERATION = -0x8000
_NO_BATTERY = 0x7FF
_LEAST_MV = 1600


@dataclass(frozen=True, slots=True)
class Told:
    """What it advertises."""

    acc: tuple[float, float, float] | None
    """In g, in its axes; None: its sensor does not work."""
    battery_v: float | None
    movements: int
    """A counter, which begins again at 0 after 254."""
    number: int
    """Of the measurement, which begins again at 0 after 65534."""

    def __str__(self) -> str:
        acc = "no acceleration" if self.acc is None else "{:.3f} {:.3f} {:.3f} g".format(*self.acc)
        return acc if self.battery_v is None else f"{acc}, battery {self.battery_v:.3f} V"


def told(seen: Advertisement) -> Told | None:
    """What a RuuviTag says; None: it is none.

    Raises:
        FrameError: it is of another format, or cannot be.
    """
    data = seen.manufacturer.get(COMPANY)
    if data is None:
        return None
    if data[:1] != bytes([_FORMAT]):
        raise frame_error(NAME, "not data format 5", data)
    _, x, y, z, power, movements, number = unpack(NAME, _LAYOUT, data)
    acc = None if _NO_ACCELERATION in (x, y, z) else (x / 1000, y / 1000, z / 1000)
    battery = power >> 5
    volts = None if battery == _NO_BATTERY else (battery + _LEAST_MV) / 1000
    return Told(acc, volts, movements, number)


class _Session:
    rate_hz = 1.0
    range_g: float | None = None
    ticks: Ticks | None = None

    def start(self) -> Dialog:
        yield from ()
        raise refused(NAME, "it advertises and streams nothing", "wear one that streams, see `falld scan`")

    def stop(self) -> Dialog:
        yield from ()

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        raise frame_error(NAME, f"nothing is expected from {characteristic}", data)


class _Ruuvi:
    name = NAME
    title = "RuuviTag"
    cannot_detect: str | None = "it says how it is turned every 1 to 7 s, by advertisement"

    def matches(self, seen: Advertisement) -> bool:
        return COMPANY in seen.manufacturer

    def session(self, wish: Wish) -> _Session:
        return _Session()


DRIVER = _Ruuvi()
