"""A secret stands where it belongs, and where people put it by mistake; it is searched for in all that falld says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto, Peer, running, until
from click.testing import CliRunner
from papers import Papers
from programs import write_config
from pydantic import SecretStr

from falld.cli import main
from falld.config.last_good import COPY
from falld.publish.link import Broker

CANARY = "canary-5e1f"
RIGHT, WRONG, HUBS = f"{CANARY}-right", f"{CANARY}-wrong", f"{CANARY}-hubs"
VERBOSE = {"PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1"}


class Said:
    """All that came out of any program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def file(self) -> Path:
        self._count += 1
        return self._folder / f"said-{self._count}"

    def all(self) -> str:
        return "".join(path.read_text() for path in sorted(self._folder.glob("said-*")))

    @contextlib.asynccontextmanager
    async def program(self, *arguments: str | Path, words: str, **environment: str) -> AsyncIterator[int]:
        """Runs it as verbosely as can be, until it has said these words; then stops it. Gives its process id."""
        file = self.file()
        with file.open("wb") as out:
            command = [sys.executable, "-c", "from falld.cli import main; main()", "-vv", *map(str, arguments)]
            environment = os.environ | VERBOSE | environment
            process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out, env=environment)
            try:
                await until(lambda: words in file.read_text() or process.returncode is not None, 90)
                assert words in file.read_text(), file.read_text()
                yield process.pid
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()

    def here(self, *arguments: str | Path) -> str:
        done = CliRunner().invoke(main, ["-vv", *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        self.file().write_text(done.output)
        return done.output


@pytest.fixture
def said(tmp_path: Path) -> Said:
    return Said(tmp_path)


@pytest.fixture
def broker(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    passwords = tmp_path / "passwords"
    passwords.touch()
    for user, password in (("h1", RIGHT), ("hub1", HUBS), ("watch", "watch")):
        command = [need("mosquitto_passwd"), "-b", str(passwords), user, password]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    with Mosquitto(need("mosquitto"), tmp_path, f"allow_anonymous false\npassword_file {passwords}") as mosquitto:
        yield mosquitto


def configured(folder: Path, port: int, place: str, more: str = "", recording: str = "walk-wrist") -> Path:
    """With a comment that somebody should not have written."""
    folder.mkdir(exist_ok=True)
    path = write_config(folder, port, recording, speed=100)
    text = path.read_text().replace("protocol: 3.1.1", place)
    path.write_text(f"{text}{more}# the password is {CANARY}-comment\n")
    return path


def leaks(folder: Path) -> list[str]:
    """Files in which it stands. The copy of the last good configuration is the installer's own text."""
    found = [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    return [path.name for path in found if path.name != COPY]


async def test_a_home_that_is_well(broker: Mosquitto, tmp_path: Path, said: Said) -> None:
    secret, hubs = tmp_path / "password", tmp_path / "hub.password"
    secret.write_text(RIGHT)
    hubs.write_text(HUBS)
    home = tmp_path / "home"
    path = configured(home, broker.port, "password_file: ../password")
    bundle, store = tmp_path / "bundle.tar.gz", home / "state" / "hub.db"
    watch = Peer(Broker("127.0.0.1", broker.port, username="watch", password=SecretStr("watch")), subscribe=["#"])
    url = f"mqtt://hub1@127.0.0.1:{broker.port}"
    async with (
        running(watch.link.run),
        said.program("run", "-c", path, words="link: up"),
        said.program("hub", "--broker", url, "--password-file", hubs, "--store", store, words="connected"),
    ):
        await until(lambda: watch.heard("falld/v1/h1/health"))
        async with said.program("test-alarm", "-c", path, "--wait", "1", words="missing: no person"):
            pass
        for verb, word in (
            (("doctor", "-c", path), "broker login"),
            (("config", "check", path), "correct"),
            (("support-bundle", "-c", path, "-o", bundle), "health.json"),
        ):
            assert word in await asyncio.to_thread(said.here, *verb)
        await until((home / "state" / COPY).exists)
        files = [file for file in (home / "state").rglob("*") if not file.is_dir()]
        assert {file.name for file in files} >= {"outbox.db", "hub.db", COPY, "control"}
        assert {file.name for file in files if file.stat().st_mode & 0o077} == set()
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path / "bundle", filter="data")
    assert CANARY not in said.all()
    assert not any(CANARY.encode() in payload or CANARY in topic for topic, payload, _ in watch.messages)
    assert leaks(home / "state") == leaks(tmp_path / "bundle") == []


async def test_a_home_that_is_not(broker: Mosquitto, tmp_path: Path, said: Said) -> None:
    """A wrong password in the environment, an alarm that tells its own, and a crash that tells the stack."""
    home = tmp_path / "home"
    alarm = 'alarm: {command: [sh, -c, "env; env >&2"], commit_s: 0.1}\n'
    path = configured(home, broker.port, "password_env: HOMES_PASSWORD", alarm, "fall-forward-waist")
    kept = {"HOMES_PASSWORD": WRONG, "CREDENTIALS_DIRECTORY": str(tmp_path / CANARY)}
    async with said.program("run", "-c", path, words="ALERT_ID=", **kept) as process:
        await until(lambda: "refused the login" in said.all())
        os.kill(process, signal.SIGABRT)
        await until(lambda: "Fatal Python error" in said.all())
    assert CANARY not in said.all()
    assert leaks(home / "state") == []


async def test_a_hub_that_is_not(broker: Mosquitto, tmp_path: Path, said: Said) -> None:
    url = f"mqtt://hub1@127.0.0.1:{broker.port}"
    store = tmp_path / "hub.db"
    words = "refused the login"
    async with said.program("hub", "--broker", url, "--store", store, words=words, FALLD_MQTT_PASSWORD=WRONG):
        pass
    assert CANARY not in said.all()


def test_every_mistake_that_puts_it_where_it_does_not_belong(
    need: Callable[[str], str], tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    locked = papers.path("locked")
    papers.run("pkcs8", "-topk8", "-in", papers.path("ca-key"), "-passout", f"pass:{RIGHT}", "-out", locked)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "broker").write_bytes(b"\xff" + RIGHT.encode())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("FALLD_MQTT_PASSWORD", RIGHT)
    own = "ca_file: ../ca.pem, cert_file: ../ca.pem, key_file: ../locked.pem"
    mistakes = [
        ("host: 127.0.0.1", f'host: "h1:{RIGHT}@127.0.0.1"'),
        ("host: 127.0.0.1", f'host: "mqtt://h1:{RIGHT}@127.0.0.1:1883"'),
        ("{host: 127.0.0.1, port: 1883, tls: false, password_credential: broker}", f"mqtts://h1:{RIGHT}@b.example"),
        ("password_credential: broker", f"password: {RIGHT}"),
        ("password_credential: broker", f"passphrase: {RIGHT}"),
        ("password_credential: broker", f"password_env: {RIGHT}"),
        ("password_credential: broker", f'password_credential: "{RIGHT} "'),
        ("password_credential: broker", f"password: *{RIGHT}"),
        ("password_credential: broker", f"password: !{RIGHT}"),
        ("password_credential: broker", f"password: '{RIGHT}"),
        ("password_credential: broker", f'password: "{RIGHT}\\q"'),
        ("id: h1", f"id: h1:{RIGHT}@b.example"),
        ("tls: false, password_credential: broker", own),
        ("port: 1883", "port: 1883"),
    ]
    for number, (good, bad) in enumerate(mistakes):
        path = configured(tmp_path / f"home-{number}", 1883, "password_credential: broker")
        assert good in path.read_text()
        path.write_text(path.read_text().replace(good, bad))
        for verb in (["doctor", "-c"], ["config", "check"], ["run", "-c"]):
            if verb[0] != "run" or good != "tls: false, password_credential: broker":
                assert said.here(*verb, path)
        said.here("support-bundle", "-c", path, "-o", path.with_name("bundle.tar.gz"))
        with tarfile.open(path.with_name("bundle.tar.gz")) as archive:
            archive.extractall(path.with_name("bundle"), filter="data")
        assert leaks(path.with_name("bundle")) == []
    assert said.here("hub", "--broker", f"mqtt://hub:{RIGHT}@127.0.0.1")
    assert said.here("hub", "--broker", "mqtt://127.0.0.1")
    assert said.here("config", "init", "--host", f"h1:{RIGHT}@h", "--no-password", "--wearable", "x")
    assert CANARY not in said.all()
