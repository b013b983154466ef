"""A home with wearables and buttons that are heard: real bleak, a stand-in for BlueZ, a real broker and hub."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bluez import Peripheral, private_bus
from bluez import running as bluetooth
from brokers import Mosquitto, until
from homes import Listening, Monitoring, Scripted, decision, running
from wearables import PolarStrap, recorded

from falld.alert.clock import utc_now
from falld.cli.run import _log
from falld.config.schema import Config
from falld.daemon.health import to_wire
from falld.daemon.heard import Heard
from falld.daemon.run import run
from falld.samples.drift import MAX_SKEW
from falld.sensors.drivers.bthome import SERVICE

STRAP = "A0:9E:1A:0A:1B:2C"
BUTTON = "B0:C7:DE:00:00:01"


@pytest.fixture(autouse=True)
def _bus(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with private_bus(need("dbus-daemon"), monkeypatch):
        yield


@pytest.fixture
def broker(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        yield mosquitto


def settings(folder: Path, port: int, wearables: list[dict[str, Any]], **wearer: Any) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "home": {"id": "h1"},
            "state_dir": folder,
            "wearers": [{"id": "w1", "wearables": wearables, **wearer}],
            "routes": [{"broker": {"host": "127.0.0.1", "port": port, "tls": False, "protocol": "3.1.1"}}],
            "alert": {"raise_after_s": 0.2},
        }
    )


class Daemon:
    """What `falld run` runs."""

    def __init__(self, config: Config) -> None:
        self.heard: list[Heard] = []
        self._config = config

    async def run(self) -> None:
        await run(self._config, observer=self.heard.append)

    def told(self, kind: str, key: str) -> list[Any]:
        return [h.data[key] for h in self.heard if h.kind == kind]


async def test_a_fall_of_a_strap_ends_as_an_alert_in_the_hubs_store(broker: Mosquitto, tmp_path: Path) -> None:
    acc, rate_hz = recorded("fall-forward-waist", 3.0, 14.0)
    strap = PolarStrap(STRAP, acc=acc, send_hz=rate_hz)
    wearable = {"name": strap.name, "rate_hz": rate_hz, "placement": "waist", "id": "strap"}
    daemon = Daemon(settings(tmp_path, broker.port, [wearable]))
    async with bluetooth() as bluez, Monitoring(tmp_path, broker.port).up() as hub:
        bluez.add(strap)
        async with running(daemon):
            await until(lambda: daemon.told("hub_committed", "seq") == [1, 2], within_s=60)
            (entry,) = await hub.entries()
    assert entry.latest is not None
    assert (entry.latest.wearer, entry.latest.sources, entry.latest.kind) == ("w1", ("strap",), "fall")
    assert daemon.told("decision", "event")[0] == "fall"
    assert daemon.told("wearable", "state")[:4] == ["searching", "connecting", "starting", "streaming"]
    assert not strap.streams, "stopped at the end"
    assert strap.stops == 1


async def test_wearables_of_one_home_on_two_adapters(broker: Mosquitto, tmp_path: Path) -> None:
    straps = PolarStrap(STRAP), PolarStrap("A0:9E:1A:0A:1B:2D", "Polar H10 99999999")
    wearables = [{"address": strap.address, "adapter": f"hci{i}", "id": f"s{i}"} for i, strap in enumerate(straps)]
    home = Listening(settings(tmp_path, broker.port, wearables), Scripted(), Scripted())
    async with bluetooth("hci0", "hci1") as bluez:
        for i, strap in enumerate(straps):
            bluez.add(strap, f"hci{i}")
        async with running(home.home):
            await until(lambda: {h.data["source"] for h in home.heard if h.kind == "samples"} == {"s0", "s1"})
            health = await home.home.health()
    assert [(told["source"], told["state"], told["fault"]) for told in health["wearables"]] == [
        ("s0", "streaming", None),
        ("s1", "streaming", None),
    ]
    assert not bluez.overlaps


async def test_health_tells_of_the_link(broker: Mosquitto, tmp_path: Path) -> None:
    strap = PolarStrap(STRAP)
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP, "id": "strap"}]), Scripted())
    async with bluetooth() as bluez:
        bluez.add(strap)
        async with running(home.home):
            await until(lambda: home.count("samples") >= 3)
            health = await home.home.health()
            strap.advertises = False
            strap.drop()
            await until(lambda: any(h.data.get("state") == "lost" for h in home.heard))
            await until(lambda: home.count("fault"))
            lost = to_wire(await home.home.health(), utc_now(), clock_synced=True)
            strap.advertises = True
            await until(lambda: [h.data.get("state") for h in home.heard].count("streaming") >= 2)
            await until(lambda: any(h.text == "well again" for h in home.heard))
    (told,) = health["wearables"]
    assert {key: told[key] for key in ("source", "state", "battery", "driver", "rate_hz", "fault")} == {
        "source": "strap", "state": "streaming", "battery": 87, "driver": "polar", "rate_hz": 50.0, "fault": None,
    }  # fmt: skip
    wire = to_wire(health, utc_now(), clock_synced=True)
    assert (wire.wearables[0].battery, wire.faults) == (87, ())
    assert lost.wearables[0].state in ("lost", "searching")
    assert "the connection was lost" in lost.faults[0].what


async def test_a_strap_that_is_lost_again_and_again_says_five_lines_each_time(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "falld")
    strap, times = PolarStrap(STRAP), 4
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP, "id": "strap"}]), Scripted())

    def streaming() -> int:
        return [h.data.get("state") for h in home.heard if h.text != "well again"].count("streaming")

    async with bluetooth() as bluez:
        bluez.add(strap)
        async with running(home.home):
            for n in range(1, times + 1):
                count = home.count("samples")
                await until(lambda n=n, count=count: streaming() == n and home.count("samples") > count)
                strap.drop()
            await until(lambda: streaming() == times + 1)
            await until(lambda: [h.text for h in home.heard].count("well again") == times)
    for heard in home.heard:
        _log(heard)
    lines = [line for line in caplog.messages if "strap" in line and not line.startswith("listening")]
    for words, count in {"strap: lost": times, "strap: well again": times, "strap: streaming": times + 1}.items():
        assert lines.count(f"wearable: {words}") == count
    assert len(lines) == 5 * times + 1, lines


async def test_how_far_its_clock_runs_away_is_told_once(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falld.samples.drift._TOLD_FROM", 0.0)  # after seconds, not after a minute
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP, "id": "strap"}]), Scripted())
    async with bluetooth() as bluez:
        bluez.add(PolarStrap(STRAP))
        async with running(home.home):
            await until(lambda: home.count("clock"))
            count = home.count("samples")
            await until(lambda: home.count("samples") > count + 10)
            health = await home.home.health()
    (told,) = [h for h in home.heard if h.kind == "clock"]
    assert re.fullmatch(r"runs [+-]\d+ ppm against this machine's", told.text)
    assert told.data["ppm"] == pytest.approx(health["wearables"][0]["ppm"], abs=MAX_SKEW * 1e6)


async def test_a_connection_lost_in_a_fall_decides_on_what_there_is(broker: Mosquitto, tmp_path: Path) -> None:
    strap = PolarStrap(STRAP)
    pending = Scripted(decision("fall", 0.0, 0.0), deadline=0.0)
    pending.feed = lambda block: []  # type: ignore[method-assign]
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP}]), pending)
    async with bluetooth() as bluez:
        bluez.add(strap)
        async with running(home.home):
            await until(lambda: home.count("samples"))
            strap.advertises = False
            strap.drop()
            await until(lambda: home.count("committed"))
    assert home.committed()[0] == "suspected"


async def test_an_advertised_button_calls_for_help(broker: Mosquitto, tmp_path: Path) -> None:
    button = Peripheral(BUTTON, None)
    button.service_data = {SERVICE: bytes.fromhex("40005201643a01")}
    absent = [{"address": STRAP}]
    home = Listening(settings(tmp_path, broker.port, absent, buttons=[{"address": BUTTON, "long": "cancel"}]))
    async with bluetooth() as bluez, Monitoring(tmp_path, broker.port).up() as hub:
        bluez.add(button)
        async with running(home.home):
            await until(lambda: home.count("hub_committed") >= 1)
            button.service_data = {SERVICE: bytes.fromhex("40005301643a04")}
            await until(lambda: home.count("button") == 2)
            await until(lambda: len(home.committed()) >= 2)
            (entry,) = await hub.entries()
    assert [h.text for h in home.heard if h.kind == "button"] == ["help (press)", "cancel (long)"]
    assert entry.latest is not None
    assert (entry.latest.kind, entry.latest.sources) == ("help", ("b0c7de000001",))


async def test_a_button_that_cannot_be_read_is_a_fault_until_it_can(broker: Mosquitto, tmp_path: Path) -> None:
    button = Peripheral(BUTTON, None)
    button.service_data = {SERVICE: bytes.fromhex("41a47266c95f73001122337823 7214")}
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP}], buttons=[{"address": BUTTON}]))
    async with bluetooth() as bluez:
        bluez.add(button)
        async with running(home.home):
            await until(lambda: home.count("fault"))
            told = to_wire(await home.home.health(), utc_now(), clock_synced=True).faults
            button.service_data = {SERVICE: bytes.fromhex("40005201643a01")}
            await until(lambda: home.count("button"))
            after = to_wire(await home.home.health(), utc_now(), clock_synced=True).faults
    why = f"button {BUTTON}: what it says is encrypted; reset it to its factory settings with its maker's app"
    assert [fault.what.startswith(why) for fault in told if fault.code == "radio"] == [True]
    assert not [fault for fault in after if fault.code == "radio"]


async def test_without_bluetooth_the_home_runs_and_says_so(broker: Mosquitto, tmp_path: Path) -> None:
    home = Listening(settings(tmp_path, broker.port, [{"address": STRAP}]))
    async with running(home.home):
        await until(lambda: any(h.data.get("state") == "searching" for h in home.heard))
        await asyncio.sleep(0)
        assert (await home.home.health())["wearables"][0]["state"] == "searching"
