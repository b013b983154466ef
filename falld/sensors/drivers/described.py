"""A driver made of a description in YAML: for a wearable that needs no dialog beyond some reads and writes."""

from __future__ import annotations

import struct
from importlib import resources
from pathlib import Path

from falld.sensors.driver import Advertisement, Dialog, Frame, Press, Read, Said, Subscribe, Ticks, Wish, Write
from falld.sensors.drivers._bytes import battery, frame, frame_error, nearest, refused, show, unpack
from falld.sensors.drivers._description import Button, Description, Match, filled
from falld.sensors.drivers._description_file import DescriptionError, parse

__all__ = ["DRIVERS", "Described", "DescriptionError", "load"]


class DescribedSession:
    """One connection to a wearable that is described."""

    def __init__(self, description: Description, wish: Wish) -> None:
        self._its = description
        self._name = description.name
        self.rate_hz = nearest(wish.rate_hz, description.rate_hz)
        self.range_g = description.range_g
        tick = description.frame.tick
        self.ticks = Ticks(1 / tick.unit_s, tick.bits, tick.of) if tick is not None else None
        self._press = wish.press
        self._buttons = {button.characteristic: button for button in description.buttons}
        self._said: list[Said] = []
        """What the dialog learnt, for the next `received`."""

    def start(self) -> Dialog:
        chosen = self._its.rate_hz[self.rate_hz]
        for check in self._its.check:
            value = yield Read(check.characteristic)
            if value != check.equals:
                what = f"{check.characteristic} reads {show(value)} where {show(check.equals)} is needed"
                raise refused(self._name, what, check.otherwise)
        if self._its.battery is not None:
            self._said.append(battery(self._name, (yield Read(self._its.battery))))
            yield Subscribe(self._its.battery)
        for characteristic in self._buttons:
            yield Subscribe(characteristic)
        for patch in self._its.configure:
            value = yield Read(patch.characteristic)
            if len(value) != patch.length:
                raise frame_error(self._name, f"a configuration that has not {patch.length} bytes", value)
            data = filled(patch.data, chosen)
            wanted = value[: patch.offset] + data + value[patch.offset + len(data) :]
            if wanted != value:  # it may be kept in flash, which wears
                yield Write(patch.characteristic, wanted)
        yield Subscribe(self._its.stream)
        for command in self._its.start:
            yield Write(command.characteristic, filled(command.data, chosen), command.response)

    def stop(self) -> Dialog:
        for command in self._its.stop:
            yield Write(command.characteristic, filled(command.data, b""), command.response)

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        said: list[Said]
        if characteristic == self._its.stream:
            said = [self._frame(data)]
        elif characteristic == self._its.battery:
            said = [battery(self._name, data)]
        elif characteristic in self._buttons:
            said = self._button(self._buttons[characteristic], data)
        else:
            raise frame_error(self._name, f"nothing is expected from {characteristic}", data)
        earlier, self._said = self._said, []
        return earlier + said

    def _frame(self, data: bytes) -> Frame:
        layout = self._its.frame
        size = struct.calcsize(layout.samples)
        room = len(data) - layout.header - layout.trailer
        count = room // size if layout.count == "rest" else layout.count
        if count < 1 or room != count * size:
            raise frame_error(self._name, f"not {layout.count} samples of {size} bytes", data)
        samples = data[layout.header : layout.header + room]
        acc = [[value * layout.scale_g for value in one] for one in struct.iter_unpack(layout.samples, samples)]
        return frame(self._name, acc, data, self._tick(data))

    def _tick(self, data: bytes) -> int | None:
        layout = self._its.frame.tick
        if layout is None:
            return None
        place = slice(layout.offset, layout.offset + struct.calcsize(layout.format))
        (tick,) = unpack(self._name, layout.format, data[place])
        if tick >> layout.bits:
            raise frame_error(self._name, f"a tick beyond {layout.bits} bits", data)
        return int(tick)

    def _button(self, button: Button, data: bytes) -> list[Said]:
        match button.values.get(data):
            case None:
                raise frame_error(self._name, "a button that says something unknown", data)
            case "none":
                return []
            case "press":
                return [Press(self._press)]
            case meaning:
                return [Press(meaning)]


class Described:
    """One make of wearable, as it is described."""

    def __init__(self, description: Description) -> None:
        self._its = description
        self.name = description.name
        self.title = description.title
        self.cannot_detect = description.cannot_detect

    def matches(self, seen: Advertisement) -> bool:
        return any(_matches(match, seen) for match in self._its.match)

    def session(self, wish: Wish) -> DescribedSession:
        return DescribedSession(self._its, wish)


def load(path: Path) -> Described:
    """A driver from a description of one's own.

    Raises:
        DescriptionError: the file cannot be read, or something in it is not as it must be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DescriptionError(str(path), f"cannot be read: {error.strerror}", "check path and permissions") from None
    except UnicodeDecodeError:
        raise DescriptionError(str(path), "is not UTF-8 text", "save it as UTF-8") from None
    return Described(parse(text, str(path)))


def _matches(match: Match, seen: Advertisement) -> bool:
    return (
        (match.name_prefix is None or (seen.name or "").startswith(match.name_prefix))
        and (match.service is None or match.service in seen.services)
        and (match.company is None or match.company in seen.manufacturer)
    )


def _shipped() -> tuple[Described, ...]:
    folder = resources.files("falld.sensors.drivers").joinpath("descriptions")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(Described(parse(file.read_text(encoding="utf-8"), file.name)) for file in files)


DRIVERS = _shipped()
