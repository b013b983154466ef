"""What went over a route and came from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Since the start."""

    sent: int = 0
    """Alert messages that the broker took the first time that they were sent at all."""
    resent: int = 0
    """Copies, be it that another route had the first."""
    acked: int = 0
    """Messages that a hub here has committed."""
    no_subscriber: int = 0
    """The broker took an alert, and nobody listened."""
    refused: int = 0
    """The broker did not take an alert."""
    dropped: int = 0
    """Came with the retain flag where none may."""
    invalid: int = 0
    """Came and were no message of falld/v1."""
    commands_refused: int = 0
