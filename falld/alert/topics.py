"""Where messages go: the topic tree of falld/v1."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "falld/v1"
ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
"""A home, hub or wearer: one level of a topic, without what MQTT gives a meaning (`/`, `+`, `#`, a leading `$`)."""
HUBS = "_hub"
"""The level under which hubs speak for themselves; no home has this id."""
_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")


def _checked(name: str, what: str) -> str:
    if not _ID.match(name) or name == HUBS:
        raise ValueError(f"{name[:80]!r} cannot be the id of a {what}: 1 to 64 of A-Z a-z 0-9 . _ -, and not {HUBS}")
    return name


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one home.

    Raises:
        ValueError: the id cannot be a level of a topic.
    """

    home: str

    def __post_init__(self) -> None:
        _checked(self.home, "home")

    def _of(self, name: str) -> str:
        return f"{PREFIX}/{self.home}/{name}"

    @property
    def status(self) -> str:
        return self._of("status")

    @property
    def health(self) -> str:
        return self._of("health")

    @property
    def alert(self) -> str:
        return self._of("alert")

    @property
    def ack(self) -> str:
        return self._of("ack")

    @property
    def response(self) -> str:
        return self._of("response")

    @property
    def command(self) -> str:
        return self._of("command")

    def clip(self, alert_id: str) -> str:
        return self._of(f"clip/{_checked(alert_id, 'clip')}")


def hub_status(hub: str) -> str:
    """Where a hub says that it is there; a last will."""
    return f"{PREFIX}/{HUBS}/{_checked(hub, 'hub')}/status"


def hub_beat(hub: str) -> str:
    """Where a hub beats while it works."""
    return f"{PREFIX}/{HUBS}/{_checked(hub, 'hub')}/beat"


def every_home(name: str) -> str:
    """The filter for one kind of message of all homes, e.g. `falld/v1/+/alert`; of clips with `clip/+`."""
    return f"{PREFIX}/+/{name}"


def every_hub(name: str) -> str:
    """The filter for `status` or `beat` of all hubs."""
    return f"{PREFIX}/{HUBS}/+/{name}"


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic says: who, and which kind of message."""

    home: str | None
    """None: a hub speaks for itself."""
    hub: str | None
    name: str
    """`alert`, `status`, …"""
    alert_id: str | None = None
    """Of a clip, not checked to be a UUID."""


def locate(topic: str) -> Place | None:
    """Read a topic; None where it is not one of falld/v1."""
    match topic.split("/"):
        case ["falld", "v1", "_hub", hub, ("status" | "beat") as name] if _ID.match(hub) and hub != HUBS:
            return Place(None, hub, name)
        case ["falld", "v1", home, "clip", alert_id] if _ID.match(home) and home != HUBS and _ID.match(alert_id):
            return Place(home, None, "clip", alert_id)
        case ["falld", "v1", home, name] if _ID.match(home) and home != HUBS and name in _NAMES:
            return Place(home, None, name)
    return None


_NAMES = frozenset({"status", "health", "alert", "ack", "response", "command"})
