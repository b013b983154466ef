"""When each message of the outbox is to be sent (again)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Key = tuple[str, int]
"""alert_id and seq."""

FIRST_S = 15.0
"""A hub that lives acknowledges within a second; a second copy still comes within the 20 s after which the home
helps itself."""
LONGEST_S = 120.0
"""1000 homes with one message each then send 8 a second to a hub that does not answer."""
SPREAD = 0.2
"""Each wait is longer or shorter by up to so much, so that homes do not send in step."""


@dataclass(slots=True)
class _Entry:
    due: float
    wait_s: float
    in_flight: bool = False
    missed: bool = False
    """Somebody came anew while it was in flight, and may not have got it."""


class Resends:
    """What is due, first come first served. Pure: times in seconds of any clock that does not go back.

    A message that was taken is in flight until `sent` or `failed`, and so never there twice.
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        *,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = first_s
        self._longest = longest_s
        self._uniform = uniform
        self._entries: dict[Key, _Entry] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def keep(self, keys: Iterable[Key], now: float) -> None:
        """These are all that there are: a new one is due now, one that is not named is forgotten."""
        self._entries = {key: self._entries.get(key) or _Entry(now, self._first) for key in keys}

    def forget(self, key: Key) -> None:
        self._entries.pop(key, None)

    def take(self, now: float, limit: int) -> list[Key]:
        """The oldest that are due, so many that at most `limit` are in flight; they are in flight from now on."""
        free = limit - sum(entry.in_flight for entry in self._entries.values())
        due = [key for key, entry in self._entries.items() if not entry.in_flight and entry.due <= now]
        taken = due[: max(free, 0)]
        for key in taken:
            self._entries[key].in_flight = True
        return taken

    def sent(self, key: Key, now: float) -> None:
        """The broker has it; it is due again after a wait, twice as long each time."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.in_flight = False
            if entry.missed:
                entry.missed = False
                return
            entry.due = now + entry.wait_s * self._uniform(1 - SPREAD, 1 + SPREAD)
            entry.wait_s = min(entry.wait_s * 2, self._longest)

    def failed(self, key: Key) -> None:
        """The connection went first; it is due as it was."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.in_flight = entry.missed = False

    def restart(self, now: float) -> None:
        """Somebody is there anew, broker or hub: all is due now, and the waits are short again."""
        for entry in self._entries.values():
            entry.due = now
            entry.wait_s = self._first
            entry.missed = entry.in_flight

    def idle(self, now: float) -> bool:
        """Whether nothing is due or in flight."""
        return not any(entry.in_flight or entry.due <= now for entry in self._entries.values())

    def next_due(self) -> float | None:
        """When `take` has something to give."""
        return min((entry.due for entry in self._entries.values() if not entry.in_flight), default=None)
