"""What every message has in common: bounds, types, how it is written and read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from falld.alert.topics import ID_PATTERN
from falld.errors import FalldError

KIB = 1024
WHY_MAX, MODEL_MAX, SOURCE_MAX = 256, 128, 64
UUID7_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_UTC_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"


class WireError(FalldError):
    """A message that is not one of falld/v1; names its topic. Repeats nothing of what it said."""


def _with_z(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(_UTC_PATTERN, value):
        raise ValueError("a UTC time with Z is wanted, like 2026-01-31T12:00:00.000Z")
    return datetime.fromisoformat(value)


def _milliseconds(value: datetime) -> datetime:
    utc = value.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def utc_text(value: datetime) -> str:
    """`2026-01-31T12:00:00.000Z`; milliseconds, cut off."""
    return _milliseconds(value).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


Utc = Annotated[
    AwareDatetime,
    BeforeValidator(_with_z),
    AfterValidator(_milliseconds),
    PlainSerializer(utc_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _UTC_PATTERN}),
]
"""Wall time to the millisecond."""
Id = Annotated[str, Field(pattern=ID_PATTERN)]
"""Of a home, hub, wearer or boot."""
Uuid7 = Annotated[str, Field(pattern=UUID7_PATTERN)]
Source = Annotated[str, Field(min_length=1, max_length=SOURCE_MAX)]
"""A wearable's id."""
ModelName = Annotated[str, Field(min_length=1, max_length=MODEL_MAX)]
Seq = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class Message(BaseModel):
    """What all messages have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)
    max_bytes: ClassVar[int] = 4 * KIB

    def payload(self) -> bytes:
        """Compact JSON; keys in the order of the fields."""
        return self.model_dump_json(exclude_defaults=True).encode()


M = TypeVar("M", bound=Message)


def parse(model: type[M], payload: bytes, topic: str) -> M:
    """Read a message that came on `topic`.

    Raises:
        WireError: it is too large or not such a message.
    """
    name = model.__name__
    if len(payload) > model.max_bytes:
        what = f"{len(payload)} bytes are more than the {model.max_bytes} of {name}"
        raise WireError(topic[:200], what, "send less: the bounds are those of falld/v1")
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "message"
        what = f"not a valid {name}: {field}: {first['msg'][:200]}"
        raise WireError(topic[:200], what, "send what the JSON Schema of falld/v1 says") from None
