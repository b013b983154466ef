"""The home's own alarm: a command that makes itself heard where the fall is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falld.command import run_command
from falld.errors import FalldError

KEY = "alarm.command"


class AlarmError(FalldError):
    """The home's own alarm was needed and did not do its part."""


class Alarm:
    """Runs a command, one at a time.

    Args:
        command: the program and its arguments; no shell reads them. None: the home has no alarm of its own.
        timeout_s: what runs longer is killed, with all that it started.
        withhold: variables of the environment that it does not get.
    """

    def __init__(self, command: Sequence[str] | None, *, timeout_s: float, withhold: Sequence[str] = ()) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._withhold = withhold

    async def sound(self, about: Mapping[str, str]) -> None:
        """Until the command has ended. What it prints goes where the daemon's errors go.

        Args:
            about: variables that tell the command what it is about.

        Raises:
            AlarmError: there is none, it cannot be started, was killed for its length, or failed.
        """
        if self._command is None:
            raise AlarmError(KEY, "an alert needed the home's own alarm, and there is none", "name a command for it")
        await run_command(
            self._command,
            AlarmError,
            KEY,
            who="falld",
            timeout_s=self._timeout_s,
            timeout_key="`alarm.timeout_s`",
            about=about,
            withhold=self._withhold,
        )
