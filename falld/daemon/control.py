"""Where a program of this machine asks the running daemon for a test alarm, or how it is: a Unix socket beside the
outbox.

Unlike a signal and a file it says at once that no daemon runs, and brings each leg back when it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from falld.daemon.drill import Drills, Leg
from falld.errors import FalldError

SOCKET = "control"
TEST_ALARM, HEALTH = b"test-alarm\n", b"health\n"
LONGEST_S = 900.0
"""A test alarm is followed for so long."""
ASK_S = 5.0

log = logging.getLogger(__name__)


class ControlError(FalldError):
    """The running daemon cannot be asked."""


@asynccontextmanager
async def answering(
    folder: Path, drills: Drills, health: Callable[[], Awaitable[dict[str, Any]]]
) -> AsyncIterator[None]:
    """Answers meanwhile. The folder is this program's alone, as the outbox in it is; where there can be no socket
    the home goes on without one."""
    path = folder / SOCKET
    following: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        following.add(task)
        try:
            async with asyncio.timeout(ASK_S):
                asked = await reader.readline()
            async with asyncio.timeout(LONGEST_S):
                if asked == TEST_ALARM:
                    await _follow(drills, writer)
                elif asked == HEALTH:
                    writer.write(json.dumps(await health()).encode() + b"\n")
                    await writer.drain()
        except (TimeoutError, ConnectionError, ValueError, asyncio.CancelledError):  # ValueError: an endless line
            pass
        finally:
            following.discard(task)
            writer.close()

    try:
        path.unlink(missing_ok=True)  # of a daemon that was killed
        server = await asyncio.start_unix_server(answer, path)
        path.chmod(0o600)
    except OSError as error:
        log.error("%s: there is no socket for `falld test-alarm`: %s; use a shorter `state_dir`", path, error)
        yield
        return
    try:
        yield
    finally:
        server.close()
        for task in list(following):
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


async def _follow(drills: Drills, writer: asyncio.StreamWriter) -> None:
    legs = drills.legs()
    async with contextlib.aclosing(legs):
        async for leg in legs:
            writer.write(json.dumps(leg._asdict()).encode() + b"\n")
            await writer.drain()


def ask(folder: Path, wait_s: float) -> Iterator[Leg]:
    """Asks the daemon that runs with this folder for a test alarm; ends when a person has answered it, or nothing
    more came for `wait_s`.

    Raises:
        ControlError: no daemon can be asked.
    """
    for line in _asked(folder / SOCKET, TEST_ALARM, wait_s):
        yield Leg(**json.loads(line))


def ask_health(folder: Path) -> dict[str, Any]:
    """Asks the daemon that runs with this folder how it is; as `Home.health`.

    Raises:
        ControlError: no daemon can be asked, or it does not answer.
    """
    for line in _asked(folder / SOCKET, HEALTH, ASK_S):
        told: dict[str, Any] = json.loads(line)
        return told
    raise ControlError(str(folder / SOCKET), "the daemon does not answer", "see its log")


def _asked(path: Path, question: bytes, wait_s: float) -> Iterator[bytes]:
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
            link.sendall(question)
        except OSError as error:
            what = f"the daemon cannot be asked: {error.strerror or error}"
            raise ControlError(str(path), what, "start `falld run`, and ask as its user or as root") from None
        link.settimeout(wait_s)
        with link.makefile("rb") as lines, contextlib.suppress(TimeoutError, ConnectionError):
            yield from lines
