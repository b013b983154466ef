"""`falld scan` and `falld record`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from programs import FALLD, ran, say
from strap import COUNTS, PER_FRAME, RATE_HZ, Strap

from falld.samples.csvfile import CsvRecording

LISTEN_S = 10
RECORD_S = 20


async def scan(straps: list[Strap]) -> None:
    """Who is near."""
    said = await ran(*FALLD, "scan", "--json", "--seconds", str(LISTEN_S), within_s=120)
    near = {each["address"]: each for each in (json.loads(line) for line in said.splitlines() if line.startswith("{"))}
    for strap in straps:
        told = near[strap.address]
        assert (told["name"], told["driver"], told["can_detect"]) == (strap.name, "polar", True), told
        assert told["rssi"] is not None
    say(f"{len(near)} wearables are near; {json.dumps(near[straps[0].address])}")


async def record(strap: Strap, folder: Path) -> None:
    """A stream into a file: every sample that was sent, in its order."""
    path, before = folder / "steady.csv.gz", strap.frames
    options = ("-o", str(path), "--seconds", str(RECORD_S), "--placement", "chest")
    said = await ran(*FALLD, "record", strap.address, *options, within_s=240)
    sent = strap.frames - before
    recording = CsvRecording(path)
    blocks = list(recording.blocks())
    t = np.concatenate([block.t for block in blocks])
    mg = np.rint(np.concatenate([block.acc for block in blocks]) * 1000).astype(int)
    number = mg[:, 0] % COUNTS + COUNTS * (mg[:, 1] % COUNTS)
    say(said.splitlines()[-1])
    say(f"{sent} frames sent, {len(t) / PER_FRAME:g} recorded, {(len(t) - 1) / (t[-1] - t[0]):.2f} Hz")
    assert np.all(np.diff(number) % COUNTS**2 == 1), "samples are missing or out of order"
    assert recording.meta.sample_rate_hz == RATE_HZ
    assert len(t) >= RECORD_S * RATE_HZ
    assert (strap.starts, strap.stops, strap.streams) == (1, 1, False), "the stream is to be stopped, once"
