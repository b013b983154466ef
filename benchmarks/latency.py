"""From the sample that completes a decision to the commit in the outbox, and to the hub's acknowledgement.

`falld run`'s own code plays recordings of falls for four wearers at twice their speed, with its outbox on this
disk; `falld hub` is a process of its own behind a mosquitto with TLS on loopback. After each acknowledgement an fsync
(fdatasync of 4 KiB appended in the outbox's folder) and a round trip (paho, QoS 1, to itself through the same broker)
are timed. Each home sees eight falls of each wearer, then a new one begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from measure import ROOT, Figure, Report, environment, installed, program
from paho.mqtt.enums import CallbackAPIVersion
from traces import samples_of

from falld.config.schema import Config
from falld.daemon.heard import Heard
from falld.daemon.run import run
from falld.samples.block import Block
from falld.samples.csvfile import write_csv
from falld.samples.recording import Meta

sys.path.append(str(ROOT / "tests"))
from brokers import Mosquitto
from system.test_broker_tls import Papers

WEARERS = 4
SPEED = 2.0
FALLS = 8
"""Of each wearer in one home."""
HOMES = 6
LINK_S = 3.0
"""Until the first fall of a home."""
HZ = 100.0
PAYLOAD = bytes(700)
"""About an alert."""
WAIT_S = 60.0
COMMIT, ACKNOWLEDGED = 5.0, 5.0


def measure(quick: bool) -> Report:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        papers = Papers(folder, installed("openssl"))
        papers.authority("ca")
        papers.signed("server", "ca", "IP:127.0.0.1")
        settings = f"certfile {papers.path('server')}\nkeyfile {papers.path('server-key')}\nallow_anonymous true\n"
        settings += "set_tcp_nodelay true\n"  # as deploy/mosquitto has it
        legs = Legs(folder)
        with Mosquitto(installed("mosquitto"), folder, settings) as broker:
            ca = papers.path("ca")
            with hub(folder, broker.port, ca), round_trips(broker.port, ca) as legs.round_trip:
                for i in range(1 if quick else HOMES):
                    asyncio.run(legs.home(config(folder, i, broker.port, ca, 1 if quick else FALLS)))
    return Report(legs.figures(), {"decisions": len(legs.commits), "acknowledged": len(legs.acks)})


class Legs:
    """Times of one decision after the other, in seconds."""

    def __init__(self, folder: Path) -> None:
        self.commits: list[float] = []
        self.acks: list[float] = []
        self.syncs: list[float] = []
        self.trips: list[float] = []
        self.round_trip: Any
        self._folder = folder
        self._came: dict[str, float] = {}
        """When the latest samples of a wearer came."""
        self._decided: dict[str, float] = {}
        self._unacked: dict[tuple[str, int], float] = {}
        self._ended = 0

    async def home(self, config: Config) -> None:
        """One from its start until all has been acknowledged."""
        self._ended, self._acked = 0, asyncio.Event()
        daemon = asyncio.create_task(run(config, observer=self._hear))
        beside = asyncio.create_task(self._beside())
        try:
            while self._ended < WEARERS or self._unacked:
                self._acked.clear()
                async with asyncio.timeout(WAIT_S):
                    await self._acked.wait()
        finally:
            beside.cancel()
            daemon.cancel()
            for outcome in await asyncio.gather(daemon, beside, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    async def _beside(self) -> None:
        done = len(self.acks)
        while True:
            if len(self.acks) > done:
                done = len(self.acks)
                self.syncs.append(await asyncio.to_thread(fsync, self._folder))
                self.trips.append(await asyncio.to_thread(self.round_trip))
            await asyncio.sleep(0.005)

    def _hear(self, heard: Heard) -> None:
        now, told = time.perf_counter(), heard.data
        match heard.kind:
            case "samples":
                self._came[told["wearer"]] = now
            case "decision" if told["event"] == "fall":
                self._decided[told["wearer"]] = self._came[told["wearer"]]
            case "committed" if told["state"] in ("suspected", "note") and told["wearer"] in self._decided:
                began = self._decided.pop(told["wearer"])
                self.commits.append(now - began)
                self._unacked[told["alert_id"], told["seq"]] = began
            case "hub_committed" if (told["alert_id"], told["seq"]) in self._unacked:
                self.acks.append(now - self._unacked.pop((told["alert_id"], told["seq"])))
                self._acked.set()
            case "ended":
                self._ended += 1
                self._acked.set()

    def figures(self) -> list[Figure]:
        """Medians and 99th percentiles; a percentile is held against the same percentile of what was beside it."""
        found = (self.commits, self.acks, self.syncs, self.trips)
        commits, acks, syncs, trips = (np.asarray(each) * 1e3 for each in found)
        half, late = (lambda x: float(np.percentile(x, 50))), (lambda x: float(np.percentile(x, 99)))
        figures = []
        for what, each in (
            ("fsync", syncs),
            ("broker round trip", trips),
            ("sample to commit", commits),
            ("sample to the hub's acknowledgement", acks),
        ):
            figures.append(Figure(f"{what}, p99", late(each), "ms", f"median {half(each):.2f} ms of {len(each)}"))
        both, both_late = 2 * half(trips) + 2 * half(syncs), 2 * late(trips) + 2 * late(syncs)
        allowed = "two round trips + two fsyncs"
        figures += [
            Figure("commit p99 / fsync p99", late(commits) / late(syncs), most=COMMIT),
            Figure("commit p99 / fsync median", late(commits) / half(syncs)),
            Figure("commit median / fsync median", half(commits) / half(syncs)),
            Figure(f"acknowledgement p99 / ({allowed}), p99", late(acks) / both_late, most=ACKNOWLEDGED),
            Figure("acknowledgement p99 / the same of medians", late(acks) / both),
            Figure("acknowledgement median / the same of medians", half(acks) / both),
        ]
        return figures


def fsync(folder: Path) -> float:
    """Seconds of one, of 4 KiB that were appended."""
    with (folder / "beside").open("ab", buffering=0) as file:
        file.write(bytes(4096))
        began = time.perf_counter()
        os.fdatasync(file.fileno())
        return time.perf_counter() - began


@contextlib.contextmanager
def round_trips(port: int, ca: Path) -> Iterator[Any]:
    """A function that gives the seconds from a publish to its arrival at its sender."""
    came, ready = threading.Event(), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "beside")
    client.tls_set(str(ca))
    client.on_connect = lambda *_: client.subscribe("beside", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda *_: came.set()
    client.connect("127.0.0.1", port)
    client.loop_start()

    def once() -> float:
        came.clear()
        began = time.perf_counter()
        client.publish("beside", PAYLOAD, qos=1)
        if not came.wait(WAIT_S):
            raise TimeoutError("the broker brought nothing back")
        return time.perf_counter() - began

    try:
        if not ready.wait(WAIT_S):
            raise TimeoutError("the broker takes no subscription")
        yield once
    finally:
        client.disconnect()
        client.loop_stop()


@contextlib.contextmanager
def hub(folder: Path, port: int, ca: Path) -> Iterator[None]:
    """`falld hub` with a store on the same disk."""
    command = [sys.executable, "-m", "falld", "hub", "--broker", f"mqtts://127.0.0.1:{port}"]
    command += ["--ca-file", str(ca), "--store", str(folder / "hub.db")]
    said = (folder / "hub.log").open("w+")
    with said, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment()) as process:
        try:
            give_up = time.monotonic() + WAIT_S
            while "connected" not in (folder / "hub.log").read_text(encoding="utf-8"):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("falld hub does not connect")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def config(folder: Path, number: int, port: int, ca: Path, falls: int) -> Config:
    """A home whose wearers walk until its link is up, then fall one after the other, again and again."""
    walk, fall = samples_of("fall-forward-waist", 0.0, 3.0), samples_of("fall-forward-waist", 3.0, 14.0)
    wearers = []
    for i in range(WEARERS):
        before = round(LINK_S * SPEED * HZ) + len(fall) * i // WEARERS
        acc = np.concatenate((walk[np.arange(before) % len(walk)], *([fall] * falls)))
        path = folder / f"wearer{i}.csv"
        write_csv(path, Meta(placement="waist", sample_rate_hz=HZ), [Block(np.arange(len(acc)) / HZ, acc)])
        wearers.append({"id": f"w{i}", "wearables": [{"recording": str(path), "speed": SPEED}]})
    return Config.model_validate(
        {
            "version": 1,
            "home": {"id": f"h{number}"},
            "state_dir": folder / f"home{number}",
            "wearers": wearers,
            "routes": [{"broker": {"host": "127.0.0.1", "port": port, "ca_file": ca}}],
        }
    )


if __name__ == "__main__":
    program(measure)()
