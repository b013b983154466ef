"""The daemon with four wearables: what is resident, and how soon it is ready.

Once the wearables are recordings, once they are heard over bleak and D-Bus from a stand-in for BlueZ. Ready is when it
listens to all four; its state is that of an earlier start.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from live import HZ, Strap, cpu_s, home, worn
from measure import ROOT, Figure, Report, environment, installed, interleaved, program, run, status

from falld.samples.block import Block
from falld.samples.csvfile import write_csv
from falld.samples.recording import Meta

sys.path.append(str(ROOT / "tests"))
from bluez import private_bus
from bluez import running as bluetooth
from brokers import Mosquitto

WEARABLES = 4
HEARD_S = 60.0
"""Until memory is looked at; by then each has been through a fall and clips were sent."""
MOST_MB = 100.0
READY = 3.0
"""Times `import numpy, onnxruntime`."""
REPETITIONS = 9
BEGUN_S = 120.0
LIBRARIES = "import numpy, onnxruntime"


def measure(quick: bool) -> Report:
    heard_s, repetitions = (1.0, 1) if quick else (HEARD_S, REPETITIONS)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        with Mosquitto(installed("mosquitto"), folder) as broker, private_bus(installed("dbus-daemon"), patch):
            straps = worn(WEARABLES)
            over_radio, played = folder / "radio.json", folder / "played.json"
            over_radio.write_text(json.dumps(home(folder, broker.port, straps)))
            played.write_text(
                json.dumps(of_recordings(home(folder, broker.port, straps), recording(folder, straps[0].acc)))
            )
            memory = asyncio.run(both(played, over_radio, straps, heard_s))
            used: dict[str, list[float]] = {}

            def ready(what: str, config: Path) -> Callable[[], float]:
                def work() -> float:
                    wall_s, cpu = asyncio.run(start(config))
                    used.setdefault(what, []).append(cpu)
                    return wall_s

                return work

            def libraries() -> float:
                done = run("-c", LIBRARIES)
                used.setdefault("libraries", []).append(done.cpu_s)
                return done.wall_s

            works = {what: ready(what, config) for what, config in (("recordings", played), ("Bluetooth", over_radio))}
            times = interleaved({"libraries": libraries} | works, repetitions)
    figures = []
    for what, told in memory.items():
        beside = ", ".join(f"{key} {told[key] / 1e6:.1f}" for key in ("RssAnon", "RssFile", "VmHWM"))
        beside += f" MB; {told['Threads']} threads"
        figures.append(Figure(f"resident with four wearables, {what}", told["VmRSS"] / 1e6, "MB", beside, most=MOST_MB))
    cpu = {what: statistics.median(each) for what, each in used.items()}
    figures.append(times["libraries"].figure(f"`python -c '{LIBRARIES}'`", f"processor {cpu['libraries']:.2f} s"))
    for what in works:
        figures += [
            times[what].figure(
                f"`falld run` until it listens to four wearables, {what}", f"processor {cpu[what]:.2f} s"
            ),
            Figure(
                f"ready / libraries, {what}",
                times[what].median / times["libraries"].median,
                beside=f"of processor time {cpu[what] / cpu['libraries']:.2f}",
                most=READY,
            ),
        ]
    return Report(figures, {what: told["VmRSS"] for what, told in memory.items()})


def recording(folder: Path, acc: np.ndarray) -> Path:
    """Two minutes of the same again and again."""
    path = folder / "wearer.csv"
    n = int(120 * HZ)
    write_csv(path, Meta(sample_rate_hz=HZ), [Block(np.arange(n) / HZ, acc[np.arange(n) % len(acc)])])
    return path


def of_recordings(config: dict, path: Path) -> dict:
    """The same home with recordings for wearables."""
    wearers = [
        {"id": each["id"], "wearables": [{"recording": str(path), "id": f"recorded-{each['id']}"}]}
        for each in config["wearers"]
    ]
    return config | {"wearers": wearers}


async def both(played: Path, over_radio: Path, straps: Sequence[Strap], heard_s: float) -> dict[str, dict[str, int]]:
    """What of memory the daemon has: lines of /proc/PID/status, in bytes."""
    found = {}
    async with bluetooth() as bluez:
        for strap in straps:
            bluez.add(strap)
        for what, config in (("recordings", played), ("Bluetooth", over_radio)):
            process = await spawn(config)
            try:
                async with asyncio.timeout(BEGUN_S):
                    await listening(process)
                    while what == "Bluetooth" and not all(strap.streams for strap in straps):
                        await asyncio.sleep(0.1)
                drain = asyncio.create_task(process.stderr.read())
                await asyncio.sleep(heard_s)
                found[what] = status(process.pid)
                process.terminate()
                await process.wait()
                await drain
            finally:
                if process.returncode is None:
                    process.kill()
    return found


async def start(config: Path) -> tuple[float, float]:
    """Seconds until it is ready, by the clock and of the processor."""
    began = time.perf_counter()
    process = await spawn(config)
    try:
        async with asyncio.timeout(BEGUN_S):
            await listening(process)
        wall_s, used_s = time.perf_counter() - began, cpu_s(process.pid)
        process.terminate()
        await process.communicate()
        return wall_s, used_s
    finally:
        if process.returncode is None:
            process.kill()


async def spawn(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "falld", "run", "--config", config, stderr=asyncio.subprocess.PIPE, env=environment()
    )


async def listening(process: asyncio.subprocess.Process) -> None:
    """Until it listens to all wearables."""
    left = WEARABLES
    while left:
        line = await process.stderr.readline()
        if not line:
            raise RuntimeError("falld run ended")
        left -= b"listening" in line


if __name__ == "__main__":
    program(measure)()
