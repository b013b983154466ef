"""A second detector on the same samples is counted and alerts nobody."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brokers import free_port, until
from homes import Listening, Scripted, config, decision, running, standing

from falld.alert.clock import utc_now
from falld.alert.wire import Fault, ShadowCounts
from falld.config.schema import DetectorConfig
from falld.daemon.health import to_wire
from falld.daemon.heard import Heard
from falld.daemon.home import Home
from falld.daemon.run import run
from falld.daemon.shadow import Shadow
from falld.detect.bundle import Bundle
from falld.detect.events import Event, Gap
from falld.errors import FalldError
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.sensors.source import Button, Ended, Samples, Silent


@dataclass
class Worn:
    """What of a source a shadow looks at."""

    clock: Clock


class Failing(Scripted):
    def feed(self, block: Block) -> list[Event]:
        if block.t[-1] > 1.0:
            raise FalldError("bundle other", "fails", "do without it")
        return super().feed(block)


def until_s(t: float) -> Samples:
    return Samples(Block(np.array([t]), np.zeros((1, 3), np.float32)))


def test_what_it_says_is_counted() -> None:
    said = (decision("fall", 1.0, 0.5), Gap(2.0, 1.5, 0.5), decision("candidate", 2.0, 1.0), decision("fall", 3.0, 2.5))
    detector = Scripted(*said, decision("recovered", 4.0, 2.5), decision("confirmed", 9.0, 1.0), deadline=4.0)
    shadow = Shadow("other", lambda source: detector)
    source: Any = Worn(Clock("stamps", 50.0))
    assert shadow.take(Silent(0.5), source) == []
    assert shadow.take(Ended(), source) == []
    assert [d.t for d in shadow.take(until_s(3.5), source)] == [1.0, 3.0]
    assert shadow.take(Button(3.6, "help"), source) == []
    assert shadow.take(Silent(3.9), source) == []
    assert [d.event for d in shadow.take(Silent(9.5), source)] == ["recovered"]
    assert detector.advanced == [4.0]
    assert [d.event for d in shadow.take(Ended(), source)] == ["confirmed"]
    assert shadow.health() == {"model": "other", "fall": 2, "confirmed": 1, "recovered": 1, "fault": None}


def test_another_clock_takes_another_detector() -> None:
    detectors = [Scripted(decision("confirmed", 99.0, 1.0)), Scripted(decision("fall", 5.0, 3.0))]
    made = list(detectors)
    shadow = Shadow("other", lambda source: made.pop(0))
    source: Any = Worn(Clock("stamps", 50.0))
    assert shadow.take(until_s(1.0), source) == []
    source.clock = Clock("stamps", 100.0)
    assert [d.event for d in shadow.take(until_s(6.0), source)] == ["confirmed", "fall"]
    assert [detector.fed for detector in detectors] == [1, 1]


def test_after_a_failure_nothing_is_heard_of_it() -> None:
    shadow = Shadow("other", lambda source: Failing(decision("fall", 0.5, 0.1)))
    source: Any = Worn(Clock("stamps", 50.0))
    for t in (1.0, 2.0, 3.0):
        shadow.take(until_s(t), source)
    assert shadow.take(Ended(), source) == []
    told = "bundle other: fails; do without it"
    assert shadow.health() == {"model": "other", "fall": 1, "confirmed": 0, "recovered": 0, "fault": told}


async def test_it_comes_after_all_that_the_active_one_leads_to(tmp_path: Path) -> None:
    settings = config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)], raise_after_s=0)
    active, other = Scripted(decision("fall", 4.0, 2.0)), Scripted(decision("fall", 4.0, 2.0), decision("fall", 6, 5))
    home = Listening(settings, active, make_shadow=lambda: Shadow("other", lambda source: other))
    async with running(home.home):
        await until(lambda: home.count("ended") == 1 and home.count("shadow") == 2)
        health = await home.home.health()
    kinds = [kind for kind in home.kinds() if kind in ("decision", "shadow", "committed")]
    assert kinds == ["decision", "committed", "committed", "shadow", "shadow"]
    assert home.committed() == ["suspected", "raised"]
    assert other.fed == active.fed == 400
    (told,) = to_wire(health, utc_now(), clock_synced=True).wearables
    assert told.shadow == ShadowCounts(model="other", fall=2, confirmed=0, recovered=0)


async def test_one_that_fails_is_told_and_the_active_one_goes_on(tmp_path: Path) -> None:
    recordings = [standing(tmp_path / f"{name}.csv", 8) for name in ("belt", "watch")]
    settings = config(tmp_path, free_port(), recordings, raise_after_s=0)
    home = Listening(
        settings,
        Scripted(decision("fall", 4.0, 2.0)),
        Scripted(),
        make_shadow=lambda: Shadow("other", lambda source: Failing()),
    )
    async with running(home.home):
        await until(lambda: home.count("ended") == 2)
        health = await home.home.health()
    assert home.committed() == ["suspected", "raised"]
    told = "bundle other: fails; do without it"
    assert [h.data["fault"] for h in home.heard if h.kind == "shadow"] == [told, told]
    assert [w["fault"] for w in health["wearables"]] == [None, None]
    faults = to_wire(health, utc_now(), clock_synced=True).faults
    assert [fault for fault in faults if fault.code != "link"] == [Fault(code="shadow", what=told)]


async def daemon(
    folder: Path, shadow: Path, name: str, monkeypatch: pytest.MonkeyPatch, committed: int
) -> tuple[list[Heard], dict[str, Any]]:
    """What is heard of a recording and of a home with another bundle in the shadow of the shipped one."""
    heard: list[Heard] = []
    homes: list[Home] = []
    monkeypatch.setattr("falld.daemon.run.Home", lambda *a, **k: homes.append(Home(*a, **k)) or homes[0])
    settings = config(folder, free_port(), [recordings_dir() / f"{name}.csv.gz"], speed=40, raise_after_s=20)
    settings = settings.model_copy(update={"detector": DetectorConfig(shadow=shadow)})
    work = asyncio.create_task(run(settings, observer=heard.append))
    try:
        await until(lambda: [h.kind for h in heard].count("committed") == committed)
        await until(lambda: any(h.kind == "ended" for h in heard))
        return heard, await homes[0].health()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_a_bundle_says_the_same_in_its_own_shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, health = await daemon(tmp_path, shipped_bundle(), "fall-recovered-waist", monkeypatch, 2)
    active, shadow = ([h.data for h in heard if h.kind == kind] for kind in ("decision", "shadow"))
    assert shadow == active
    counts = health["wearables"][0]["shadow"]
    assert counts == {"model": shipped_bundle().name, "fall": 1, "confirmed": 0, "recovered": 1, "fault": None}


async def test_a_bundle_that_is_refused_is_told_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, health = await daemon(tmp_path, tmp_path / "none", "fall-recovered-waist", monkeypatch, 2)
    assert [h.data["event"] for h in heard if h.kind == "decision"] == ["fall", "recovered"]
    assert not any(h.kind == "shadow" for h in heard)
    (fault,) = (f for f in to_wire(health, utc_now(), clock_synced=True).faults if f.code == "shadow")
    assert "SHA256SUMS: cannot be read" in fault.what


async def test_a_bundle_that_needs_more_samples_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.load(shipped_bundle())
    other = tmp_path / "other"
    load = {shipped_bundle(): bundle, other: replace(bundle, name="other", lowest_hz=1000.0)}
    monkeypatch.setattr(Bundle, "load", lambda folder: load[folder])
    heard, health = await daemon(tmp_path, other, "fall-recovered-waist", monkeypatch, 2)
    (told,) = (h.text for h in heard if h.kind == "shadow")
    assert told.startswith("bundle other: cannot detect: 100.0 Hz is below the 1000 Hz")
    assert health["wearables"][0]["fault"] is None
