"""What came to a hub and went from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

MEANINGS = {
    "new": "messages that were committed",
    "copies": "that had come before; acknowledged again, shown once",
    "conflicts": "that had come before and said something else; the first stands",
    "unreadable": "of which the key alone could be read; kept and raised",
    "invalid": "without a valid key, or no message of falld/v1; not acknowledged",
    "overrun": "that the disk was too slow for; not acknowledged, so they come again",
    "clips": "clips that were committed",
    "clips_full": "clips that there was no room for; not acknowledged",
    "acks": "acknowledgements that a broker took",
}


@dataclass(slots=True)
class HubCounters:
    """Since the start; MEANINGS says of what."""

    new: int = 0
    copies: int = 0
    conflicts: int = 0
    unreadable: int = 0
    invalid: int = 0
    overrun: int = 0
    clips: int = 0
    clips_full: int = 0
    acks: int = 0

    def items(self) -> Iterable[tuple[str, int]]:
        return asdict(self).items()

    def copy(self) -> HubCounters:
        return replace(self)

    def since(self, before: HubCounters) -> HubCounters:
        return HubCounters(**{name: count - getattr(before, name) for name, count in self.items()})
