"""What is said of an alert: to the wire, before wall time is joined, and to who asks what is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["fall", "help", "test"]
Word = Literal["suspected", "raised", "cancelled", "recovered", "note"]
"""`state` of a message on the wire."""
Answer = Literal["seen", "attending", "resolved", "false_alarm"]
"""What a person says to an alert."""
Withdrawal = Literal["cancelled", "recovered"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an `alert` message says before wall time is joined."""

    alert_id: str
    seq: int
    wearer: str
    sources: tuple[str, ...]
    kind: Kind
    state: Word
    raise_after_s: float | None
    """Seconds until the alert is raised, where it is suspected after this message: so also in a note that tells of
    a further fall before that, or that arms a quiet alert anew. Else None."""
    boot_id: str
    """The boot of `impact_t`; where that is None, of the call."""
    impact_t: float | None
    """CLOCK_BOOTTIME of that boot: the impact of the fall that the message is about."""
    probability: float | None
    why: str
    model: str | None
    falls: int | None
    """Falls in this alert so far; None: there was none."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that no person has closed."""

    alert_id: str
    wearer: str
    kind: Kind
    state: Literal["suspected", "raised"]
    withdrawn: Withdrawal | None
    """What the wearer did last since the last fall or call; it lowers the priority."""
    seq: int
    sources: tuple[str, ...]
    falls: int | None
    raised_t: float | None
    """When it was raised; after a reboot, when the program knew of it again."""
    begun_t: float
    """When it was suspected, or armed anew after it was withdrawn; after a reboot as `raised_t`."""
    begun_seq: int
    """The message that said so."""
    response: Answer | None
    """`seen` or `attending` of the hub that answered first."""
    hub: str | None
    by: str | None
