"""What came to a hub and went from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class HubCounters:
    """Since the start."""

    new: int = 0
    copies: int = 0
    conflicts: int = 0
    """Known keys with other content; the first stands."""
    unreadable: int = 0
    """Valid keys with a message that is none: kept and raised."""
    invalid: int = 0
    """No valid key, or no message of falld/v1 at all: not acknowledged."""
    overrun: int = 0
    """The disk was too slow: not acknowledged."""
    clips: int = 0
    """New ones; copies and conflicts are counted with those of messages."""
    clips_full: int = 0
    """All that could make room for it is of open alerts: not acknowledged."""
    acks: int = 0
