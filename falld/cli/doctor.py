"""What keeps this machine from being a fall alarm, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from falld.alert.clock import clock_synced
from falld.cli.options import config_file
from falld.config.last_good import state_dir
from falld.config.load import DEFAULT_PATH, ConfigError, load
from falld.config.schema import Config, Route
from falld.daemon.login import broker_of
from falld.errors import FalldError
from falld.publish.broker import Broker
from falld.publish.faults import LinkError, Unanswered, of_connecting
from falld.publish.tls import tls_context
from falld.resources import shipped_bundle

ILL = 1
"""Exit status where there is something to do."""
FREE_BYTES = 64 * 2**20
"""A thousand clips of 64 KiB, or more alerts than a home has in its life."""
TCP_S = 5.0
"""As long as the daemon waits: a SYN is repeated after 1 s and 3 s, so two may be lost."""
AS_SERVICE = (
    "systemd gives it to the service alone: `systemd-run --pipe --uid=falld "
    "--property=LoadCredential={credential}:FILE falld doctor`, with the FILE of the service's unit"
)
Verdict = Literal["pass", "do", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    """`do`: there is something to do; `skip`: it could not be looked at, for the reason that is told."""
    what: str
    remedy: str | None = None


@click.command()
@config_file("The configuration.", default=DEFAULT_PATH, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(path: Path, as_json: bool) -> None:
    """Look at all that an alert needs on its way; each line says that it is well, or what to do.

    Run it as the user of the service, who must be able to do all of it. Nothing is sent and nothing is changed.

    Exit status: 0, all is well; 1, there is something to do.
    """
    findings = examine(path)
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else _words(finding))
    if any(finding.verdict == "do" for finding in findings):
        raise SystemExit(ILL)


def examine(path: Path) -> list[Finding]:
    """Everything, in the order in which it is best mended."""
    try:
        config = load(path)
    except ConfigError as error:
        wrong = [
            Finding("configuration", "do", f"{error.path}:{each.line}: {each.key}: {each.what}", each.remedy)
            for each in error.problems
        ]
        return [*wrong, _clock()]
    return [
        Finding("configuration", "pass", f"{path} is correct"),
        _tried("bluetooth", lambda: _bluetooth(config)),
        _tried("permissions", lambda: _permissions(state_dir(config))),
        _tried("secrets", lambda: _secrets(config)),
        _tried("disk", lambda: _disk(state_dir(config))),
        _clock(),
        *(finding for number, route in enumerate(config.routes, 1) for finding in _broker(config, number, route)),
        _tried("model", lambda: _model(config)),
    ]


def _tried(check: str, look: Callable[[], str | None]) -> Finding:
    """What `look` says is well; None: there is nothing to look at."""
    try:
        well = look()
    except FalldError as error:
        return Finding(check, "do", f"{error.where}: {error.what}", error.remedy)
    return Finding(check, "skip", "not needed here") if well is None else Finding(check, "pass", well)


def _bluetooth(config: Config) -> str | None:
    wearers = config.wearers
    wanted = {each.adapter for wearer in wearers for each in wearer.wearables if each.recording is None}
    wanted |= {button.adapter for wearer in wearers for button in wearer.buttons}
    if not wanted:
        return None
    from falld.sensors.bluez import powered

    on = asyncio.run(powered())
    for adapter in sorted(wanted, key=str):
        where = f"adapter {adapter or 'of this machine'}"
        if not on or (adapter is not None and adapter not in on):
            raise FalldError(where, "BlueZ has none", "plug it in, or see `rfkill list bluetooth` and `dmesg`")
        if not (on[adapter] if adapter is not None else any(on.values())):
            raise FalldError(where, "is off", "`rfkill unblock bluetooth`, then `bluetoothctl power on`")
    return f"BlueZ answers; {', '.join(f'{name} is {_on(up)}' for name, up in sorted(on.items()))}"


def _on(up: bool) -> str:
    return "on" if up else "off"


def _permissions(folder: Path) -> str:
    at = folder if folder.exists() else folder.parent  # the daemon makes it
    if not os.access(at, os.R_OK | os.W_OK | os.X_OK):
        remedy = "run this as the user of the service; else give the folder to that user"
        raise FalldError(str(at), f"cannot be written by user {os.geteuid()}", remedy)
    if folder.exists():
        _guarded(folder)
    return f"{at} can be written"


def _secrets(config: Config) -> str | None:
    brokers = [route.broker for route in config.routes]
    files = [path for each in brokers for path in (each.password_file, each.key_file) if path is not None]
    there = [path for path in files if path.exists()]  # that one is missing, the broker's checks tell
    for path in there:
        _guarded(path)
    return f"{', '.join(map(str, there))}: for its owner and group alone" if there else None


def _guarded(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o007:
        raise FalldError(str(path), f"is open to every user of this machine (mode {mode:03o})", f"`chmod o= {path}`")


def _disk(folder: Path) -> str:
    at = folder if folder.exists() else folder.parent
    try:
        volume = os.statvfs(at)
    except OSError as error:
        raise FalldError(str(at), f"cannot be looked at: {error.strerror}", "make the folder") from None
    free = volume.f_bavail * volume.f_frsize
    if free < FREE_BYTES:
        what = f"{free / 2**20:.0f} MiB are free, {FREE_BYTES / 2**20:.0f} MiB are wanted"
        raise FalldError(str(at), what, "make room")
    return f"{free / 2**20:.0f} MiB are free at {at}"


def _clock() -> Finding:
    if clock_synced():
        return Finding("clock", "pass", "it is synchronised")
    what = "it is not synchronised, so alerts go out without the time of the fall"
    return Finding("clock", "do", what, "`timedatectl set-ntp true`, and let time servers through the firewall")


def _model(config: Config) -> str:
    from falld.detect.bundle import Bundle

    bundle = Bundle.load(config.detector.bundle or shipped_bundle())
    return f"{bundle.name} gives the probabilities that it gave where it was made"


def _broker(config: Config, number: int, route: Route) -> list[Finding]:
    """Name, TCP, TLS and login; what comes after a fault cannot be looked at."""
    found: list[Finding] = []
    name = "broker" if len(config.routes) == 1 else f"broker {number}"
    steps: list[tuple[str, Callable[[Broker], str | None]]] = [
        ("name", _name), ("TCP", _tcp), ("TLS", _tls),
        ("login", lambda broker: asyncio.run(_login(broker, config.home.id))),
    ]  # fmt: skip
    try:
        broker = broker_of(route.broker, config.home.id)
    except FalldError as error:
        credential = route.broker.password_credential or route.broker.key_credential
        given = credential is None or "CREDENTIALS_DIRECTORY" in os.environ
        remedy = error.remedy if given else AS_SERVICE.format(credential=credential)
        return [Finding(f"{name} password", "do", f"{error.where}: {error.what}", remedy)]
    for step, look in steps:
        check = f"{name} {step}"
        failed = next((finding.check for finding in found if finding.verdict != "pass" and finding.remedy), None)
        if failed is not None:
            found.append(Finding(check, "skip", f"only when {failed} is well"))
        else:
            found.append(_tried(check, lambda look=look: look(broker)))  # type: ignore[misc]
    return found


def _name(broker: Broker) -> str:
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise of_connecting(broker.where, error) from None
    return f"{broker.host} is {', '.join(sorted({str(each[4][0]) for each in found}))}"


def _tcp(broker: Broker) -> str:
    try:
        socket.create_connection((broker.host, broker.port), TCP_S).close()
    except OSError as error:
        raise of_connecting(broker.where, error) from None
    return f"{broker.where} answers"


def _tls(broker: Broker) -> str | None:
    if broker.tls is None:
        return None
    context = tls_context(broker.tls)
    try:
        with (
            socket.create_connection((broker.host, broker.port), TCP_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as encrypted,
        ):
            return f"{encrypted.version()}, and the certificate is for {broker.host}"
    except OSError as error:
        raise of_connecting(broker.where, error) from None


async def _login(broker: Broker, home: str) -> str:
    """By a client id of its own, so that the daemon keeps its connection, and without a last will of the home."""
    try:
        version = await _log_in(broker, home, "3.1.1" if broker.protocol == "3.1.1" else "5")
    except Unanswered:
        if broker.protocol != "auto":
            raise
        version = await _log_in(broker, home, "3.1.1")
    shown = broker.tls is not None and broker.tls.cert_file is not None
    name = broker.username or ("its certificate says" if shown else "nobody")
    return f"as {name}, MQTT {version}; the home's topics may be listened to"


async def _log_in(broker: Broker, home: str, version: Literal["5", "3.1.1"]) -> str:
    from falld.alert.topics import Topics
    from falld.publish.connection import Connection, Timing

    topics = Topics(home)
    connection = Connection(
        broker,
        f"falld-doctor-{home}",
        version,
        will=None,
        on_message=lambda topic, payload, retain: None,
        timing=Timing(),
    )
    refused: list[LinkError] = []
    try:
        await connection.open(Timing().answer)
        refused = await connection.subscribe([topics.ack, topics.response, topics.command])
    finally:
        await connection.close(politely=True)
    if refused:
        raise refused[0]
    return version


def _words(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.verdict:4}  {finding.check:14} {finding.what}{remedy}"
