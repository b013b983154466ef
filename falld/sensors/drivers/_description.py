"""What a YAML description of a wearable may say.

Every key, with an example, is in docs/wearable-template.yaml.
"""

from __future__ import annotations

import re
import struct
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from falld.sensors.drivers._bytes import uuid16

RATE = "{rate}"
"""Stands in bytes to write for those that choose the rate."""
MOST_BYTES = 512
"""The longest value that a characteristic can have."""


def _fault(what: str, remedy: str, key: str = "") -> PydanticCustomError:
    return PydanticCustomError("falld", "{what}", {"what": what, "remedy": remedy, "key": key})


def _uuid(value: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{4}", value):
        return uuid16(int(value, 16))
    if re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value):
        return value.lower()
    raise _fault(f"{value!r} is no UUID", 'write "2a19", or all 32 digits with their four hyphens')


def _hex(value: Any) -> Any:
    if not isinstance(value, str):
        raise _fault(f"{value!r} is not text to YAML", 'put the bytes in quotes, like "01 ff"')
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise _fault(f"{value!r} is not bytes in hex", 'write two digits a byte, like "01 ff"') from None


def _data(value: str) -> str:
    if not _hex(value.replace(RATE, "00")):
        raise _fault("there are no bytes to write", 'write two digits a byte, like "01 ff"')
    return value


def _rates(value: Any) -> Any:
    """One rate, or those that it can be set to with the bytes that choose each."""
    rates = list(value.items()) if isinstance(value, dict) else [(value, "")]
    if not rates or not all(type(rate) in (int, float) and 0 < rate <= 10_000 for rate, _ in rates):
        remedy = 'write 50, or {50: "32 00", 100: "64 00"} with the bytes that choose each'
        raise _fault(f"{value!r} is no rate in hertz", remedy)
    return {float(rate): _hex(data) for rate, data in rates}


def _samples(value: str) -> str:
    if not re.fullmatch(r"[<>](x*[bBhHiIefd]){3}x*", value):
        remedy = 'write < or > for the byte order and three of b B h H i I e f d, like "<hhh"'
        raise _fault(f"{value!r} is not the format of one sample on three axes", remedy)
    return value


def _count(value: Any) -> Any:
    if value != "rest" and (type(value) is not int or not 1 <= value <= MOST_BYTES):
        raise _fault(f"{value!r} is no number of samples", "write how many come together, or rest")
    return value


Uuid = Annotated[str, AfterValidator(_uuid)]
Hex = Annotated[bytes, BeforeValidator(_hex)]
Data = Annotated[str, AfterValidator(_data)]
Word = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Match(Model):
    """All that is given must hold."""

    name_prefix: Word | None = None
    service: Uuid | None = None
    company: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Match:
        if self.name_prefix is None and self.service is None and self.company is None:
            raise _fault("it would match every wearable", "give name_prefix, service or company")
        return self


class Check(Model):
    """What a characteristic must read before anything else."""

    characteristic: Uuid
    equals: Hex
    otherwise: Word
    """The remedy where it reads something else."""


class Patch(Model):
    """Some bytes of a value that is read, changed, and written where that changed it."""

    characteristic: Uuid
    length: Annotated[int, Field(ge=1, le=MOST_BYTES)]
    offset: Count
    data: Data


class Command(Model):
    characteristic: Uuid
    data: Data
    response: bool = True


class Tick(Model):
    offset: Count
    format: Literal["B", "<H", ">H", "<I", ">I", "<Q", ">Q"]
    unit_s: Positive
    bits: Annotated[int, Field(ge=1, le=64)]
    of: Literal["first", "last"]

    @model_validator(mode="after")
    def _fits(self) -> Tick:
        if self.bits > 8 * struct.calcsize(self.format):
            raise _fault(f"{self.format} has no {self.bits} bits", "give the bits that it counts in", "bits")
        return self


class Layout(Model):
    """A header, samples, a trailer, and nothing else."""

    header: Count = 0
    samples: Annotated[str, AfterValidator(_samples)]
    scale_g: Positive
    count: Annotated[int | Literal["rest"], BeforeValidator(_count)]
    trailer: Count = 0
    tick: Tick | None = None

    @model_validator(mode="after")
    def _tick_in_header(self) -> Layout:
        if self.tick is not None and self.tick.offset + struct.calcsize(self.tick.format) > self.header:
            raise _fault("it lies beyond the header", "make the header longer, or correct the offset", "tick")
        return self


class Button(Model):
    characteristic: Uuid
    values: dict[Hex, Literal["press", "cancel", "help", "none"]]
    """What a value means; `press` is what the configuration lets a button mean."""


class Description(Model):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    title: Word
    cannot_detect: Word | None = None
    match: Annotated[list[Match], Field(min_length=1)]
    stream: Uuid
    """The characteristic that notifies of samples."""
    rate_hz: Annotated[dict[float, bytes], BeforeValidator(_rates)]
    range_g: Positive | None = None
    check: list[Check] = []
    configure: list[Patch] = []
    start: list[Command] = []
    stop: list[Command] = []
    frame: Layout
    battery: Uuid | None = None
    buttons: list[Button] = []

    @model_validator(mode="after")
    def _consistent(self) -> Description:
        choosing = list(self.rate_hz.values())
        used = any(RATE in data for data in [step.data for step in self.configure] + [step.data for step in self.start])
        if not (all(choosing) if used else choosing == [b""]) or any(RATE in step.data for step in self.stop):
            remedy = f"give bytes for each rate, and put {RATE} where they are written in configure or start"
            raise _fault("rates and what chooses them do not go together", remedy, "rate_hz")
        for index, patch in enumerate(self.configure):
            if any(patch.offset + len(filled(patch.data, rate)) > patch.length for rate in choosing):
                raise _fault("the bytes reach beyond the length", "correct length or offset", f"configure[{index}]")
        listened = [self.stream, *(button.characteristic for button in self.buttons)]
        if len({*listened, self.battery}) <= len(listened):
            raise _fault("a characteristic has two meanings", "give each of stream, battery and buttons its own")
        return self


def filled(data: str, rate: bytes) -> bytes:
    """The bytes to write where these choose the rate."""
    return bytes.fromhex(data.replace(RATE, rate.hex()))
