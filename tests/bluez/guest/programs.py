"""Programs that run beside the radio, and what they say."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable

FALLD = (
    sys.executable,
    "-c",
    # falld's own details are wanted, and not those of everybody it imports.
    "import logging\n"
    "for name in ('bleak', 'bleak_retry_connector', 'asyncio'): logging.getLogger(name).setLevel(logging.INFO)\n"
    "from falld.cli import main; main()",
)
GOODBYE_S = 60.0


def say(words: str, before: str = "  ") -> None:
    """A line of the transcript."""
    sys.stdout.write(f"{before}{words}\n")
    sys.stdout.flush()


class Program:
    """Runs, and its words are kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self.process = process
        self._readers = [asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr)]

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def last(self, pattern: str) -> re.Match[str] | None:
        """Where it said so, lately."""
        return next((match for line in reversed(self.lines) if (match := re.search(pattern, line))), None)

    def found(self, pattern: str) -> str:
        """What it said lately, of what it surely said."""
        match = self.last(pattern)
        assert match is not None, pattern
        return match[0]

    async def ended(self, within_s: float) -> int:
        """Its exit status, when all it said was read."""
        async with asyncio.timeout(within_s):
            await asyncio.gather(*self._readers)
            return await self.process.wait()

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        async for line in stream:
            self.lines.append(line.decode(errors="replace").rstrip())


@contextlib.asynccontextmanager
async def program(*command: str) -> AsyncIterator[Program]:
    """Asked to end at the end, if it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=os.environ | {"HOME": "/root"}
    )
    running = Program(process)
    try:
        yield running
    except BaseException:
        say(f"{' '.join(command[-6:])}: exit status {process.returncode}", "    ")
        for line in [line for line in running.lines if "samples: " not in line][-40:]:
            say(line, "    ")
        raise
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await running.ended(GOODBYE_S)
        finally:
            if process.returncode is None:
                process.kill()


async def ran(*command: str, within_s: float) -> str:
    """What a program said that must end well."""
    async with program(*command) as running:
        status = await running.ended(within_s)
        assert status == 0, f"exit status {status}"
    return running.said


async def until(true: Callable[[], object], what: str, within_s: float = 120.0) -> None:
    """Waits for a condition, with the patience that an emulated machine needs."""
    try:
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about in {within_s:g} s") from None
