"""Where a program of this machine speaks with the running daemon: a Unix socket beside the outbox.

It asks for a test alarm, how the home is or what happens there, or says for a wearer what a button would say. Unlike a
signal and a file it says at once that no daemon runs, and brings each leg back when it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from falld.daemon.drill import Drills, Leg
from falld.daemon.listeners import Listener
from falld.errors import FalldError

SOCKET = "control"
TEST_ALARM, HEALTH, WATCH = b"test-alarm\n", b"health\n", b"watch\n"
Word = Literal["cancel", "help"]
WORDS: tuple[Word, ...] = get_args(Word)
"""Followed by the wearer's id."""
WATCHING = "watching"
"""The kind of the first line, from which on nothing is missed, and of one more each second."""
WATCHING_S = 1.0
LONGEST_S = 900.0
"""A test alarm, or what happens, is followed for so long."""
ASK_S = 5.0

log = logging.getLogger(__name__)


class ControlError(FalldError):
    """The running daemon cannot be asked."""


class UnknownWearer(FalldError):
    """The daemon that runs looks after nobody of this id."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the daemon does when it is asked."""

    drills: Drills
    health: Callable[[], Awaitable[dict[str, Any]]]
    said: Callable[[Word, str], Awaitable[str | None]]
    """For a wearer; gives the alert that it was about, None where there was none. Raises `UnknownWearer`."""
    listening: Callable[[], AbstractContextManager[Listener]]
    """To what happens at home, but for samples; the answer ends where it is not read."""


@asynccontextmanager
async def answering(folder: Path, answers: Answers) -> AsyncIterator[None]:
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
                async for line in _answers(asked, answers):
                    writer.write(json.dumps(line).encode() + b"\n")
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
        log.error("%s: there is no socket to speak with the daemon: %s; use a shorter `state_dir`", path, error)
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


async def _answers(asked: bytes, answers: Answers) -> AsyncIterator[dict[str, Any]]:
    word, _, wearer = asked.decode(errors="replace").strip().partition(" ")
    if asked == TEST_ALARM:
        async with contextlib.aclosing(answers.drills.legs()) as legs:
            async for leg in legs:
                yield leg._asdict()
    elif asked == HEALTH:
        yield await answers.health()
    elif asked == WATCH:
        with answers.listening() as queue:
            while True:
                yield {"kind": WATCHING}
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WATCHING_S):
                        while (heard := await queue.get()) is not None:
                            yield {"kind": heard.kind, "text": heard.text, "data": dict(heard.data)}
                        return
    elif word in WORDS:
        try:
            yield {"alert_id": await answers.said(word, wearer)}
        except UnknownWearer as error:
            yield {"error": [error.where, error.what, error.remedy]}


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


def watch(folder: Path, for_s: float) -> Iterator[dict[str, Any]]:
    """What happens at home for so long, as `kind`, `text` and `data` of `Heard`, with one of kind `WATCHING` first and
    every second.

    Raises:
        ControlError: no daemon can be asked.
    """
    for line in _asked(folder / SOCKET, WATCH, for_s, in_all=True):
        yield json.loads(line)


def say(folder: Path, word: Word, wearer: str) -> str | None:
    """Says something for a wearer to the daemon that runs with this folder.

    Returns:
        The alert that it was about, once that is committed; None: there is none.

    Raises:
        ControlError: no daemon can be asked, or it does not answer.
        UnknownWearer: it looks after nobody of this id.
    """
    for line in _asked(folder / SOCKET, f"{word} {wearer}\n".encode(), ASK_S):
        told = json.loads(line)
        if "error" in told:
            raise UnknownWearer(*told["error"])
        alert_id: str | None = told["alert_id"]
        return alert_id
    raise ControlError(str(folder / SOCKET), "the daemon does not answer", "see its log")


def _asked(path: Path, question: bytes, wait_s: float, *, in_all: bool = False) -> Iterator[bytes]:
    """`wait_s` counts anew from each line, unless it is for all of them."""
    end = time.monotonic() + wait_s
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
            link.sendall(question)
        except OSError as error:
            what = f"the daemon cannot be asked: {error.strerror or error}"
            raise ControlError(str(path), what, "start `falld run`, and ask as its user or as root") from None
        link.settimeout(wait_s)
        with link.makefile("rb") as lines, contextlib.suppress(TimeoutError, ConnectionError):
            for line in lines:
                yield line
                if in_all:
                    link.settimeout(max(end - time.monotonic(), 0.001))
