"""Who is looked after, and what they wear and press."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from falld.config.kinds import (
    AdapterName,
    Address,
    Advertised,
    Entries,
    FilePath,
    Id,
    Model,
    Placement,
    Press,
    entries,
    fault,
)


class Wearable(Model):
    """A sensor on a body: live by its `address` or the `name` that it advertises, or a `recording` played as if it
    were live."""

    address: Address | None = None
    """Its Bluetooth address, as `falld scan` shows it."""
    name: Advertised | None = None
    """What it advertises itself as."""
    recording: FilePath | None = Field(default=None, validate_default=True)
    """A recording: .csv or .csv.gz, with a .yaml beside it."""
    id: Id | None = Field(default=None, validate_default=True)
    """Its name in `sources` of an alert; None: derived from the address, the name or the recording's file name."""
    placement: Placement | None = None
    """None: what the recording says, else `unknown`."""
    speed: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Of a recording: seconds played per second; None: 1."""

    driver: str | None = None
    """Of a live one: how it is spoken with; None: as what it advertises says."""
    description: FilePath | None = None
    """Of a live one: a description of how it is spoken with, in YAML."""
    rate_hz: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Of a live one: the rate to ask for; it takes the nearest that it can. None: 50."""
    range_g: float | None = Field(default=None, gt=0, le=64, allow_inf_nan=False)
    """Of a live one: the largest value to ask for. None: 16."""
    press: Press | None = None
    """Of a live one: what its own button means; None: cancel."""
    adapter: AdapterName | None = None
    """Of a live one: what it is heard by; None: the first adapter that is on."""

    @field_validator("recording")
    @classmethod
    def _exactly_one(cls, recording: Path | None, info: ValidationInfo) -> Path | None:
        if "address" in info.data and "name" in info.data:
            given = [key for key in ("address", "name") if info.data[key] is not None]
            if len(given) + (recording is not None) != 1:
                found = " and ".join([*given, "recording"] if recording is not None else given) or "none"
                raise fault(
                    f"expected exactly one of `address`, `name` and `recording`, found {found}",
                    "give the address of a wearable, the name that it advertises, or the path of a recording",
                )
        return recording

    @field_validator("id")
    @classmethod
    def _derived(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None:
            return given
        if info.data.get("address") is not None:
            return _id_of(info.data["address"])
        if info.data.get("name") is not None:
            return _id_like(info.data["name"]) or "wearable"
        if info.data.get("recording") is not None:
            return _id_like(info.data["recording"].name.split(".")[0]) or "recording"
        return None

    @field_validator("driver", "description", "rate_hz", "range_g", "press", "adapter")
    @classmethod
    def _of_a_live_one(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("recording") is not None:
            raise fault(
                f"expected no `{info.field_name}` beside `recording`, found one", "take it out: a recording has its own"
            )
        if info.field_name == "description" and value is not None and info.data.get("driver") is not None:
            raise fault("expected no `description` beside `driver`, found one", "take one of the two out")
        return value

    @field_validator("speed")
    @classmethod
    def _speed_of_a_recording(cls, speed: float | None, info: ValidationInfo) -> float | None:
        for key in ("address", "name"):
            if speed is not None and info.data.get(key) is not None:
                raise fault(f"expected no `speed` beside `{key}`, found one", "take it out: only a recording has one")
        return speed

    @property
    def source(self) -> str:
        """The id, given or derived."""
        if self.id is None:
            raise AssertionError("every valid wearable has an id")
        return self.id


class Button(Model):
    """A button that is heard by its advertisements (BTHome version 2, as the Shelly BLU ones)."""

    address: Address
    """Its Bluetooth address."""
    press: Press = "help"
    """What one press means: the wearer wants help, or takes an alert back."""
    double: Press | None = None
    """What two presses mean; None: as `press`."""
    triple: Press | None = None
    """What three presses mean; None: as `press`."""
    long: Press | None = None
    """What a long press means; None: as `press`."""
    hold: Press | None = None
    """What holding it down means; None: as `press`."""
    adapter: AdapterName | None = None
    """What it is heard by; None: the first adapter that is on."""

    @property
    def source(self) -> str:
        """Its name in `sources` of an alert."""
        return _id_of(self.address)


class Wearer(Model):
    """A person who is looked after."""

    id: Id
    """Opaque: it names nobody."""
    wearables: Annotated[tuple[Wearable, ...], *Entries]
    """What they wear."""
    buttons: Annotated[tuple[Button, ...], BeforeValidator(entries)] = ()
    """What they press."""


def _id_of(address: str) -> str:
    return address.replace(":", "").lower()


def _id_like(text: str) -> str:
    """As much of a text as an id may hold; empty: nothing."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64]
