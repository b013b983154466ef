"""Stands between clients and a broker, and does what networks do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random
from typing import Any, Literal

from brokers import free_port
from road import PROCESSES, Program

Mode = Literal["open", "slow", "half-open", "deaf after PUBLISH", "cut in a PUBLISH", "closed"]
"""half-open: nothing passes, and nobody is told. deaf after PUBLISH: what a client says arrives; from its next PUBLISH
on it hears no answer. cut in a PUBLISH: half of it arrives, then the connection breaks. closed: it breaks now. What
was half-open or deaf stays so until it is closed; new connections are as the mode says."""
PUBLISH = 3
SLOWEST_S = 0.5


class Proxy(Program):
    """A process with a port for each client."""

    def __init__(self, broker_port: int, clients: int, seed: int) -> None:
        self.ports = [free_port() for _ in range(clients)]
        ours, theirs = PROCESSES.Pipe()
        super().__init__("proxy", serve, theirs, broker_port, self.ports, seed)
        self._orders = ours

    def turn(self, port: int, mode: Mode) -> None:
        self._orders.send((port, mode))


class _Door:
    """One port, with the connections that go through it."""

    def __init__(self, broker_port: int, seed: str) -> None:
        self._broker_port = broker_port
        self._random = Random(seed)
        self._mode: Mode = "open"
        self._open: set[asyncio.Task[Any]] = set()

    def turn(self, mode: Mode) -> None:
        self._mode = "open" if mode == "closed" else mode
        if mode == "closed":
            for task in self._open:
                task.cancel()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        closing = [writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            to = await asyncio.open_connection("127.0.0.1", self._broker_port)
            closing.append(to[1])
            connection = _Connection(self, self._random)
            ways = [
                asyncio.ensure_future(connection.pass_on(reader, to[1], client=True)),
                asyncio.ensure_future(connection.pass_on(to[0], writer, client=False)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        self._open.discard(task)
        for each in closing:
            each.transport.abort()

    @property
    def mode(self) -> Mode:
        return self._mode


class _Connection:
    def __init__(self, door: _Door, random: Random) -> None:
        self._door = door
        self._random = random
        self._deaf: Literal["not", "to answers", "altogether"] = "not"

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool) -> None:
        """One way, until it ends."""
        while data := await reader.read(1 << 16):
            publishes = client and data[0] >> 4 == PUBLISH  # small messages: a packet begins where a read does
            match self._door.mode:
                case "slow":
                    await asyncio.sleep(self._random.uniform(0, SLOWEST_S))
                case "half-open":
                    self._deaf = "altogether"
                case "deaf after PUBLISH" if publishes:
                    self._deaf = "to answers"
                case "cut in a PUBLISH" if publishes:
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    return
            if self._deaf == "not" or (self._deaf == "to answers" and client):
                writer.write(data)
                await writer.drain()


def serve(orders: Any, broker_port: int, ports: Sequence[int], seed: int) -> None:
    """Until killed."""

    async def run() -> None:
        doors = {port: _Door(broker_port, f"{seed}/{n}") for n, port in enumerate(ports)}
        for port, door in doors.items():
            await asyncio.start_server(door.take, "127.0.0.1", port)

        def obey() -> None:
            port, mode = orders.recv()
            doors[port].turn(mode)

        asyncio.get_running_loop().add_reader(orders.fileno(), obey)
        await asyncio.Event().wait()

    asyncio.run(run())
