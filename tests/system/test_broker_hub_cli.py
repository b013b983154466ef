"""`falld hub` as a program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from brokers import ALERT_ID, Mosquitto, Peer, an_alert, running, until
from click.testing import CliRunner, Result

from falld.alert.topics import Topics, hub_status
from falld.cli import main
from falld.publish.link import Broker

HOME = Topics("h1")
PASSWORD = "canary-77aa"


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


class Program:
    """A running `falld hub`, with what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        await asyncio.gather(self._read(self.process.stdout, self.out), self._read(self.process.stderr, self.err))

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        while line := await stream.readline():
            lines.append(line.decode().rstrip("\n"))


@contextlib.asynccontextmanager
async def program(*arguments: str | Path, **environment: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from falld.cli import main; main()", "hub", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip
    it = Program(process)
    reading = asyncio.create_task(it.read())
    try:
        yield it
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await reading


def falld(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["hub", *map(str, arguments)])


def listed(store: Path) -> list[dict[str, object]]:
    result = falld("list", "--json", "--store", store)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.output.splitlines()]


async def test_receives_lists_and_answers(mosquitto: Mosquitto, tmp_path: Path) -> None:
    store, url = tmp_path / "hub.db", f"mqtt://127.0.0.1:{mosquitto.port}"
    home = Peer(
        Broker("127.0.0.1", mosquitto.port), "home", subscribe=["falld/v1/h1/+", "falld/v1/_hub/+/status"], births=[]
    )
    async with running(home.link.run):
        await until(lambda: home.link.state.up)
        async with program("--broker", url, "--store", store, "--name", "x") as hub:
            await until(lambda: home.heard(hub_status("x")) == [{"hub": "x", "online": True}])
            for alert in (an_alert(1), an_alert(2, "raised")):
                await home.link.publish(HOME.alert, alert.payload())
            await until(lambda: [ack["seq"] for ack in home.heard(HOME.ack)] == [1, 2])
            await until(lambda: len(hub.out) == 2)
            assert re.fullmatch(r"\S+ \S+Z RAISED    fall of w1 in home h1, impact 2 s ago, 97%, .*", hub.out[1])
            answer = falld("respond", ALERT_ID, "seen", "--by", "nurse", "--store", store)
            assert answer.exit_code == 0
            await until(lambda: [r["response"] for r in home.heard(HOME.response)] == ["seen"])
            (entry,) = listed(store)
            assert entry | {"responses": None} == {
                "home": "h1", "alert_id": ALERT_ID, "kind": "fall", "wearer": "w1", "state": "raised", "last_seq": 2,
                "raised_by": "home", "open": True, "clip": False, "responses": None, "told": [],
            }  # fmt: skip
            assert "seen by nurse" in falld("--store", store, "list").output
            hub.process.send_signal(signal.SIGTERM)
            assert await hub.process.wait() == 0
        await until(lambda: home.heard(hub_status("x"))[-1] == {"hub": "x", "online": False})
        assert hub.err == [f"127.0.0.1:{mosquitto.port}: connected with MQTT 5"]


async def test_the_broker_tells_when_it_was_killed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    watch = Peer(Broker("127.0.0.1", mosquitto.port), "watch", subscribe=["falld/v1/_hub/+/status"])
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    async with (
        running(watch.link.run),
        program("--broker", url, "--store", tmp_path / "hub.db", "--json") as hub,
    ):
        await until(lambda: watch.heard(hub_status("hub"))[-1:] == [{"hub": "hub", "online": True}])
        hub.process.kill()
        await until(lambda: watch.heard(hub_status("hub"))[-1] == {"hub": "hub", "online": False})


async def test_goes_on_beside_a_damaged_store_and_tells_its_responders(mosquitto: Mosquitto, tmp_path: Path) -> None:
    store, url, told = tmp_path / "hub.db", f"mqtt://127.0.0.1:{mosquitto.port}", tmp_path / "told"
    store.write_bytes(b"\xa5" * 8192)
    roster = tmp_path / "responders.yaml"
    roster.write_text(f"responders:\n  - {{id: anna, command: [sh, -c, 'cat > {told}.part; mv {told}.part {told}']}}\n")
    home = Peer(Broker("127.0.0.1", mosquitto.port), "home", subscribe=[HOME.ack], births=[])
    async with (
        running(home.link.run),
        program("--broker", url, "--store", store, "--responders", roster) as hub,
    ):
        await until(lambda: home.link.state.up and any("connected" in line for line in hub.err))
        await home.link.publish(HOME.alert, an_alert(1, "raised").payload())
        await until(told.exists)
        await until(lambda: len(hub.out) == 2)
    assert json.loads(told.read_text())["alert_id"] == ALERT_ID
    assert "to        anna, home h1" in hub.out[1]
    assert f"{store}.damaged-1: is a damaged store" in hub.err[0]
    assert (tmp_path / "hub.db.damaged-1").read_bytes() == b"\xa5" * 8192
    assert "told anna at" in falld("list", "--store", store).output


async def test_a_wrong_password_is_told_and_never_shown(need: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("")
    settings = f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}"
    with Mosquitto(need("mosquitto"), tmp_path, settings) as mosquitto:
        url = f"mqtt://hub@127.0.0.1:{mosquitto.port}"
        async with program("--broker", url, "--store", tmp_path / "hub.db", FALLD_MQTT_PASSWORD=PASSWORD) as hub:
            await until(lambda: hub.err)
    assert "refused the login" in hub.err[0]
    assert PASSWORD not in "\n".join(hub.err + hub.out)


async def test_systemd_is_told(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.setblocking(False)
        said: list[str] = []

        async def listen() -> None:
            while True:
                said.append((await asyncio.get_running_loop().sock_recv(systemd, 4096)).decode())

        broker = f"mqtt://127.0.0.1:{mosquitto.port}"
        told = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "300000"}
        async with running(listen), program("--store", tmp_path / "hub.db", "--broker", broker, **told) as hub:
            up = f"WATCHDOG=1\nSTATUS=127.0.0.1:{mosquitto.port}: connected with MQTT 5"
            await until(lambda: up in said)
            hub.process.send_signal(signal.SIGTERM)
            assert await hub.process.wait() == 0
            await until(lambda: said[-1] == "STOPPING=1")
        assert said[0].startswith("READY=1\nSTATUS=127.0.0.1")


def test_what_cannot_be_done_is_told_in_a_line(tmp_path: Path) -> None:
    for arguments, what in (
        (["list", "--store", tmp_path / "none.db"], "there is no store"),
        (["respond", ALERT_ID, "seen", "--by", "a", "--store", tmp_path / "none.db"], "there is no store"),
        (["--broker", f"mqtt://u:{PASSWORD}@h"], "a password stands in it"),
        (["--broker", "mqtt://u@h", "--password-file", tmp_path / "none"], "cannot be read"),
        (["--name", "a/b"], "cannot be the id of a hub"),
        (["--responders", tmp_path / "none.yaml"], "cannot be read"),
        (["backup", tmp_path / "copy.db", "--store", tmp_path / "none.db"], "there is no store"),
    ):
        result = falld(*arguments)
        assert result.exit_code == 2
        assert what in result.output
        assert PASSWORD not in result.output
