"""A command that the configuration names: run once, limited, and killed with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection, Mapping, Sequence

from falld.errors import FalldError


async def run_command(
    command: Sequence[str],
    failed: type[FalldError],
    where: str,
    *,
    who: str,
    timeout_s: float,
    timeout_key: str,
    said: bytes = b"",
    about: Mapping[str, str] | None = None,
    withhold: Collection[str] = (),
) -> None:
    """Until it has ended. What it prints to stderr goes where the caller's errors go.

    Args:
        command: the program and its arguments; no shell reads them.
        failed: raised where it cannot be started, was killed for its length, or failed.
        where: names it in the error.
        who: runs it, in the error's remedy.
        timeout_s: what runs longer is killed.
        timeout_key: of the configuration, for the error's remedy.
        said: on its standard input.
        about: variables of the environment that it gets as well.
        withhold: those that it does not get, beside the folder of credentials.
    """
    kept = {name: value for name, value in os.environ.items() if name not in {"CREDENTIALS_DIRECTORY", *withhold}}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**kept, **(about or {})},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        what = f"{command[0]} cannot be started: {getattr(error, 'strerror', None) or error}"
        raise failed(where, what, f"name a program that {who} may run") from None
    try:
        async with asyncio.timeout(timeout_s):
            await process.communicate(said)
    except TimeoutError:
        what = f"{command[0]} ran for {timeout_s:g} s and was killed"
        raise failed(where, what, f"let it end by itself, or raise {timeout_key}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):  # also what it left behind
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        what = f"{command[0]} failed with status {process.returncode}"
        raise failed(where, what, f"try it by hand, as the user that {who} runs as")
