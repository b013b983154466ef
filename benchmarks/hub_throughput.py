"""How fast the hub commits and acknowledges, beside what the same broker delivers without a hub.

    python benchmarks/hub_throughput.py [--homes 1000] [--alerts 20] [--runs 3] [--folder DIR]

Starts a mosquitto on loopback. Every simulated home is an MQTT client of its own, with its TCP connection and id.
`bare`: the homes publish QoS 1 as fast as they get their PUBACKs, and one paho-mqtt subscriber counts what comes.
`hub`: `falld hub` subscribes instead, with its store on the disk of `--folder`; a home sends its next message when the
hub has acknowledged the last one. Both send the same messages; the runs take turns. At the end the store must hold each
message that was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import click
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from falld.alert.topics import Topics, every_home
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Alert

RESEND_S = 15.0
"""As a home's first resending."""
GIVE_UP_S = 300.0


def payloads(alerts: int) -> list[bytes]:
    """What one home sends: each alert suspected, then raised, as a home with a clip of a fall does."""
    made = []
    for _ in range(alerts):
        alert_id = uuid7()
        for seq, state in ((1, "suspected"), (2, "raised")):
            alert = Alert(
                alert_id=alert_id, seq=seq, wearer="w1", sources=("wrist",), kind="fall",
                state=state, raise_after_s=20.0 if seq == 1 else None,
                boot_id="6c2b4c9e-6a39-4d5c-b6a8-3e2c36a4c5d7", impact_utc=None, age_s=2.5, attempt=1, late=False,
                clock_synced=True, probability=0.971234, why="impact 5.2 g, then still for 9 s",
                model="blend-1@0123abcd",
            )  # fmt: skip
            made.append(alert.payload())
    return made


def field(data: bytes) -> bytes:
    """A string or binary as MQTT has it."""
    return len(data).to_bytes(2, "big") + data


def packet(head: int, body: bytes) -> bytes:
    """An MQTT control packet."""
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([head, *encoded]) + body


class Home(asyncio.Protocol):
    """An MQTT 3.1.1 client as small as it can be, so that it leaves the processor to what is measured.

    Args:
        wait: `puback`: the next message goes out on the broker's PUBACK; `hub`: on the hub's acknowledgement.
    """

    def __init__(self, name: str, messages: list[bytes], *, wait_for_hub: bool) -> None:
        topics = Topics(name)
        alert = field(topics.alert.encode())
        self._connect = packet(0x10, field(b"MQTT") + b"\x04\x02\x00\x00" + field(f"falld-{name}".encode()))
        self._subscribe = packet(0x82, b"\x00\x01" + field(topics.ack.encode()) + b"\x01")
        self._messages = [packet(0x32, alert + (n + 1).to_bytes(2, "big") + m) for n, m in enumerate(messages)]
        self._keys = [m[: m.index(b',"wearer"')] for m in messages]
        self._wait_for_hub = wait_for_hub
        self._buffer = b""
        self._sent_t = 0.0
        self.done = 0
        self.resent = 0
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.finished: asyncio.Future[float] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(self._connect)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.ready, self.finished):
            if not future.done():
                future.set_exception(ConnectionError("the broker closed a connection"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        at = 0
        while (end := self._end(buffer, at)) is not None:
            body = end[0]
            self._take(buffer[at] & 0xF0, buffer[body : end[1]])
            at = end[1]
        self._buffer = buffer[at:]

    def send(self) -> None:
        self._sent_t = time.monotonic()
        self._transport.write(self._messages[self.done])

    def resend(self) -> None:
        """What the hub has not acknowledged for long."""
        if self.done < len(self._messages) and time.monotonic() - self._sent_t > RESEND_S:
            self.resent += 1
            self.send()

    def close(self) -> None:
        self._transport.write(b"\xe0\x00")
        self._transport.close()

    @staticmethod
    def _end(buffer: bytes, at: int) -> tuple[int, int] | None:
        """Where the body of the packet at `at` begins and ends; None: it is not all there."""
        length, shift = 0, 0
        for position in range(at + 1, len(buffer)):
            length |= (buffer[position] & 0x7F) << shift
            shift += 7
            if not buffer[position] & 0x80:
                end = position + 1 + length
                return (position + 1, end) if end <= len(buffer) else None
        return None

    def _take(self, kind: int, body: bytes) -> None:
        match kind:
            case 0x20:
                self._transport.write(self._subscribe)
            case 0x90:
                self.ready.set_result(None)
            case 0x40 if not self._wait_for_hub:
                self._next()
            case 0x30:
                topic = 2 + int.from_bytes(body[:2], "big")
                self._transport.write(b"\x40\x02" + body[topic : topic + 2])
                if body[topic + 2 :].startswith(self._keys[min(self.done, len(self._keys) - 1)]):
                    self._next()

    def _next(self) -> None:
        self.done += 1
        if self.done < len(self._messages):
            self.send()
        elif not self.finished.done():
            self.finished.set_result(time.monotonic())


async def send_all(port: int, messages: list[list[bytes]], *, wait_for_hub: bool) -> tuple[float, float, int]:
    """When the first message went out and the last was confirmed, and how many were sent again."""
    loop = asyncio.get_running_loop()
    homes: list[Home] = []
    for number, of_home in enumerate(messages):
        home = Home(f"home-{number:04}", of_home, wait_for_hub=wait_for_hub)
        await loop.create_connection(lambda home=home: home, "127.0.0.1", port)  # type: ignore[misc]
        homes.append(home)
        await home.ready
    begun = time.monotonic()
    for home in homes:
        home.send()

    async def resend() -> None:
        while wait_for_hub:
            await asyncio.sleep(1)
            for home in homes:
                home.resend()

    async with asyncio.timeout(GIVE_UP_S):
        resending = asyncio.create_task(resend())
        ended = max(await asyncio.gather(*(home.finished for home in homes)))
        resending.cancel()
    for home in homes:
        home.close()
    return begun, ended, sum(home.resent for home in homes)


def subscriber(port: int, expected: int, pipe: Connection) -> None:
    """Counts what comes; sends when it is ready, then at the end when the last came."""
    client = Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5)
    count = 0

    def on_message(*_: object) -> None:
        nonlocal count
        count += 1
        if count == expected:
            client.disconnect()

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe(every_home("alert"), qos=1)
    client.on_subscribe = lambda *_: pipe.send(None)
    client.connect("127.0.0.1", port)
    client.loop_forever()
    pipe.send((time.monotonic(), cpu_s(os.getpid())))


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def bare(port: int, messages: list[list[bytes]]) -> tuple[float, float]:
    """Messages a second that one subscriber gets, and its seconds of CPU."""
    total = sum(map(len, messages))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=subscriber, args=(port, total, there))
    process.start()
    here.recv()
    assert process.pid is not None
    before = cpu_s(process.pid)
    begun, _, _ = asyncio.run(send_all(port, messages, wait_for_hub=False))
    if not here.poll(GIVE_UP_S):
        raise click.ClickException("the subscriber did not get all")
    ended, used = here.recv()
    process.join()
    return total / (ended - begun), used - before


def with_hub(port: int, messages: list[list[bytes]], folder: Path) -> tuple[float, int, float]:
    """Messages a second that are committed and acknowledged, how many were sent again, and the hub's seconds of CPU."""
    store = folder / "hub.db"
    with (folder / "hub.out").open("wb") as out:
        command = [sys.executable, "-m", "falld", "hub", "--broker", f"mqtt://127.0.0.1:{port}", "--store", str(store)]
        hub = subprocess.Popen([*command, "--json"], stdout=out, stderr=subprocess.PIPE, text=True)
        assert hub.stderr is not None
        if "connected" not in (said := hub.stderr.readline()):
            raise click.ClickException(f"the hub does not connect: {said}")
        before = cpu_s(hub.pid)
        begun, ended, resent = asyncio.run(send_all(port, messages, wait_for_hub=True))
        used = cpu_s(hub.pid) - before
        hub.send_signal(signal.SIGTERM)
        if hub.wait(30):
            raise click.ClickException(f"the hub failed: {hub.stderr.read()}")
    total = sum(map(len, messages))
    with contextlib.closing(sqlite3.connect(store)) as db:
        (kept,) = db.execute("SELECT count(*) FROM message").fetchone()
    if kept != total:
        raise click.ClickException(f"{total} messages were sent and acknowledged, and {kept} are in the store")
    for part in folder.glob("hub.*"):
        part.unlink()
    return total / (ended - begun), resent, used


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A broker that keeps what a subscriber has not taken yet, however much; gives its port."""
    exe = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if exe is None:
        raise click.ClickException("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = "user root\n" if os.geteuid() == 0 else ""
    conf = folder / "mosquitto.conf"
    conf.write_text(f"{user}listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    process = subprocess.Popen([exe, "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise click.ClickException("mosquitto does not start")
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def sync_ms(folder: Path) -> float:
    """What one sync of the disk costs, in ms: the median of 50."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            begun = time.perf_counter()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


@click.command()
@click.option("--homes", default=1000, show_default=True)
@click.option("--alerts", default=10, show_default=True, help="Of each home; an alert is two messages.")
@click.option("--runs", default=3, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="On the disk to measure.")
def main(homes: int, alerts: int, runs: int, folder: Path | None) -> None:
    """Print messages a second without and with a hub, and their ratio."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < homes + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, homes + 1000), hard))  # mosquitto inherits it
    with tempfile.TemporaryDirectory(dir=folder) as name, mosquitto(Path(name)) as port:
        size = len(payloads(1)[0])
        click.echo(
            f"{homes} clients, {homes * alerts * 2} messages of {size} bytes, a sync costs {sync_ms(Path(name)):.1f} ms"
        )
        ratios = []
        for _ in range(runs):
            plain, plain_cpu = bare(port, [payloads(alerts) for _ in range(homes)])
            kept, resent, kept_cpu = with_hub(port, [payloads(alerts) for _ in range(homes)], Path(name))
            ratios.append(kept / plain)
            us = 1e6 / (homes * alerts * 2)
            click.echo(
                f"bare {plain:6.0f}/s ({plain_cpu * us:.0f} us of CPU each), committed and acknowledged {kept:6.0f}/s "
                f"({kept_cpu * us:.0f} us), ratio {ratios[-1]:.3f}, {resent} sent again, all in the store"
            )
        click.echo(f"median ratio {statistics.median(ratios):.3f} of {runs}")


if __name__ == "__main__":
    main()
