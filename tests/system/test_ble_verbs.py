"""`falld scan` and `falld record`, as programs, against a stand-in for BlueZ."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bluez import Peripheral, private_bus, running
from brokers import until
from click.testing import CliRunner
from wearables import PolarStrap

from falld.cli import main
from falld.cli.record import summary
from falld.samples.csvfile import CsvRecording
from falld.sensors.drivers.bthome import SERVICE
from falld.sensors.status import Status

STRAP = "A0:9E:1A:0A:1B:2C"
PROGRAM = (sys.executable, "-c", "from falld.cli import main; main()")


@pytest.fixture(autouse=True)
def _bus(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with private_bus(need("dbus-daemon"), monkeypatch):
        yield


async def falld(*arguments: str) -> tuple[int, str, str]:
    """Exit status and what it said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*PROGRAM, *arguments, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_who_is_near() -> None:
    async with running() as bluez:
        bluez.add(PolarStrap(STRAP))
        button, phone = Peripheral("B0:C7:DE:00:00:01", "SBBT-002C"), Peripheral("B0:C7:DE:00:00:02", "A phone")
        button.service_data = {SERVICE: bytes.fromhex("40005201643a01")}
        tag = Peripheral("CB:B8:33:4C:88:4F", "Ruuvi 884F")
        tag.manufacturer = {0x0499: bytes.fromhex("0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F")}
        bluez.add(button)
        bluez.add(phone)
        bluez.add(tag)
        told = falld("scan", "--seconds", "2", "--json", "--all"), falld("scan", "--seconds", "2")
        (status, out, _), (_, words, err) = await asyncio.gather(*told)
    near = {each["name"]: each for each in map(json.loads, out.splitlines())}
    assert status == 0
    strap = near["Polar H10 0A1B2C3D"]
    assert (strap["address"], strap["driver"], strap["can_detect"], strap["why_not"]) == (STRAP, "polar", True, None)
    assert -60 <= strap["rssi"] <= -50
    assert (near["SBBT-002C"]["driver"], near["SBBT-002C"]["battery"]) == ("bthome", 100)
    assert (near["Ruuvi 884F"]["driver"], near["Ruuvi 884F"]["can_detect"]) == ("ruuvi", False)
    assert near["Ruuvi 884F"]["says"] == "0.004 -0.004 1.036 g, battery 2.977 V"
    assert "it says: 0.004 -0.004 1.036 g, battery 2.977 V" in words
    assert (near["A phone"]["driver"], near["A phone"]["can_detect"]) == (None, False)
    assert "can detect" in words
    assert "battery 100 %" in words
    assert "A phone" not in words
    assert "1 that falld does not know" in err


async def test_a_scan_without_bluetooth_is_an_error() -> None:
    status, out, err = await falld("scan", "--seconds", "3")
    assert (status, out) == (2, "")
    assert "error: adapter of this machine: is blind: cannot scan: " in err


async def test_a_recording_with_marks_until_it_is_stopped(tmp_path: Path) -> None:
    strap = PolarStrap(STRAP)
    master, slave = os.openpty()
    path = tmp_path / "walk.csv.gz"
    async with running() as bluez:
        bluez.add(strap)
        pipe = asyncio.subprocess.PIPE
        arguments = ("record", STRAP, "-o", str(path), "--placement", "chest")
        process = await asyncio.create_subprocess_exec(*PROGRAM, *arguments, stdin=slave, stderr=pipe)
        await until(lambda: described(path))
        os.write(master, b"\n")
        await until(lambda: "marker" in described(path))
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 60)
        await until(lambda: not strap.streams)
    os.close(master)
    os.close(slave)
    assert (process.returncode, strap.stops) == (0, 1), err.decode()
    recording = CsvRecording(path)
    assert sum(len(block) for block in recording.blocks()) >= 5
    meta = recording.meta
    assert (meta.placement, meta.sensor, meta.sample_rate_hz, meta.range_g) == ("chest", "polar", 50.0, 8.0)
    assert [mark.kind for mark in meta.events] == ["marker"]
    assert "streaming" in err.decode()


async def test_a_recording_by_name_and_for_some_time(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv.gz"
    strap = PolarStrap(STRAP)
    async with running() as bluez:
        bluez.add(strap)
        status, _, err = await falld("record", "Polar H10 0A1B2C3D", "-o", str(path), "--seconds", "0.5")
    assert (status, strap.streams) == (0, False), err
    assert re.search(rf"{path}: 0\.\d s, \d+ samples", err)
    again = CliRunner().invoke(main, ["record", STRAP, "-o", str(path)])
    assert again.exit_code == 2
    assert "is there already; name another file" in again.stderr


def test_a_recording_is_summed_up_with_what_was_lost_and_how_far_the_clock_runs_away() -> None:
    assert summary(4.0, 200, Status()) == "4.0 s, 200 samples"
    told = "90.0 s, 4490 samples, 10 lost on the way, its clock runs -24 ppm against this machine's"
    assert summary(90.0, 4490, Status(ppm=-23.6, lost=10)) == told


def described(path: Path) -> str:
    yaml = path.with_name("walk.yaml")
    return yaml.read_text() if yaml.exists() else ""
