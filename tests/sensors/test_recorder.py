"""What was recorded replays to what the live detector said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bluez import private_bus, running
from wearables import PolarStrap, recorded

from falld.alert.clock import boottime
from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event
from falld.replay import Replay
from falld.resources import shipped_bundle
from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording
from falld.samples.recording import Mark, Meta, RecordingError
from falld.sensors.driver import Wish
from falld.sensors.link import Wanted
from falld.sensors.radio import Make, Radio
from falld.sensors.recorder import Recorder
from falld.sensors.source import Samples


@pytest.fixture
def _bus(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with private_bus(need("dbus-daemon"), monkeypatch):
        yield


@pytest.mark.usefixtures("_bus")
async def test_a_recording_replays_to_the_events_of_the_live_detector(tmp_path: Path) -> None:
    acc, rate_hz = recorded("fall-forward-waist", 3.0, 12.0)
    strap = PolarStrap("A0:9E:1A:0A:1B:2C", acc=acc, send_hz=rate_hz)
    bundle = Bundle.load(shipped_bundle())
    radio = Radio(now=boottime)
    source = radio.wearable("strap", Wanted(strap.address), Make(), Wish(rate_hz=rate_hz), placement="waist")
    recorder = Recorder(tmp_path / "fall.csv.gz")
    events: list[Event] = []
    start = 0.0
    async with running() as bluez, asyncio.timeout(60):
        bluez.add(strap)
        serving = asyncio.create_task(radio.run())
        async with contextlib.aclosing(source.readings()) as readings:
            async for reading in readings:
                if not isinstance(reading, Samples):
                    continue
                if not recorder.begun:
                    start = float(reading.block.t[0])
                    detector = Detector(bundle, source.clock, source.placement)
                    recorder.begin(start, Meta(placement="waist", sample_rate_hz=source.clock.rate_hz))
                recorder.add(reading.block)
                events += detector.feed(reading.block)
                if recorder.seconds >= 6.8:
                    break
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    events += detector.finish()
    recorder.save()
    lines = list(Replay(bundle).lines(CsvRecording(tmp_path / "fall.csv.gz")))
    live = [event for event in events if isinstance(event, Decision)]
    assert [event.event for event in live] == ["fall"]
    assert [line["event"] for line in lines] == [*(event.event for event in live), "end"]
    assert lines[0]["impact_t"] == pytest.approx(live[0].impact_t - start, abs=0.002)
    assert lines[0]["t"] == pytest.approx(live[0].t - start, abs=0.002)
    assert lines[0]["probability"] == pytest.approx(live[0].probability, abs=0.02)
    assert lines[-1]["clock"] == "stamps"


def block(start: float, n: int) -> Block:
    return Block(start + np.arange(n) / 50, np.tile(np.asarray([0.0, 0.00061, 1.0], np.float32), (n, 1)))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_what_was_saved_is_a_whole_recording(tmp_path: Path, name: str) -> None:
    recorder = Recorder(tmp_path / name)
    recorder.mark(99.0, "help")
    recorder.begin(100.0, Meta(placement="wrist", sample_rate_hz=50.0))
    recorder.add(block(100.0, 250))
    assert not recorder.due
    recorder.add(block(105.0, 10))
    assert recorder.due
    recorder.save()
    recorder.add(block(105.2, 10))
    recorder.mark(103.25, "marker")
    saved = CsvRecording(tmp_path / name)
    assert sum(len(b) for b in saved.blocks()) == 260, "what is not saved yet is lost in a crash"
    recorder.save()
    whole = CsvRecording(tmp_path / name)
    (rows,) = whole.blocks()
    assert rows.t == pytest.approx(np.arange(270) / 50, abs=1e-6)
    assert rows.acc[0] == pytest.approx([0.0, 0.00061, 1.0])
    assert (whole.meta.placement, whole.meta.events) == ("wrist", (Mark(3.25, "marker"),))
    with pytest.raises(RecordingError, match="is there already"):
        Recorder(tmp_path / name)


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.csv.gz")
    recorder.save()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecordingError, match="is not named as a CSV"):
        Recorder(tmp_path / "a.txt")
