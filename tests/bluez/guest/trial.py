"""falld against BlueZ, the kernel and wearables on a radio that is a program."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from home import FALL, Fall, home
from programs import say
from radio import radio
from strap import Strap
from verbs import record, scan

from falld.resources import recordings_dir
from falld.samples.csvfile import CsvRecording

FOLDER = Path("/opt/trial")
WEARABLES = 4


class Pulse:
    """How long this program had no processor: an emulated machine on a busy one is no judge of reconnect times."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def beat(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            self.longest_s = max(self.longest_s, time.monotonic() - began - 0.05)


async def main() -> int:
    """How many trials failed."""
    fall = recorded()
    up = fall.acc[: int(fall.rate_hz)].mean(axis=0)
    pulse, failed = Pulse(), 0
    beating = asyncio.create_task(pulse.beat())
    async with radio() as air:
        straps = [Strap(air, number, up) for number in range(1, WEARABLES + 1)]
        for strap in straps:
            await strap.put_on()
        trials: dict[str, Callable[[], Awaitable[None]]] = {
            "scan": lambda: scan(straps),
            "record": lambda: record(straps[0], FOLDER),
            "home": lambda: home(straps, fall, FOLDER),
        }
        wanted = os.environ.get("TRIALS") or ",".join(trials)
        for name, trial in ((name, trials[name]) for name in wanted.split(",")):
            say(f"{name}:", "")
            began, pulse.longest_s = time.monotonic(), 0.0
            try:
                await trial()
            except Exception:  # noqa: BLE001
                failed += 1
                say(traceback.format_exc())
                say("FAILED")
            else:
                say("ok")
            stood = f"radio and wearables stood still for {pulse.longest_s:.2f} s at most"
            say(f"{name} took {time.monotonic() - began:.1f} s; {stood}")
    beating.cancel()
    return failed


def recorded() -> Fall:
    recording = CsvRecording(recordings_dir() / f"{FALL}.csv.gz")
    acc = np.concatenate([block.acc for block in recording.blocks()])
    rate_hz, impact_s = recording.meta.sample_rate_hz, recording.meta.falls[0].impact_s
    assert rate_hz is not None
    assert impact_s is not None
    return Fall(acc, rate_hz, impact_s)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
