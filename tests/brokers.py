"""Brokers to test against, on loopback ports of their own, and what to send through them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from falld.alert.wire import Alert
from falld.publish.backoff import Backoff
from falld.publish.link import Broker, Link, LinkError, LinkState, Outgoing, Timing

DEPLOYED = Path(__file__).resolve().parent.parent / "deploy" / "mosquitto"
ALERT_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def free_port() -> int:
    """A TCP port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A real mosquitto; forgets everything when it ends.

    Args:
        exe: the program.
        folder: for its configuration and log.
        settings: lines of its configuration, e.g. a password file; without any, everybody may do everything.
    """

    def __init__(self, exe: str, folder: Path, settings: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._exe = exe
        self._log = folder / "mosquitto.log"
        self._conf = folder / "mosquitto.conf"
        # Started by root it would change to a user who cannot read the test's folder.
        self._user = "user root\n" if os.geteuid() == 0 else ""
        self._conf.write_text(f"{self._user}listener {self.port} 127.0.0.1\n{settings}\npersistence false\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._exe, "-v", "-c", str(self._conf)], stdout=log, stderr=log)
        give_up = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"mosquitto does not listen: {self.log()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """As a power cut does."""
        self.stop(signal.SIGKILL)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def log(self) -> str:
        return self._log.read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()


class Deployed(Mosquitto):
    """A mosquitto with the very files of deploy/mosquitto, on loopback ports.

    Args:
        folder: has `server` and its key, and the authority of the clients' certificates, `ca`, in PEM files.
        passwords: of each user.
    """

    def __init__(self, need: Callable[[str], str], folder: Path, passwords: Mapping[str, str]) -> None:
        super().__init__(need("mosquitto"), folder)
        self.certificate_port = free_port()
        hashes = folder / "falld.passwords"
        hashes.touch()
        for user, password in passwords.items():
            command = [need("mosquitto_passwd"), "-b", str(hashes), user, password]
            subprocess.run(command, check=True, capture_output=True, timeout=20)
        conf = (DEPLOYED / "mosquitto.conf").read_text()
        for given, here in {
            "\nlistener 8883\n": f"\nlistener {self.port} 127.0.0.1\n",
            "\nlistener 8884\n": f"\nlistener {self.certificate_port} 127.0.0.1\n",
            "/etc/mosquitto/certs/broker.pem": f"{folder / 'server.pem'}",
            "/etc/mosquitto/certs/broker-key.pem": f"{folder / 'server-key.pem'}",
            "/etc/mosquitto/certs/clients-ca.pem": f"{folder / 'ca.pem'}",
            "/etc/mosquitto/falld.passwords": f"{hashes}",
            "/etc/mosquitto/falld.acl": f"{DEPLOYED / 'falld.acl'}",
        }.items():
            assert given in conf
            conf = conf.replace(given, here)
        self._conf.write_text(self._user + conf)


@contextlib.asynccontextmanager
async def amqtt_broker() -> AsyncIterator[int]:
    """An amqtt broker on this event loop, which speaks 3.1.1 alone and never answers MQTT 5; gives its port."""
    module = pytest.importorskip("amqtt.broker")
    port = free_port()
    writers: list[asyncio.StreamWriter] = []

    class Broker(module.Broker):  # type: ignore[misc, name-defined]
        async def stream_connected(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
        ) -> None:
            writers.append(writer)
            await super().stream_connected(reader, writer, listener_name)

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()
        for writer in writers:  # amqtt leaves those open that it did not understand
            writer.close()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def fake_broker(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that does what `serve` says with each connection, then closes it; gives its port."""
    running: set[asyncio.Task[Any]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            running.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def until(true: Callable[[], object], within_s: float = 60.0) -> None:
    """Waits for a condition; long enough for a machine that does much else."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def an_alert(seq: int = 1, state: str = "suspected", **other: Any) -> Alert:
    """A message of an alert, as a home sends it."""
    fields = {
        "alert_id": ALERT_ID, "wearer": "w1", "sources": ("wrist",), "kind": "fall", "boot_id": "boot-1",
        "raise_after_s": 20.0 if state == "suspected" else None, "impact_utc": None, "age_s": 2.5, "attempt": 1,
        "late": False, "clock_synced": True, "probability": 0.971, "why": "impact 5.2 g", "model": "m", "falls": 1,
    }  # fmt: skip
    return Alert(seq=seq, state=state, **(fields | other))  # type: ignore[arg-type]


class Peer:
    """A client of a broker, with what it was told."""

    def __init__(self, broker: Broker, name: str = "one", **options: Any) -> None:
        self.states: list[LinkState] = []
        self.messages: list[tuple[str, bytes, bool]] = []
        births = options.pop("births", [Outgoing(f"t/{name}/status", b"online", retain=True)])
        self.link = Link(
            broker,
            f"test-{name}",
            will=(f"t/{name}/status", b"offline"),
            birth=lambda: births,
            subscribe=options.pop("subscribe", [f"t/{name}/in"]),
            on_message=lambda *message: self.messages.append(message),
            on_state=self.states.append,
            backoff=options.pop("backoff", None) or soon(),
            timing=options.pop("timing", None) or Timing(goodbye=0.2),
            **options,
        )

    @property
    def fault(self) -> LinkError | None:
        return self.states[-1].fault if self.states else None

    def heard(self, topic: str) -> list[Any]:
        """The JSON that came on a topic."""
        return [json.loads(payload) for on, payload, _ in self.messages if on == topic]


def soon() -> Backoff:
    """Retries without the patience that real brokers need."""
    return Backoff(0.02, 0.05)


@contextlib.asynccontextmanager
async def running(*runs: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs these meanwhile, then cancels them; what one raised itself is raised."""
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
