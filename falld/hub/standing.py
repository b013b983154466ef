"""How an alert stands at a hub, message by message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from falld.alert.draft import Answer, Word
from falld.alert.wire import Alert

EXTRA_S = 15.0
"""What a hub waits beyond the home's own time: a broken connection is met again within seconds, and a message that
the broker took is sent anew after 15 s. After that the home may have died in the fall."""
USUAL_S, LONGEST_S = 20.0, 300.0
"""`raise_after_s` where a message does not say it, and the most that a home can be told to wait."""
CLOSING: tuple[Answer, ...] = ("resolved", "false_alarm")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a responder has to know of an alert."""

    state: Word
    """Of the highest seq, notes apart; `raised` where the hub raised it."""
    last_seq: int
    raised_by: Literal["home", "hub"] | None = None
    """Who raised it first; None: nobody, it made no sound. Once raised, only a person closes it."""
    falls: int = 0
    wait_s: float | None = None
    """Seconds from the message `wait_seq` until the hub itself raises the alert; None: it does not wait."""
    wait_seq: int | None = None

    def raised(self, by: Literal["home", "hub"]) -> Standing:
        return replace(self, state="raised", raised_by=self.raised_by or by, wait_s=None, wait_seq=None)

    def waiting(self, seq: int, raise_after_s: float | None) -> Standing:
        wait_s = min(USUAL_S if raise_after_s is None else raise_after_s, LONGEST_S) + EXTRA_S
        return replace(self, state="suspected", wait_s=wait_s, wait_seq=seq)


def follow(standing: Standing | None, seq: int, alert: Alert | None) -> Standing:
    """The standing after one more message.

    Args:
        standing: None before the first.
        alert: None where only the key can be read: nobody knows what it says, so it is raised.
    """
    if standing is None:
        standing = Standing("suspected", 0).waiting(seq, None)  # holds where the first to come is a note
    if seq < standing.last_seq:
        return standing
    before = replace(standing, last_seq=seq)
    if alert is None:
        return before.raised("hub")
    now = replace(before, falls=max(before.falls, alert.falls or 0))
    match alert.state:
        case "raised":
            return now.raised("home")
        case "cancelled" | "recovered":
            return replace(now, state=alert.state, wait_s=None, wait_seq=None)
        case "suspected" | "note" if now.raised_by is not None:
            return now.raised("home")  # a call or a further fall outweighs that the wearer withdrew before it
        case "suspected":
            return now.waiting(seq, alert.raise_after_s)
        case "note":
            # Suspected at home (anew): it says for how long. One that is not, but tells of a further fall, is not
            # left to that.
            quiet = now.state in ("cancelled", "recovered")
            if alert.raise_after_s is not None or (quiet and now.falls > before.falls):
                return now.waiting(seq, alert.raise_after_s)
            return now
