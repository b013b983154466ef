"""`falld doctor`, with real brokers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bluez import private_bus
from bluez import running as bluetooth
from brokers import Mosquitto, free_port
from click.testing import CliRunner
from papers import Papers
from programs import write_config
from wearables import PolarStrap

from falld.checkup.broker import certificate
from falld.cli import doctor, main
from falld.config.load import load


@pytest.fixture(autouse=True)
def _a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "clock_synced", lambda: True)


def examined(path: Path, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = CliRunner().invoke(main, ["doctor", "-c", str(path), "--json", *options])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return done.exit_code, {each["check"]: each for each in found}


def test_all_is_well(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        status, found = examined(write_config(tmp_path, broker.port))
        log = broker.log()
    skipped = {check for check, each in found.items() if each["verdict"] == "skip"}
    assert (status, skipped - {"wear"}) == (
        0,
        {"bluetooth", "daemon", "secrets", "power", "broker TLS", "commissioning"},
    )
    assert "MQTT 3.1.1" in found["broker login"]["what"]
    assert "Received DISCONNECT from falld-doctor-h1" in log
    assert not (tmp_path / "state").exists()


def test_wearables_that_advertise(need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, gone = "A0:9E:1A:0A:1B:2C", "A0:9E:1A:0A:1B:2D"
    path = write_config(tmp_path, free_port())
    both = f"- {{address: '{here}', id: here}}\n      - {{address: '{gone}', id: gone}}\n      - {{recording"
    path.write_text(path.read_text().replace("- {recording", both))
    monkeypatch.setattr(doctor, "SCAN_S", 3.0)

    async def beside() -> dict[str, dict[str, str]]:
        async with bluetooth() as bluez:
            bluez.add(PolarStrap(here))
            return (await asyncio.to_thread(examined, path))[1]

    with private_bus(need("dbus-daemon"), monkeypatch):
        found = asyncio.run(beside())
    assert (found["wearable here"]["verdict"], found["wearable gone"]["verdict"]) == ("pass", "do")
    assert "advertises, -" in found["wearable here"]["what"]
    assert "did not advertise in 3 s" in found["wearable gone"]["what"]


def test_each_of_two_brokers_is_looked_at(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        path = write_config(tmp_path, broker.port)
        second = f"  - broker: {{host: localhost, port: {free_port()}, tls: false}}\nalert:"
        path.write_text(path.read_text().replace("alert:", second))
        status, found = examined(path)
    assert (status, found["broker 1 login"]["verdict"], found["broker 2 TCP"]["verdict"]) == (1, "pass", "do")
    assert found["broker 2 login"]["what"] == "only when broker 2 TCP is well"


def test_a_login_that_is_refused(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path, "allow_anonymous false") as broker:
        status, found = examined(write_config(tmp_path, broker.port))
    assert (status, found["broker TCP"]["verdict"], found["broker login"]["verdict"]) == (1, "pass", "do")
    assert found["broker login"]["remedy"]


def test_a_broker_without_encryption_where_it_is_wanted(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        path = write_config(tmp_path, broker.port)
        path.write_text(path.read_text().replace("tls: false", "tls: true"))
        status, found = examined(path)
    verdicts = [found[f"broker {step}"]["verdict"] for step in ("name", "TCP", "TLS", "login")]
    assert (status, verdicts) == (1, ["pass", "pass", "do", "skip"])


@pytest.mark.parametrize(
    ("login", "check", "loaded"),
    [
        ("tls: false, password_credential: broker", "broker password", ["broker"]),
        ("cert_file: h1.pem, key_credential: broker-key", "broker key", ["broker-key"]),
        (
            "cert_file: h1.pem, key_credential: broker-key, password_credential: broker",
            "broker password",
            ["broker", "broker-key"],
        ),
    ],
)
def test_a_credential_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str, check: str, loaded: list[str]
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = write_config(tmp_path, 1883)
    path.write_text(path.read_text().replace("tls: false", login))
    status, found = examined(path)
    assert status == 1
    options = " ".join(f"--property=LoadCredential={each}:FILE" for each in loaded)
    assert f"{options} falld doctor" in found[check]["remedy"]


@pytest.mark.parametrize(
    ("name", "days", "up", "verdict", "told"),
    [
        ("h1", 90, False, "pass", "is for h1, until "),
        ("h1", 20, True, "do", "expires on "),
        ("h1", -1, True, "do", "has expired on "),
        ("h2", 90, True, "do", "is for h2, not for h1"),
        (None, 90, True, "do", "cannot be read (No such file"),
        (None, 90, False, "skip", "cannot be read (No such file"),
        ("ca", 90, True, "do", "the key in it is not that of"),
    ],
)
def test_the_homes_own_certificate(
    need: Callable[[str], str], tmp_path: Path, name: str | None, days: int, up: bool, verdict: str, told: str
) -> None:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    for each in ("h1", "h2"):
        papers.signed(each, "ca", days=days)
    path = write_config(tmp_path, free_port())
    own = f"cert_file: {name or 'none'}.pem, key_file: {name if name != 'ca' else 'h1'}-key.pem"
    path.write_text(path.read_text().replace("tls: false", own))
    config = load(path)
    (found,) = certificate(config, "broker", config.routes[0], up=up)
    assert (found.check, found.verdict, found.remedy is not None) == ("broker certificate", verdict, verdict == "do")
    assert told in found.what


def test_nothing_listens_and_nobody_answers_for_bluetooth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
    path = write_config(tmp_path, free_port())
    path.write_text(path.read_text().replace("- {recording", "- address: 'A0:9E:1A:0A:1B:2C'\n      - {recording"))
    monkeypatch.setattr(doctor, "FREE_BYTES", 2**80)
    status, found = examined(path)
    ill = {check for check, each in found.items() if each["verdict"] == "do"}
    assert (status, ill) == (1, {"bluetooth", "disk", "broker TCP"})
    assert found["broker login"]["what"] == "only when broker TCP is well"
    assert "BlueZ: does not answer" in found["bluetooth"]["what"]


def test_what_every_user_may_read(tmp_path: Path) -> None:
    path, password = write_config(tmp_path, free_port()), tmp_path / "password"
    path.write_text(path.read_text().replace("tls: false", "tls: false, password_file: password"))
    (tmp_path / "state").mkdir(0o755)
    password.touch(0o604)
    _, found = examined(path)
    for check, remedy in (("permissions", tmp_path / "state"), ("secrets", password)):
        assert (found[check]["verdict"], found[check]["remedy"]) == ("do", f"`chmod o= {remedy}`")
    (tmp_path / "state").chmod(0o750)
    password.chmod(0o640)
    _, found = examined(path)
    assert {found[check]["verdict"] for check in ("permissions", "secrets")} == {"pass"}


def test_every_mistake_of_the_configuration_is_a_line(tmp_path: Path) -> None:
    path = write_config(tmp_path, 1883)
    path.write_text(path.read_text().replace("raise_after_s", "raise_after"))
    done = CliRunner().invoke(main, ["doctor", "-c", str(path)])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"!!  configuration  {path}:10: alert.raise_after: unknown key; did you mean `raise_after_s`?",
        "ok  clock          it is synchronised",
    ]
