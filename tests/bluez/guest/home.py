"""`falld run` with wearables, and `falld hub`, over mosquitto."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from programs import FALLD, Program, program, ran, say, until
from strap import PER_FRAME, Strap

FALL = "fall-backward-chest"
STREAM_S = 20.0
LOST_AFTER_S = 1.0
"""After the impact, so that it was heard and what follows was not."""
AWAY_S = 3.0
STRAYS = 2
"""Frames that may come before a wearable's start is known to have succeeded, and are of nobody's stream."""

MOSQUITTO = "user root\nlistener 1883 127.0.0.1\nallow_anonymous true\npersistence false\n"
HOME = """\
version: 1
home: {id: h1}
state_dir: state
wearers:
"""
WEARER = """\
  - id: w%(number)d
    wearables:
      - {address: "%(address)s", id: strap-%(number)d, placement: chest}
"""
REST = """\
routes:
  - broker: {host: 127.0.0.1, port: 1883, tls: false}
alert: {raise_after_s: 5}
"""


@dataclass(frozen=True, slots=True)
class Fall:
    """What a wearable measured: (n, 3) in g, samples a second, and the second of the impact."""

    acc: npt.NDArray[np.float32]
    rate_hz: float
    impact_s: float


async def home(straps: list[Strap], fall: Fall, folder: Path) -> None:
    """The daemon with all wearables, a fall in whose midst the radio is lost, and one that is heard whole."""
    config, broker, store = folder / "falld.yaml", folder / "mosquitto.conf", str(folder / "hub.db")
    wearers = [WEARER % {"number": number, "address": strap.address} for number, strap in enumerate(straps, 1)]
    config.write_text(HOME + "".join(wearers) + REST)
    broker.write_text(MOSQUITTO)
    before = [(strap.frames, strap.starts, strap.stops) for strap in straps]
    async with (
        program("mosquitto", "-c", str(broker)),
        program(*FALLD, "hub", "--name", "hub1", "--store", store, "--json") as hub,
        program(*FALLD, "-v", "run", "-c", str(config)) as daemon,
    ):
        await all_stream(straps, daemon)
        await lost_in_a_fall(straps[1], fall, daemon)
        straps[0].falls(fall.acc, fall.rate_hz)
        await until(lambda: {"w1", "w2"} <= raised(hub), "a raised alert of each who fell", 180)
        await stored(store, daemon)
    for number, (strap, (frames, starts, stops)) in enumerate(zip(straps, before, strict=True), 1):
        sent, heard = strap.frames - frames, received(daemon, number)
        say(f"strap-{number}: {sent} frames sent, {heard} received, {strap.starts - starts} streams")
        assert strap.stops > stops, "the stream is to be stopped when the daemon ends"
        assert not strap.streams


async def all_stream(straps: list[Strap], daemon: Program) -> None:
    began, frames = time.monotonic(), [strap.frames for strap in straps]
    numbers = range(1, len(straps) + 1)
    await until(lambda: all(received(daemon, number) for number in numbers), "a stream of each wearable", 240)
    say(f"{len(straps)} wearables stream {time.monotonic() - began:.1f} s after the daemon was started")
    await asyncio.sleep(STREAM_S)
    sent = [strap.frames - first for strap, first in zip(straps, frames, strict=True)]
    await until(
        lambda: all(received(daemon, number) >= sent[number - 1] - STRAYS for number in numbers), "all that was sent"
    )
    say(f"all at once for {STREAM_S:g} s: {sent} frames sent, received but for {STRAYS} of each at most")


async def lost_in_a_fall(strap: Strap, fall: Fall, daemon: Program) -> None:
    strap.falls(fall.acc, fall.rate_hz)
    await asyncio.sleep(fall.impact_s + LOST_AFTER_S)
    starts, heard = strap.starts, received(daemon, 2)
    back = await strap.leave(AWAY_S)
    await until(lambda: strap.first_frame_t > back, "the reconnect")
    say(f"lost {LOST_AFTER_S:g} s after an impact, for {AWAY_S:g} s: "
        f"the next frame was sent {strap.first_frame_t - back:.1f} s after it was back")  # fmt: skip
    await until(lambda: received(daemon, 2) > heard + STRAYS, "samples after the reconnect")
    assert daemon.last("wearable: strap-2: lost"), "the loss is to be told"
    assert strap.starts == starts + 1
    await until(lambda: daemon.last("gap: strap-2: "), "the gap")
    say(daemon.found("gap: strap-2: .*"))


async def stored(store: str, daemon: Program) -> None:
    """The hub keeps the alerts of the two, raised, and the home knows that it does."""
    listed = await ran(*FALLD, "hub", "list", "--store", store, "--json", within_s=120)
    entries: list[dict[str, Any]] = [json.loads(line) for line in listed.splitlines() if line.startswith("{")]
    assert sorted(each["wearer"] for each in entries) == ["w1", "w2"], "two fell, once each"
    for each in entries:
        assert (each["kind"], each["state"], each["home"]) == ("fall", "raised", "h1"), each
        acknowledged = rf"hub committed: hub1 has message {each['last_seq']} of alert {each['alert_id']}"
        await until(lambda words=acknowledged: daemon.last(words), "the acknowledgement")
        say(daemon.found(rf"decision: strap-{each['wearer'][1:]}: fall.*"))
        say(f"in the hub's store: {json.dumps(each)}")


def received(daemon: Program, number: int) -> int:
    """Frames of a wearable that came to its detector."""
    told = daemon.last(rf"samples: strap-{number}: (\d+)")
    return 0 if told is None else int(told[1]) // PER_FRAME


def raised(hub: Program) -> set[str]:
    """Whose alerts were raised."""
    told = [json.loads(line) for line in hub.lines if line.startswith('{"event": "alert"')]
    return {each["wearer"] for each in told if each["word"] == "raised"}
