"""The messages of falld/v1: what a home and a monitoring hub say to each other.

A field with a default is left out where it has it; one without is always there, if need be as null. What comes in
may have more fields than are known here; what is known is held to its type and bounds.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from falld.alert.draft import Answer, Kind, Withdrawal, Word
from falld.alert.episode import SOURCES
from falld.alert.message import (
    KIB,
    WHY_MAX,
    Count,
    Id,
    Message,
    ModelName,
    Name,
    Seconds,
    Seq,
    Source,
    Utc,
    Uuid7,
    WireError,
    parse,
)
from falld.alert.topics import Topics, hub_beat, hub_status

__all__ = [
    "Ack", "Alert", "Beat", "Clip", "ClipAck", "Command", "Fault", "Health", "HubStatus", "Key", "Message",
    "OpenEntry", "Refused", "Response", "ShadowCounts", "Status", "Topics", "WearableHealth", "WireError",
    "content", "hub_beat", "hub_status", "parse", "parse_ack",
]  # fmt: skip


class Alert(Message):
    """What happened to a wearer. Immutable but for `age_s`, `attempt` and `late`."""

    max_bytes: ClassVar[int] = 8 * KIB
    alert_id: Uuid7
    seq: Seq
    wearer: Id
    sources: Annotated[tuple[Source, ...], Field(max_length=SOURCES)]
    kind: Kind
    state: Word
    raise_after_s: Annotated[float, Field(ge=0, le=86400)] | None = None
    """Seconds until the home raises it, where it is suspected after this message."""
    boot_id: Id
    impact_utc: Utc | None
    """Of the fall that this message is about."""
    age_s: Seconds | None
    """Seconds from that impact to this sending; null after a reboot."""
    attempt: Seq
    late: bool
    """First sent more than 10 s after its commit."""
    clock_synced: bool
    probability: Annotated[float, Field(ge=0, le=1)] | None
    why: Annotated[str, Field(max_length=WHY_MAX)]
    model: ModelName | None
    falls: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Falls in this alert so far."""


class Key(Message):
    """What an `alert` must have to be committed and acknowledged, however wrong the rest of it is."""

    max_bytes: ClassVar[int] = Alert.max_bytes
    alert_id: Uuid7
    seq: Seq


class Ack(Message):
    """A monitoring hub has committed this alert message."""

    alert_id: Uuid7
    seq: Seq
    hub: Id


class ClipAck(Message):
    """A monitoring hub has committed the clip of this alert."""

    alert_id: Uuid7
    clip: Literal[True]
    hub: Id


class _AnyAck(Message):
    clip: bool = False


class Response(Message):
    """What a person says to an alert."""

    alert_id: Uuid7
    response: Answer
    hub: Id
    by: Name
    """Opaque."""
    utc: Utc


class Command(Message):
    """What a hub asks a home to do, in this boot of it and once."""

    id: Uuid7
    boot_id: Id
    command: Literal["test_alarm", "clip"]
    alert_id: Uuid7 | None = None

    @model_validator(mode="after")
    def _clip_of_what(self) -> Command:
        if self.command == "clip" and self.alert_id is None:
            raise ValueError("a clip is asked for with its alert_id")
        return self


class Status(Message):
    """Birth of a home on every connect, or as its last will that it is gone."""

    online: bool
    boot_id: Id
    version: Name | None = None
    model: ModelName | None = None


class OpenEntry(Message):
    """An alert that no person has closed, with the first response to it."""

    alert_id: Uuid7
    wearer: Id
    kind: Kind
    state: Literal["suspected", "raised"]
    withdrawn: Withdrawal | None = None
    response: Answer | None = None
    hub: Id | None = None
    by: Name | None = None


class ShadowCounts(Message):
    """What another detector said of a wearable since the home began; it alerts nobody."""

    model: ModelName
    fall: Count
    confirmed: Count
    recovered: Count


class WearableHealth(Message):
    """One wearable as the home sees it."""

    source: Source
    wearer: Id
    state: Annotated[str, Field(pattern="^[a-z_]{1,32}$")]
    since_s: Seconds | None
    battery: Annotated[int, Field(ge=0, le=100)] | None
    """Percent; null: not known."""
    shadow: ShadowCounts | None = None


class Fault(Message):
    """Something that keeps a fall from reaching a person, or with code `shadow` from being counted."""

    code: Annotated[str, Field(pattern="^[a-z_]{1,32}$")]
    what: Annotated[str, Field(max_length=WHY_MAX)]


class Refused(Message):
    """What came for the home and was not obeyed, since the daemon began; left out where it is none."""

    invalid: Count = 0
    """No message of falld/v1: unknown, malformed or too large."""
    retained: Count = 0
    """With the retain flag, where none may have it."""
    commands: Count = 0
    """For another boot, or with an id that was used before."""


class Health(Message):
    """Each wearable and the chain."""

    max_bytes: ClassVar[int] = 32 * KIB
    boot_id: Id
    utc: Utc
    clock_synced: bool
    outbox: Count
    """Messages that no hub has committed yet."""
    wearables: Annotated[tuple[WearableHealth, ...], Field(max_length=16)]
    open: Annotated[tuple[OpenEntry, ...], Field(max_length=16)]
    faults: Annotated[tuple[Fault, ...], Field(max_length=8)]
    refused: Refused = Refused()


class Clip(Message):
    """The samples around an impact."""

    max_bytes: ClassVar[int] = 64 * KIB
    rate_hz: Annotated[float, Field(gt=0, le=10_000)]
    impact_index: Count
    acc_mg: Annotated[str, Field(min_length=8, max_length=64 * KIB)]
    """Base64 of little-endian int16, (n, 3), in thousandths of g; a row of three -32768 is no sample."""

    @field_validator("acc_mg")
    @classmethod
    def _rows(cls, text: str) -> str:
        if len(base64.b64decode(text, validate=True)) % 6:
            raise ValueError("not whole rows of three int16")
        return text

    @model_validator(mode="after")
    def _impact_inside(self) -> Clip:
        rows, at = base64.b64decode(self.acc_mg), 6 * self.impact_index
        if at >= len(rows):
            raise ValueError("impact_index is beyond the samples")
        if rows[at : at + 6] == b"\x00\x80" * 3:
            raise ValueError("there is no sample at impact_index")
        return self


class HubStatus(Message):
    """A monitoring hub is there, or as its last will that it is gone."""

    hub: Id
    online: bool


class Beat(Message):
    """A monitoring hub works."""

    hub: Id
    utc: Utc


def parse_ack(payload: bytes, topic: str) -> Ack | ClipAck:
    """Read what came on `ack`: of a message, or with `clip: true` of a clip.

    Raises:
        WireError: it is neither.
    """
    if parse(_AnyAck, payload, topic).clip:
        return parse(ClipAck, payload, topic)
    return parse(Ack, payload, topic)


def content(payload: bytes) -> bytes:
    """What never changes of an alert that `parse` took, with any fields not known here: two copies of one message
    have the same content, whatever their key order."""
    message = _READER.decode(payload.decode())
    for changing in ("age_s", "attempt", "late"):
        message.pop(changing, None)
    return _WRITER.encode(message).encode()


_READER = json.JSONDecoder(parse_int=float)
"""20 and 20.0 are one number, and no count of digits is too many for a float."""
_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
