"""The home's own alarm: a command that makes itself heard where the fall is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

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
        self._withhold = {"CREDENTIALS_DIRECTORY", *withhold}

    async def sound(self, about: Mapping[str, str]) -> None:
        """Until the command has ended. What it prints goes where the daemon's errors go.

        Args:
            about: variables that tell the command what it is about.

        Raises:
            AlarmError: there is none, it cannot be started, was killed for its length, or failed.
        """
        if self._command is None:
            raise AlarmError(KEY, "an alert needed the home's own alarm, and there is none", "name a command for it")
        environment = {name: value for name, value in os.environ.items() if name not in self._withhold}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env={**environment, **about},
                start_new_session=True,
            )
        except OSError as error:
            what = f"{self._command[0]} cannot be started: {error.strerror}"
            raise AlarmError(KEY, what, "name a program that falld may run") from None
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await process.wait()
        except TimeoutError:
            what = f"{self._command[0]} ran for {self._timeout_s:g} s and was killed"
            raise AlarmError(KEY, what, "let it end by itself, or raise `alarm.timeout_s`") from None
        finally:
            with contextlib.suppress(ProcessLookupError):  # also what it left behind
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if status:
            what = f"{self._command[0]} failed with status {status}"
            raise AlarmError(KEY, what, "try it by hand, as the user that falld runs as")
