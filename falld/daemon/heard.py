"""What the daemon lets others hear of its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol

Kind = Literal[
    "listening",
    "wearable",
    "clock",
    "samples",
    "silent",
    "gap",
    "impact",
    "decision",
    "shadow",
    "button",
    "ended",
    "fault",
    "committed",
    "link",
    "hub",
    "published",
    "hub_committed",
    "acknowledged",
    "alarm",
]
"""`wearable`: its link is at something else; `clock`: how far its own runs away is known; `impact`: a candidate was
judged; `decision`: a fall was seen, confirmed or recovered from; `shadow`: the same by a detector that alerts nobody,
or its fault; `committed`: on this machine's disk; `hub`: one is heard, or none any more; `hub_committed`: on the
hub's; `acknowledged`: a person answered; `alarm`: the home's own one runs, or failed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened."""

    kind: Kind
    boottime: float
    """When, in seconds of CLOCK_BOOTTIME: of an impact or a decision the time of the samples."""
    text: str
    """In a few words, without the kind."""
    data: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The same for a program."""


Observer = Callable[[Heard], None]
"""Called on the event loop; must not wait."""


class Tell(Protocol):
    """Lets others hear of something that happens just now; what it takes is what `Heard` has."""

    def __call__(self, kind: Kind, text: str, **data: Any) -> None: ...


def nobody(heard: Heard) -> None:
    """Hears nothing."""
