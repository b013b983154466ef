"""A fall's samples all the way: home, broker, hub, a person's answer, an archive to learn from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brokers import Mosquitto, Peer, until
from brokers import running as brokers_running
from click.testing import CliRunner
from homes import Listening, Monitoring, Scripted, config, decision, running, standing

from falld.alert.clipbox import ClipBox
from falld.alert.clock import boot_id
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Command
from falld.cli import main
from falld.config.schema import Config
from falld.daemon.heard import Heard
from falld.daemon.home import CLIPS
from falld.daemon.run import run
from falld.hub.store import Entry
from falld.publish.broker import Broker
from falld.resources import recordings_dir

pytest.importorskip("pyarrow")
RECORDING = recordings_dir() / "fall-forward-waist.csv.gz"


class Daemon:
    """The real daemon with the shipped detector."""

    def __init__(self, settings: Config) -> None:
        self.heard: list[Heard] = []
        self._settings = settings

    async def run(self) -> None:
        await run(self._settings, observer=self.heard.append)


def falld(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done.output


def replayed(path: Path) -> dict[str, Any]:
    """The one fall that a replay finds."""
    lines = [json.loads(line) for line in falld("replay", path, "--jsonl").splitlines()]
    (fall,) = (line for line in lines if line["event"] == "fall")
    assert lines[-1]["status"] == "ok"
    return fall


async def test_from_a_fall_to_a_lesson(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        daemon = Daemon(config(tmp_path, broker.port, [RECORDING], speed=10))
        async with Monitoring(tmp_path, broker.port).up() as hub:
            async with running(daemon):
                entry = await kept(hub)
                await until(lambda: list((tmp_path / CLIPS).glob("*.sent")))
                await hub.respond(entry.alert_id, "false_alarm")
                await until(lambda: any(h.kind == "acknowledged" for h in daemon.heard))
            assert ClipBox.open(tmp_path / CLIPS).due() == []
            (entry,) = await hub.entries()
    assert not entry.open
    alert_id, store = entry.alert_id, tmp_path / "monitor.db"

    (listed,) = (json.loads(line) for line in falld("hub", "list", "--json", "--store", store).splitlines())
    assert (listed["alert_id"], listed["clip"]) == (alert_id, True)
    assert alert_id in falld("hub", "clip", alert_id, "-o", tmp_path / "clip.csv", "--store", store)
    assert falld("learn", "collect", store, "--out", tmp_path / "home.parquet", "--placement", "waist") == (
        "1 false alarm\n"
    )
    expected, again = replayed(RECORDING), replayed(tmp_path / "home.parquet")
    # The recording is shorter than a clip, so both begin with the same sample; milli-g and the grid remain.
    assert again["impact_t"] == pytest.approx(expected["impact_t"], abs=0.02)
    assert again["t"] == pytest.approx(expected["t"], abs=0.05)
    assert again["probability"] == pytest.approx(expected["probability"], abs=0.02)
    assert again["placement"] == expected["placement"] == "waist"


async def test_a_hub_may_ask_for_it_once_more(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        settings = config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 8)])
        peer = Peer(Broker("127.0.0.1", broker.port), "peer", subscribe=["falld/v1/h1/clip/+"], births=[])
        async with Monitoring(tmp_path, broker.port).up() as hub, brokers_running(peer.link.run):
            await until(lambda: peer.link.state.up)
            first = Listening(settings, Scripted(decision("fall", 4.0, 2.0)))
            async with running(first.home):
                alert_id = (await kept(hub)).alert_id
                await until(lambda: (tmp_path / CLIPS / f"{alert_id}.sent").exists())
                ask = Command(id=uuid7(), boot_id=boot_id(), command="clip", alert_id=alert_id).payload()
                in_vain = Command(id=uuid7(), boot_id=boot_id(), command="clip", alert_id=uuid7()).payload()
                for command in (in_vain, ask):
                    await peer.link.publish(Topics("h1").command, command)
                await until(lambda: len(peer.heard(Topics("h1").clip(alert_id))) == 2)
                await until(lambda: (tmp_path / CLIPS / f"{alert_id}.sent").exists())
            again = Listening(settings, Scripted())
            async with running(again.home):
                await until(lambda: again.count("link"))
                await peer.link.publish(Topics("h1").command, ask)
                await until(lambda: again.home._routes.all[0].publisher.counters.commands_refused == 1)
    one, other = peer.heard(Topics("h1").clip(alert_id))
    assert one == other


async def kept(hub: Monitoring) -> Entry:
    """The alert, once the hub has its clip."""
    async with asyncio.timeout(60):
        while True:
            found = [entry for entry in await hub.entries() if entry.clip]
            if found:
                return found[0]
            await asyncio.sleep(0.02)
