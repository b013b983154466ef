"""The daemon hears of a recording what a replay of it says, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from brokers import free_port, until
from homes import config, running, standing

from falld.alert.clock import utc_now
from falld.alert.wire import Fault
from falld.daemon.health import to_wire
from falld.daemon.heard import Heard
from falld.daemon.home import Home
from falld.daemon.run import run
from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event, Gap
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.csvfile import CsvRecording
from falld.samples.survey import survey
from falld.sensors.recorded import schedule
from falld.sensors.source import Ended, Samples, Silent

RECORDINGS = ("fall-forward-waist", "fall-batched-jitter-wrist", "fall-gap-after-impact-waist", "sit-down-hard-waist")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


def both(bundle: Bundle, name: str) -> tuple[list[Event], list[Event]]:
    """What a replay says of a recording, and what a daemon hears."""
    recording = CsvRecording(recordings_dir() / f"{name}.csv.gz")
    clock = survey(recording).clock
    replayed, live = (Detector(bundle, clock, recording.meta.placement, candidates=True) for _ in range(2))
    expected: list[Event] = [event for block in recording.blocks() for event in replayed.feed(block)]
    expected += replayed.finish()
    heard: list[Event] = []
    for _, reading in schedule(recording, clock):
        match reading:
            case Samples(block):
                heard += live.feed(block)
            case Silent(t):
                deadline = live.deadline()
                heard += live.advance(deadline) if deadline is not None and deadline <= t else []
            case Ended():
                heard += live.finish()
    return expected, heard


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_same_events(bundle: Bundle, name: str) -> None:
    replayed, heard = both(bundle, name)
    assert heard == replayed
    assert heard


def test_a_fall_before_a_long_gap_is_decided_in_the_gap(bundle: Bundle) -> None:
    replayed, _ = both(bundle, "fall-gap-after-impact-waist")
    (gap,) = (event for event in replayed if isinstance(event, Gap))
    fall = next(e for e in replayed if isinstance(e, Decision) and e.event == "fall")
    assert gap.from_t < fall.t < gap.t
    assert replayed.index(fall) < replayed.index(gap)


async def test_a_fall_with_the_shipped_detector(tmp_path: Path, bundle: Bundle) -> None:
    heard: list[Heard] = []
    recording = recordings_dir() / "fall-forward-waist.csv.gz"
    settings = config(tmp_path, free_port(), [recording], speed=40, raise_after_s=0)
    async with running(_Daemon(settings, heard)):
        await until(lambda: [h.kind for h in heard].count("committed") == 2)
    decision = next(h for h in heard if h.kind == "decision")
    assert (decision.data["event"], decision.data["model"]) == ("fall", bundle.name)
    assert not any(h.kind == "impact" for h in heard)


async def test_who_walks_again_recovers_before_anybody_is_alarmed(tmp_path: Path) -> None:
    heard: list[Heard] = []
    recording = recordings_dir() / "fall-recovered-waist.csv.gz"
    settings = config(tmp_path, free_port(), [recording], speed=20, raise_after_s=20)
    async with running(_Daemon(settings, heard)):
        await until(lambda: [h.kind for h in heard].count("committed") == 2)
    assert [h.data["event"] for h in heard if h.kind == "decision"] == ["fall", "recovered"]
    assert [h.text.split(",")[0] for h in heard if h.kind == "committed"] == ["fall suspected", "fall recovered"]


async def test_a_wearable_that_is_too_slow_is_told_and_still_heard(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Heard] = []
    monkeypatch.setattr(Bundle, "load", lambda folder: replace(bundle, lowest_hz=60.0))
    homes: list[Home] = []
    monkeypatch.setattr("falld.daemon.run.Home", lambda *a, **k: homes.append(Home(*a, **k)) or homes[0])
    settings = config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 2)])
    async with running(_Daemon(settings, heard)):
        await until(lambda: any(h.kind == "ended" for h in heard))
        health = await homes[0].health()
    told = (
        f"bundle {bundle.name}: cannot detect: 50.0 Hz is below the 60 Hz that it needs; let the wearable sample faster"
    )
    assert [h.text for h in heard if h.kind == "fault"] == [told]
    assert health["wearables"][0]["state"] == "ended"
    assert Fault(code="wearable", what=told) in to_wire(health, utc_now(), clock_synced=True).faults


class _Daemon:
    def __init__(self, settings: Any, heard: list[Heard]) -> None:
        self._settings = settings
        self._heard = heard

    async def run(self) -> None:
        await run(self._settings, observer=self._heard.append)
