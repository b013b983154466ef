"""Which commands a home obeys."""

from __future__ import annotations

from collections.abc import Iterable

from falld.alert.wire import Command

REMEMBERED = 4096
"""Ids of one boot: at ten commands a day more than a year, in about half a megabyte."""


class CommandGate:
    """Lets each command of this boot through once, so that a replayed one is refused without trusting a clock.

    Args:
        boot_id: the current boot.
        seen: ids that were let through earlier in this boot.
    """

    def __init__(self, boot_id: str, seen: Iterable[str] = (), limit: int = REMEMBERED) -> None:
        self._boot_id = boot_id
        self._seen = set(seen)
        self._limit = limit

    def refusal(self, command: Command) -> str | None:
        """Why the command is not obeyed; None: it is, and its id is used up."""
        if command.boot_id != self._boot_id:
            return "it is for another boot"
        if command.id in self._seen:
            return "its id was used before"
        if len(self._seen) >= self._limit:
            return f"{self._limit} commands were obeyed in this boot, and no more ids can be remembered"
        self._seen.add(command.id)
        return None
