"""What was recorded replays to what the live detector said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from bluez import private_bus, running
from wearables import PER_FRAME, PolarStrap, recorded

from falld.alert.clock import boottime
from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event
from falld.detect.window import GRID_HZ
from falld.replay.recording import Line, Replay
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording
from falld.samples.livetime import LiveTime
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


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@pytest.mark.usefixtures("_bus")
async def test_a_recording_replays_to_the_events_of_the_live_detector(tmp_path: Path, bundle: Bundle) -> None:
    acc, rate_hz = recorded("fall-forward-waist", 3.0, 12.0)
    strap = PolarStrap("A0:9E:1A:0A:1B:2C", acc=acc, send_hz=rate_hz)
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
    assert [event.event for event in events if isinstance(event, Decision)] == ["fall"]
    assert_the_same(events, start, lines)
    assert lines[-1]["clock"] == "stamps"


@pytest.mark.parametrize("off", [-0.02, 0.0, 0.02])
@pytest.mark.parametrize("name", ["fall-forward-waist", "fall-recovered-waist", "fall-collapse-wrist"])
def test_whatever_the_wearables_clock_and_link_do_a_replay_says_the_same(
    tmp_path: Path, bundle: Bundle, name: str, off: float
) -> None:
    """All candidates of a recording that is heard again, from a wearable whose crystal is off, some frames late."""
    acc, rate_hz = recorded(name, 0.0, np.inf)
    placement = CsvRecording(recordings_dir() / f"{name}.csv.gz").meta.placement
    rng = np.random.default_rng(1)
    live = LiveTime(rate_hz, tick_hz=1e9, bits=64, of="last")
    detector = Detector(bundle, Clock("stamps", rate_hz), placement, candidates=True)
    recorder = Recorder(tmp_path / "heard.csv.gz")
    events: list[Event] = []
    start = 0.0
    for first in range(0, len(acc) - PER_FRAME + 1, PER_FRAME):
        last = first + PER_FRAME - 1
        late = rng.uniform(0, 0.1) if rng.random() < 0.2 else rng.uniform(0, 0.002)
        frame = np.rint(acc[first : last + 1] * 1000) / 1000
        arrived = 300_000.0 + last / (rate_hz * (1 + off)) + late
        heard = live.frame(frame.astype(np.float32), int(last / rate_hz * 1e9), arrived)
        if not recorder.begun:
            start = float(heard.t[0])
            recorder.begin(start, Meta(placement=placement, sample_rate_hz=rate_hz))
        recorder.add(heard)
        events += detector.feed(heard)
    events += detector.finish()
    recorder.save()
    lines = list(Replay(bundle, candidates=True).lines(CsvRecording(tmp_path / "heard.csv.gz")))
    # Live the rate is the nominal one, in a replay the one that was measured: below the 50 Hz of the detector's grid
    # samples are interpolated and not averaged, which ends some means a point of the grid earlier.
    slower = rate_hz * (1 + off) < GRID_HZ <= rate_hz
    assert_the_same(events, start, lines, t_s=1 / GRID_HZ if slower else 0.0, p=2e-4 if slower else 0.0)


def assert_the_same(events: list[Event], start: float, lines: list[Line], *, t_s: float = 0.0, p: float = 0.0) -> None:
    """But for what a recording and a line round: times to a microsecond and a millisecond, acceleration to 10 µg.

    Args:
        t_s, p: by how much an event's time and its probability may differ beside that.
    """
    live = [event for event in events if isinstance(event, Decision)]
    replayed = [line for line in lines if "impact_t" in line]
    assert [event.event for event in live] == [line["event"] for line in replayed]
    assert live
    for event, line in zip(live, replayed, strict=True):
        assert line["impact_t"] == pytest.approx(event.impact_t - start, abs=0.001 + 1e-5)
        assert line["t"] == pytest.approx(event.t - start, abs=0.001 + 1e-5 + t_s)
        assert line["probability"] == pytest.approx(event.probability, abs=5e-6 + p)


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
