"""Buttons that say by advertisement that they were pressed: BTHome version 2, as the Shelly BLU buttons speak it.

One press is advertised many times, under one packet id. After bthome.io/format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from falld.sensors.driver import Advertisement, FrameError
from falld.sensors.drivers._bytes import frame_error, uuid16

NAME: Final = "bthome"
SERVICE: Final = uuid16(0xFCD2)

Click = Literal["press", "double", "triple", "long", "hold"]
Kind = Literal["cancel", "help"]
HELP: Final[Mapping[Click, Kind]] = {
    "press": "help", "double": "help", "triple": "help", "long": "help", "hold": "help",
}  # fmt: skip
"""Who is frightened does not press as told: every way is a call for help."""

CLICKS: Final[Mapping[int, Click]] = {
    0x01: "press", 0x02: "double", 0x03: "triple", 0x04: "long", 0x05: "long", 0x06: "long",
    0x80: "hold", 0xFE: "hold",
}  # fmt: skip
"""By BTHome's value; 0x05 and 0x06 are a double and a triple that were held, 0xFE is Shelly's hold before 1.0.20."""

ENCRYPTED, VERSION, VERSION_2 = 0x01, 0xE0, 0x40
"""Of the first byte."""
PACKET_ID, BATTERY, BUTTON = 0x00, 0x01, 0x3A
SIZES: Final[Mapping[int, int]] = {
    **dict.fromkeys((*range(0x30), BUTTON), 1),
    **dict.fromkeys((0x02, 0x03, 0x06, 0x07, 0x08, 0x0C, 0x0D, 0x0E, 0x12, 0x13, 0x14), 2),
    **dict.fromkeys((0x04, 0x05, 0x0A, 0x0B), 3),
}
"""Bytes of an object by its id, up to the button; the ids ascend, so nothing behind it matters."""

NEW_AFTER_S: Final = 60.0
"""A packet id that was silent for so long is a new press. One press is advertised for a few seconds, and a scanner
that lost some of it still sees the rest within them. The id is a byte: to come back to the same one within a minute,
256 presses would have to be made, four a second."""


DECRYPT: Final = "reset it to its factory settings with its maker's app, and do not encrypt it"
"""Of a Shelly BLU nothing less does it. falld takes no key: nothing that it depends on decrypts AES-CCM."""


class EncryptedButton(FrameError):
    """A button whose advertisements nobody but the holder of its key can read."""


@dataclass(frozen=True, slots=True)
class Pressed:
    address: str
    click: Click
    kind: Kind
    battery: int | None = None
    """Percent; None: not told."""


class Buttons:
    """Tells a new press from one that was seen before.

    Args:
        meanings: by address, what each way of pressing means; a way that is left out means nothing, and so does
            every button that is not here: it is a neighbour's.
    """

    def __init__(self, meanings: Mapping[str, Mapping[Click, Kind]]) -> None:
        self._meanings = {address.upper(): dict(meaning) for address, meaning in meanings.items()}
        self._seen: dict[tuple[str, int | bytes], float] = {}
        """When a packet was last seen, by address and id."""

    def is_one(self, advertisement: Advertisement) -> bool:
        """Whether one of them says something."""
        return SERVICE in advertisement.service_data and advertisement.address.upper() in self._meanings

    def seen(self, advertisement: Advertisement, now: float) -> list[Pressed]:
        """What is newly pressed, in the order of the buttons.

        Args:
            now: seconds of a clock that does not jump.

        Raises:
            EncryptedButton: it cannot be read.
            FrameError: it is not BTHome version 2.
        """
        if not self.is_one(advertisement):
            return []
        address = advertisement.address.upper()
        packet, battery, values = _parse(address, advertisement.service_data[SERVICE])
        self._seen = {key: at for key, at in self._seen.items() if now - at < NEW_AFTER_S}
        known = (address, packet) in self._seen
        self._seen[address, packet] = now
        if known:
            return []
        clicks = [CLICKS[value] for value in values if value]
        meaning = self._meanings[address]
        return [Pressed(address, click, meaning[click], battery) for click in clicks if click in meaning]


def _parse(address: str, data: bytes) -> tuple[int | bytes, int | None, list[int]]:
    """Packet id, or all of it where it has none; battery; and what each button says."""
    if not data or data[0] & VERSION != VERSION_2:
        raise frame_error(NAME, f"{address} does not speak BTHome version 2", data)
    if data[0] & ENCRYPTED:
        raise EncryptedButton(f"button {address}", "what it says is encrypted", DECRYPT)
    packet: int | bytes = data
    battery: int | None = None
    values: list[int] = []
    rest = data[1:]
    while rest and rest[0] in SIZES:
        kind, value, rest = rest[0], rest[1 : 1 + SIZES[rest[0]]], rest[1 + SIZES[rest[0]] :]
        if len(value) < SIZES[kind]:
            raise frame_error(NAME, f"{address} ends amid a value", data)
        if kind == PACKET_ID:
            packet = value[0]
        elif kind == BATTERY:
            battery = value[0] if value[0] <= 100 else None  # no reason to lose a call for help
        elif kind == BUTTON:
            if value[0] and value[0] not in CLICKS:
                raise frame_error(NAME, f"{address} has a button pressed in an unknown way", data)
            values.append(value[0])
    return packet, battery, values
