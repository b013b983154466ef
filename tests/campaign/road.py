"""Homes, a broker, a hub and a responder as processes of their own, each of which can be killed and started again."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self

import generator
import responder
from brokers import Mosquitto
from generator import Order

from falld.cli import main as falld

PROCESSES = multiprocessing.get_context("forkserver")
"""A process that begins with everything imported: a restart costs milliseconds, so that many fit in a minute."""
ANEW = multiprocessing.get_context("spawn")
NOTHING: Mapping[str, str] = MappingProxyType({})
PRELOAD = ["generator", "responder", "road", "controls", "proxy", "falld.cli.hub"]
STOP_S = 30.0


def preload() -> None:
    """What every process of the road imports. The server of processes learns where that is from the environment."""
    PROCESSES.set_forkserver_preload(PRELOAD)
    with _environment({"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}):
        forkserver.ensure_running()


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Part(Protocol):
    """Something that dies and comes back."""

    name: str

    @property
    def alive(self) -> bool: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...


class Program:
    """A function in a process of its own.

    Args:
        environment: what is put into its environment, at the price of importing everything at each start.
    """

    def __init__(
        self, name: str, run: Callable[..., None], *arguments: Any, environment: Mapping[str, str] = NOTHING
    ) -> None:
        self.name = name
        self._run = run
        self._arguments = arguments
        self._environment = environment
        self._process: multiprocessing.process.BaseProcess | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        if self.alive:
            return
        with _environment(self._environment):
            processes = ANEW if self._environment else PROCESSES
            self._process = processes.Process(target=self._run, args=self._arguments, daemon=True)
            self._process.start()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def stop(self) -> None:
        """As a service manager does: asked first."""
        if self._process is not None:
            self._process.terminate()
            self.end()

    def end(self) -> None:
        """Of itself, or killed when that takes long."""
        if self._process is not None:
            self._process.join(STOP_S)
            self.kill()


class HomePart(Program):
    """One more row of random numbers at each start."""

    def __init__(self, order: Order, generate: Callable[..., None], environment: Mapping[str, str]) -> None:
        order.state.mkdir(exist_ok=True)
        super().__init__(order.home, generate, environment=environment)
        self.order = order

    def start(self) -> None:
        self._arguments = (self.order,)
        self.order = replace(self.order, run=self.order.run + 1)
        super().start()


class BrokerPart(Mosquitto):
    """mosquitto; begins empty each time."""

    name = "broker"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def serve(folder: Path, store: Path, port: int, shows: Any, hub: Callable[[list[str]], object] | None) -> None:
    """`falld hub`, whose output goes into a pipe."""
    os.dup2(shows.fileno(), 1)
    log = os.open(folder / "hub.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    command = ["hub", "--broker", f"mqtt://127.0.0.1:{port}", "--name", "hub1", "--json"]
    (hub or falld)([*command, "--store", str(store)])


class Road:
    """The parts of one trial, in a folder of its own.

    Args:
        homes: orders; their ports are those that they connect to.
        hub: runs the hub's command line; None: falld's own.
        store: the hub's; None: in the folder.
        environment: put into that of homes and hub.
    """

    def __init__(
        self,
        folder: Path,
        broker: BrokerPart,
        orders: list[Order],
        *,
        hub_port: int | None = None,
        store: Path | None = None,
        generate: Callable[..., None] = generator.generate,
        hub: Callable[[list[str]], object] | None = None,
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        self.folder = folder
        self.broker = broker
        self._read, self._write = PROCESSES.Pipe(duplex=False)
        self.store = store or folder / "hub.db"
        told = folder, self.store, hub_port or broker.port, self._write, hub
        self.hub = Program("hub", serve, *told, environment=environment)
        self.homes = [HomePart(order, generate, environment) for order in orders]
        self._responder = Program("responder", _respond, self._read, self.shown, self.store)

    @property
    def shown(self) -> Path:
        return self.folder / "shown"

    @property
    def parts(self) -> list[Part]:
        return [self.broker, self.hub, *self.homes]

    def __enter__(self) -> Self:
        self._responder.start()
        return self

    def start(self) -> None:
        for part in self.parts:
            part.start()

    def __exit__(self, *exc: object) -> None:
        for part in [*self.homes, self.hub, self.broker]:
            part.stop()
        self._write.close()
        self._read.close()
        self._responder.end()


def _respond(pipe: Any, shown: Path, store: Path) -> None:
    responder.watch(pipe.fileno(), shown, store)
