"""The benchmarks still run: what they measured with, never how long it took."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = str(Path(__file__).resolve().parent.parent / "benchmarks")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in (path.stem for path in Path(BENCHMARKS).glob("*.py")):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_floor_falld_and_peer_see_the_same_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import replay
    from traces import small_archive

    monkeypatch.setattr(replay, "PEERS", {"live": replay.PEERS["live"]})
    archive, forest = small_archive(tmp_path), tmp_path / "forest"
    replay.run(Path(BENCHMARKS) / "peers.py", "train", archive, forest, "--windows", "50")
    figures, samples = replay.one(archive, forest, True)
    assert samples["floor"] == samples["falld"] == samples["live"] > 10_000
    assert 0 < samples["live windows"] <= samples["windows"]
    assert [figure.what for figure in figures][2:] == [
        "small: falld / floor",
        "small: peer (a), window by window",
        "small: peer (a), window by window / falld",
    ]
    assert [figure.met for figure in figures][:4] == [None] * 4
    assert figures[4].met in (True, False)


def test_windows_alone_have_the_features_that_they_have_together() -> None:
    import peers

    windows = np.random.default_rng(1).normal(size=(5, 100, 3)).astype(np.float32)
    alone = np.stack([peers.features(window, 50.0) for window in windows])
    assert alone.shape == (5, 28)
    assert alone == pytest.approx(peers.features_at_once(windows, 50.0), rel=1e-4, abs=1e-5)


def test_live_judges_every_sample(need: Callable[[str], str]) -> None:
    import live

    need("mosquitto"), need("dbus-daemon")
    report = live.measure(True)
    assert report.facts["sent"] == report.facts["judged"]
    assert sum(report.facts["sent"].values()) > 50
    assert report.facts["quiet candidates"] == 0
    assert report.facts["candidates"] > 0


def test_the_daemon_is_measured_with_both_sorts_of_wearables(need: Callable[[str], str]) -> None:
    import daemon

    need("mosquitto"), need("dbus-daemon")
    report = daemon.measure(True)
    assert set(report.facts) == {"recordings", "Bluetooth"}
    assert all(10e6 < resident < 1e9 for resident in report.facts.values())
    assert all(figure.value > 0 for figure in report.figures)


def test_every_decision_is_timed_to_its_acknowledgement(
    need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import latency

    need("mosquitto"), need("openssl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(latency, "LINK_S", 0.5)
    report = latency.measure(True)
    assert report.facts == {"decisions": latency.WEARERS, "acknowledged": latency.WEARERS}


def test_two_workers_write_what_one_writes() -> None:
    import workers

    lines = workers.measure(True).facts["lines"]
    assert lines["1"] == lines["2"]


def test_memory_is_looked_at_on_the_samples_that_it_says() -> None:
    import memory

    facts = memory.measure(True).facts
    assert facts["floor"] == facts["falld"] >= 20_000
    assert facts["fed"] >= 20_000
    assert facts["events"] > 0


def test_a_soak_cuts_broker_and_hub_and_knows_each_message(
    need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soak

    need("mosquitto")
    for name, value in {"FALLS_A_DAY": 3600, "BROKER_CUTS": 2, "HUB_CUTS": 1, "AWAY_S": 0.2, "ANSWER_S": 0.2}.items():
        monkeypatch.setattr(soak, name, value)
    monkeypatch.setattr(soak, "RAISE_AFTER_S", 0.5)
    report = soak.measure(tmp_path, 4 / 3600, 30.0, 0.3, None)
    assert (report.facts["missing"], report.facts["left"]) == (0, 0)
    assert report.facts["messages"] >= soak.WEARABLES
    by_name = {figure.what: figure.value for figure in report.figures}
    assert by_name["broker and hub killed"] == 3
    assert by_name["daemon: had the disk write"] > 0
    assert 10 < by_name["hub: anonymous memory, last quarter"] < 1000


@pytest.mark.parametrize(("grows_by", "met"), [(0, True), (300_000, False)])
def test_what_grows_all_the_time_is_told(grows_by: int, met: bool) -> None:
    from endurance import Look, grown

    looks = [
        Look(float(n), 1, 50_000_000 + n * grows_by, 90_000_000, 12 + (n * grows_by > 0) * n // 4, 5, n, n / 10, n)
        for n in range(41)
    ]
    judged = {figure.what: figure for figure in grown("it", looks, 2.0)}
    assert judged["it: its growth since the third"].value == pytest.approx(grows_by * 10 / 1e6)
    assert judged["it: its growth since the third"].met is met
    assert judged["it: descriptors more in the last quarter"].met is met
    assert judged["it: threads more in the last quarter"].met is True
    assert judged["it: processor seconds a second"].value == pytest.approx(0.1)
