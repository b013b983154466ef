"""What a live wearable costs: the pure path block by block, and sixteen wearables in one daemon.

The sixteen are heard by `falld run`'s own code over bleak and D-Bus from a stand-in for BlueZ, which sends frames as a
Polar H10 does, in real time; nothing below D-Bus is real. What is counted is the daemon's processor time.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from measure import ROOT, Figure, Report, environment, installed, interleaved, program
from traces import samples_of

from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.resources import shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.livetime import LiveTime
from falld.sensors.driver import Frame, Wish
from falld.sensors.drivers.polar import DATA, DRIVER

sys.path.append(str(ROOT / "tests"))
from bluez import private_bus
from bluez import running as bluetooth
from brokers import Mosquitto
from wearables import PolarStrap

HZ = 50.0
PER_BLOCK = 10
BLOCKS = 3000
"""At once: 10 min of a wearable."""
WEARABLES = 16
WATCHED_S = 60.0
SETTLE_S = 2.0
"""From the last sample that is sent until it must have been judged."""
CONNECT_S = 120.0

Floats = npt.NDArray[np.float32]


def measure(quick: bool) -> Report:
    figures, facts = blocks(120 if quick else BLOCKS, 3 if quick else 7)
    more, counts = asyncio.run(sixteen(2 if quick else WEARABLES, 1.0 if quick else WATCHED_S))
    return Report([*figures, *more], facts | counts)


def blocks(count: int, repetitions: int) -> tuple[list[Figure], dict[str, Any]]:
    """The pure path, beside one np.dot of a block with itself."""
    bundle = Bundle.load(shipped_bundle())
    quiet, decoded = (Stream(bundle, samples_of("lie-down-waist", 0.0, 3.0)[::2]) for _ in range(2))
    falling = Stream(bundle, samples_of("fall-forward-waist", 3.0, 14.0)[::2])
    one = np.ascontiguousarray(quiet.acc[:PER_BLOCK])

    def dot() -> float:
        began = time.thread_time()
        for _ in range(count):
            np.dot(one.T, one)
        return (time.thread_time() - began) / count

    times = interleaved(
        {
            "dot": dot,
            "quiet": lambda: quiet.feed(count),
            "decoded": lambda: decoded.decode(count),
            "candidate": lambda: falling.candidate(count),
        },
        repetitions,
    )
    np_dot = times["dot"].median
    figures = [
        times["dot"].figure("np.dot of a (10, 3) block with itself"),
        times["quiet"].figure("a block of 10 without a candidate", "mean of many, with the looks that are due"),
        Figure("a block without a candidate / np.dot", times["quiet"].median / np_dot, most=30),
        times["decoded"].figure("the same from a Polar's frame on", "decoder, live time line, detector"),
        times["candidate"].figure("a block that completes a candidate", "median; features and model"),
        Figure("a block with a candidate / np.dot", times["candidate"].median / np_dot, most=2000),
    ]
    return figures, {"quiet candidates": quiet.candidates, "candidates": falling.candidates}


class Stream:
    """Somebody who does the same again and again, with a detector that has heard them for a while."""

    def __init__(self, bundle: Bundle, acc: Floats) -> None:
        self.acc = acc
        self.candidates = 0
        self._detector = Detector(bundle, Clock("stamps", HZ), "waist", candidates=True)
        self._session = DRIVER.session(Wish(rate_hz=HZ))
        self._live = LiveTime(HZ, tick_hz=1e9, bits=64)
        self._fed = 0

    def feed(self, count: int) -> float:
        """Seconds for one of the next blocks, the mean of so many."""
        blocks = [Block(t - np.arange(PER_BLOCK)[::-1] / HZ, acc) for t, acc in self._next(count)]
        began = time.thread_time()
        events = [self._detector.feed(block) for block in blocks]
        spent = time.thread_time() - began
        self.candidates += sum(map(len, events))
        return spent / count

    def candidate(self, count: int) -> float:
        """Seconds for one of the next blocks that completes a candidate, the median of those among so many."""
        spent = []
        for t, acc in self._next(count):
            block = Block(t - np.arange(PER_BLOCK)[::-1] / HZ, acc)
            began = time.thread_time()
            if self._detector.feed(block):
                spent.append(time.thread_time() - began)
        self.candidates += len(spent)
        return float(np.median(spent))

    def decode(self, count: int) -> float:
        """Seconds for one of the next blocks from the bytes of its frame on, the mean of so many."""
        frames = [(polar_frame(acc, t), t) for t, acc in self._next(count)]
        began = time.thread_time()
        for data, t in frames:
            (frame,) = self._session.received(DATA, data)
            assert isinstance(frame, Frame)
            self._detector.feed(self._live.frame(frame.acc, frame.tick, t))
        return (time.thread_time() - began) / count

    def _next(self, count: int) -> list[tuple[float, Floats]]:
        """Stamps of the last samples, and samples."""
        out = []
        for _ in range(count):
            rows = np.arange(self._fed, self._fed + PER_BLOCK)
            self._fed += PER_BLOCK
            out.append((self._fed / HZ, self.acc[rows % len(self.acc)]))
        return out


def polar_frame(acc: Floats, t: float) -> bytes:
    """Samples as an H10 sends them: 16 bits of mg, and the nanosecond of the last one."""
    counts = np.rint(acc * 1000).astype("<i2")
    return struct.pack("<BQB", 2, 599_000_000_000_000_000 + int(t * 1e9), 1) + counts.tobytes()


async def sixteen(wearables: int, watched_s: float) -> tuple[list[Figure], dict[str, Any]]:
    """So many wearables in one daemon, in real time."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        with Mosquitto(installed("mosquitto"), folder) as broker, private_bus(installed("dbus-daemon"), patch):
            async with bluetooth() as bluez:
                straps = worn(wearables)
                for strap in straps:
                    bluez.add(strap)
                config = folder / "falld.json"
                config.write_text(json.dumps(home(folder, broker.port, straps)))
                async with daemon(config) as process:
                    async with asyncio.timeout(CONNECT_S):
                        while not all(strap.streams for strap in straps):
                            await asyncio.sleep(0.1)
                    began, before = time.monotonic(), cpu_s(process.pid)
                    await asyncio.sleep(watched_s)
                    share = (cpu_s(process.pid) - before) / (time.monotonic() - began)
                    for strap in straps:
                        strap.mute = True
                    await asyncio.sleep(SETTLE_S)
                    process.terminate()
                    said, _ = await process.communicate()
    counted = json.loads(said)
    sent = {f"strap{i}": strap.delivered for i, strap in enumerate(straps)}
    lost = sum(sent.values()) - sum(counted["samples"].values())
    figures = [
        Figure(
            f"{wearables} wearables at {HZ:g} Hz in one daemon: processor seconds a second",
            share,
            beside=f"over {watched_s:g} s; bleak, D-Bus, decoder, time line, detector, clips, MQTT",
            most=0.5,
        ),
        Figure("samples that were sent and not judged", lost, beside=f"of {sum(sent.values())}", most=0),
    ]
    return figures, {"sent": sent, "judged": counted["samples"], "decisions": counted["decisions"]}


class Strap(PolarStrap):
    """Sends frames of `PER_BLOCK` samples, and counts what it hands to BlueZ."""

    def __init__(self, address: str, name: str, acc: Floats) -> None:
        super().__init__(address, name, acc, HZ)
        self.delivered = 0

    async def _stream(self) -> None:
        began, tick = time.monotonic(), 0
        while not self.mute:
            tick += PER_BLOCK
            await asyncio.sleep(max(0.0, began + tick / HZ - time.monotonic()))
            rows = np.arange(tick - PER_BLOCK, tick) % len(self.acc)
            self.notify(DATA, polar_frame(self.acc[rows], tick / HZ))
            self.delivered += PER_BLOCK


def worn(count: int) -> list[Strap]:
    """On people who walk and fall, again and again."""
    acc = np.concatenate([samples_of(name, 0.0, 60.0) for name in ("walk-wrist", "fall-collapse-wrist")])
    return [Strap(f"A0:9E:1A:00:00:{i:02X}", f"Polar H10 {i:08X}", acc) for i in range(count)]


def home(folder: Path, port: int, straps: list[Strap]) -> dict[str, Any]:
    """A configuration with one wearer for each wearable."""
    wearers = [
        {"id": f"w{i}", "wearables": [{"name": strap.name, "id": f"strap{i}", "rate_hz": HZ}]}
        for i, strap in enumerate(straps)
    ]
    broker = {"host": "127.0.0.1", "port": port, "tls": False}
    common = {"version": 1, "home": {"id": "h1"}, "state_dir": str(folder)}
    return common | {"wearers": wearers, "routes": [{"broker": broker}]}


@asynccontextmanager
async def daemon(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`counting.py` with a configuration; killed at the end if it still runs."""
    program = Path(__file__).with_name("counting.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, program, config, stdout=asyncio.subprocess.PIPE, env=environment()
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, user and system, of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    program(measure)()
