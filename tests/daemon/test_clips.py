"""What a wearable measured around an impact: cut, kept, told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from brokers import free_port, until
from homes import Listening, Scripted, config, decision, running, standing

from falld.alert.clip import decode
from falld.alert.clipbox import ClipBox
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Clip, parse
from falld.config.schema import Config
from falld.daemon.clips import Clips, Cutter, near
from falld.daemon.home import CLIPS
from falld.publish.worker import Worker
from falld.samples.block import Block
from falld.samples.clock import Clock

CLOCK = Clock("stamps", 50.0)


class Bench:
    def __init__(self, folder: Path, call: Worker, near_misses_a_day: int = 2) -> None:
        self.folder = folder
        self.box = ClipBox.open(folder)
        self.woken = 0
        self.clips = Clips(self.box, call, self._wake, near_misses_a_day=near_misses_a_day)
        self.cutter = Cutter(self.clips)

    def _wake(self) -> None:
        self.woken += 1

    async def live(self, start: float, end: float, clock: Clock = CLOCK) -> None:
        """A tenth of a second at a time; the samples tell when they were taken."""
        for tenth in range(round(start * 10), round(end * 10)):
            t = tenth / 10 + np.arange(5) / 50
            await self.cutter.feed(Block(t, np.stack([t / 10, 0 * t, 0 * t], axis=1).astype(np.float32)), clock)

    def kept(self) -> list[str]:
        return sorted(path.suffix for path in self.folder.iterdir())

    def seconds(self, alert_id: str) -> tuple[float, float, float]:
        """Of the first sample, the impact and the last one."""
        clip = parse(Clip, self.box.payload(alert_id), "t")
        moments = decode(clip)[:, 0] * 10
        return float(moments[0]), float(moments[clip.impact_index]), float(moments[-1])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    call = Worker("clips")
    yield Bench(tmp_path / "clips", call)
    call.close()


async def test_from_20_s_before_to_40_s_after(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 34)
    bench.cutter.fall(30.0, alert_id)
    await bench.live(34, 69.9)
    assert (bench.kept(), bench.woken) == ([".growing"], 0)
    await bench.live(69.9, 75)
    assert (bench.kept(), bench.woken) == ([".due"], 1)
    assert bench.seconds(alert_id) == pytest.approx((10.0, 30.0, 69.98), abs=0.011)
    await bench.live(75, 80)
    assert bench.woken == 1


async def test_after_a_restart_what_was_kept_is_due(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 34)
    bench.cutter.fall(30.0, alert_id)
    await bench.live(34, 50)
    assert ClipBox.open(bench.folder).due() == [alert_id]
    assert bench.seconds(alert_id) == pytest.approx((10.0, 30.0, 34.18), abs=0.03)


async def test_a_wearable_that_falls_silent_or_ends_leaves_what_there_is(bench: Bench) -> None:
    silent, ended = uuid7(), uuid7()
    await bench.live(0, 10)
    bench.cutter.fall(8.0, silent)
    await bench.live(10, 12)
    await bench.cutter.silent(47.9)
    assert bench.kept() == [".growing"]
    await bench.cutter.silent(48.1)
    assert bench.seconds(silent) == pytest.approx((0, 8.0, 11.98), abs=0.011)
    await bench.live(60, 70)
    bench.cutter.fall(68.0, ended)
    await bench.live(70, 71)
    await bench.cutter.end()
    clip = parse(Clip, bench.box.payload(ended), "t")
    assert bench.seconds(ended) == pytest.approx((60.0, 68.0, 70.98), abs=0.011)
    assert clip.impact_index == 400


async def test_a_gap_is_no_sample(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 12)
    bench.cutter.fall(10.0, alert_id)
    await bench.live(12, 13)
    await bench.live(15, 51)
    acc = decode(parse(Clip, bench.box.payload(alert_id), "t"))
    assert np.isnan(acc[:, 0]).sum() == pytest.approx(100, abs=1)


async def test_another_rate_begins_anew(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 12)
    bench.cutter.fall(10.0, alert_id)
    await bench.live(12, 13)
    await bench.live(13, 14, Clock("stamps", 52.0))
    assert bench.seconds(alert_id) == pytest.approx((0, 10.0, 12.98), abs=0.011)


async def test_one_clip_an_alert(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 12)
    bench.cutter.fall(10.0, alert_id)
    await bench.live(12, 20)
    bench.cutter.fall(18.0, alert_id)
    bench.cutter.fall(18.0, None)
    await bench.live(20, 70)
    assert bench.seconds(alert_id)[1] == pytest.approx(10.0, abs=0.011)
    assert bench.kept() == [".due"]


def test_what_is_near() -> None:
    for threshold, nearly, not_even in ((0.5, 0.25, 0.249), (0.99, 0.9706, 0.97), (0.622, 0.36, 0.35)):
        event = decision("candidate", 2.0, 1.0, nearly)
        told = [near(type(event)("candidate", 2.0, 1.0, p, threshold, "waist", "m")) for p in (nearly, not_even)]
        assert told == [True, False]
        assert not near(type(event)("candidate", 2.0, 1.0, threshold, threshold, "waist", "m"))


async def test_near_misses_are_kept_whole_and_few(bench: Bench) -> None:
    begun = 0.0
    for n in range(4):
        await bench.live(begun, begun + 10)
        for impact in (8.0, 8.5):
            bench.cutter.candidate(decision("candidate", begun + 10, begun + impact, 0.7))
        bench.cutter.candidate(decision("candidate", begun + 10, begun + 8.0, 0.1))
        await bench.live(begun + 10, begun + 47)
        assert len(bench.kept()) == min(n, 2)
        await bench.live(begun + 47, begun + 50)
        begun += 50
    assert bench.kept() == [".near", ".near"]
    assert bench.woken == 2
    first, _ = bench.box.due()
    assert bench.seconds(first) == pytest.approx((0, 8.0, 47.98), abs=0.011)


async def test_what_became_an_alert_is_no_near_miss(bench: Bench) -> None:
    alert_id = uuid7()
    await bench.live(0, 10)
    bench.cutter.candidate(decision("candidate", 10.0, 8.0, 0.7))
    await bench.live(10, 43)
    bench.cutter.fall(8.0, alert_id)  # confirmed
    await bench.live(43, 70)
    bench.cutter.candidate(decision("candidate", 44.0, 42.0, 0.7))
    await bench.live(70, 90)
    assert bench.box.due()[0] == alert_id
    assert bench.kept() == [".due"]


async def test_a_day_without_near_misses_looks_for_none(tmp_path: Path) -> None:
    call = Worker("clips")
    bench = Bench(tmp_path / "clips", call, near_misses_a_day=0)
    await bench.live(0, 10)
    bench.cutter.candidate(decision("candidate", 10.0, 8.0, 0.7))
    await bench.live(10, 50)
    assert bench.kept() == []
    call.close()


async def test_a_disk_that_fails_costs_clips_alone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.folder.rmdir()
    await bench.live(0, 10)
    bench.cutter.fall(8.0, uuid7())
    bench.cutter.candidate(decision("candidate", 10.0, 9.0, 0.7))
    await bench.live(10, 50)
    assert not await bench.clips.again(uuid7())
    assert "clips cannot be kept" in str(bench.clips.fault)
    assert caplog.text.count("clips cannot be kept") == 1
    bench.folder.mkdir()
    await bench.live(50, 60)
    bench.cutter.fall(58.0, uuid7())
    await bench.live(60, 99)
    assert (bench.kept(), bench.clips.fault) == ([".due"], None)


def without_clips(settings: Config) -> Config:
    return Config.model_validate(settings.model_dump() | {"clips": {"send": False}})


@pytest.mark.parametrize("send", [True, False])
async def test_a_home_keeps_them_beside_its_outbox_unless_it_shall_not(tmp_path: Path, send: bool) -> None:
    settings = config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)])
    home = Listening(settings if send else without_clips(settings), Scripted(decision("fall", 4.0, 2.0)))
    async with running(home.home):
        await until(lambda: home.count("ended") == 1)
        health = await home.home.health()
    assert health["clip_fault"] is None
    (alert_id,) = {h.data["alert_id"] for h in home.heard if h.kind == "committed"}
    names = [path.name for path in (tmp_path / CLIPS).glob("*")]
    assert names == ([f"{alert_id}.due"] if send else [])


async def test_a_folder_that_cannot_be_used_stops_no_home(tmp_path: Path) -> None:
    (tmp_path / CLIPS).write_text("")
    home = Listening(
        config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)]), Scripted(decision("fall", 4.0, 2.0))
    )
    async with running(home.home):
        await until(lambda: home.count("committed") >= 1 and home.count("ended") == 1)
        health = await home.home.health()
    assert "clips cannot be kept" in health["clip_fault"]
