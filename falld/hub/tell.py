"""The command that reaches a responder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from falld.errors import FalldError

WITHHELD = {"CREDENTIALS_DIRECTORY", "FALLD_MQTT_PASSWORD"}


class TellError(FalldError):
    """A responder could not be told; names the responder."""


async def tell(responder: str, command: Sequence[str], about: bytes, timeout_s: float) -> None:
    """Run it to its end, with `about` on its standard input. What it prints to stderr goes where the hub's errors go.

    Raises:
        TellError: it cannot be started, was killed for its length, or failed.
    """
    where = f"responder {responder}"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in WITHHELD},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        what = f"{command[0]} cannot be started: {getattr(error, 'strerror', None) or error}"
        raise TellError(where, what, "name a program that the hub may run") from None
    try:
        async with asyncio.timeout(timeout_s):
            await process.communicate(about)
    except TimeoutError:
        what = f"{command[0]} ran for {timeout_s:g} s and was killed"
        raise TellError(where, what, "let it end by itself, or raise its timeout_s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):  # also what it left behind
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        what = f"{command[0]} failed with status {process.returncode}"
        raise TellError(where, what, "try it by hand, as the user that the hub runs as")
