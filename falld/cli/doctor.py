"""What keeps this machine from being a fall alarm, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from falld.alert.clock import clock_synced
from falld.checkup import commissioning
from falld.checkup.broker import broker, certificate
from falld.checkup.finding import Finding, ill, tried
from falld.checkup.machine import power, wear
from falld.checkup.running import of_health, of_legs, of_route
from falld.cli.options import config_file
from falld.config.last_good import state_dir
from falld.config.load import DEFAULT_PATH, ConfigError, load
from falld.config.schema import Config, Route
from falld.daemon.control import ControlError, ask, ask_health
from falld.errors import FalldError
from falld.resources import shipped_bundle

ILL = 1
"""Exit status where there is something to do."""
FREE_BYTES = 64 * 2**20
"""A thousand clips of 64 KiB, or more alerts than a home has in its life."""
SIGNS = {"pass": "ok", "do": "!!", "skip": "?"}
SCAN_S = 10.0
"""Wearables advertise at least once in 10 s, most of them every second."""
TRIP_S = 20.0
"""A hub commits in milliseconds; a route that is tried second begins 8 s later."""
LEAST_BLUEZ = (5, 55)
"""What bleak asks for."""


@click.command()
@config_file("The configuration.", default=DEFAULT_PATH, show_default=True)
@click.option("--test-alarm", is_flag=True, help="Send a test alarm too, to see that a hub commits it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(path: Path, test_alarm: bool, as_json: bool) -> None:
    """Look at all that an alert needs on its way: `ok`, `!!` and what to do, or `?` where it cannot be looked at.

    Run it as the user of the service, who must be able to do all of it. Where the daemon runs, it is asked for what it
    alone knows: its logins, the hubs that it hears, each wearable. Nothing is sent and nothing is changed, but for the
    test alarm of `--test-alarm`, which shows on the responder's screen.

    Exit status: 0, all is well; 1, there is something to do.
    """
    findings = examine(path)
    if test_alarm:
        findings += _round_trip(path)
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
    folder = state_dir(config)
    health, daemon = _running(folder)
    bluetooth = tried("bluetooth", lambda: _bluetooth(config))
    return [
        Finding("configuration", "pass", f"{path} is correct"),
        bluetooth,
        daemon,
        tried("permissions", lambda: _permissions(state_dir(config))),
        tried("secrets", lambda: _secrets(config)),
        tried("disk", lambda: _disk(folder)),
        wear(folder if folder.exists() else folder.parent),
        power(),
        _clock(),
        *(
            finding
            for (name, route) in _named(config)
            for finding in _route(config, name, route, {} if health is None else health)
        ),
        tried("model", lambda: _model(config)),
        commissioning.finding(folder),
        *(of_health(health) if health is not None else _advertised(config) if bluetooth.verdict == "pass" else ()),
    ]


def _named(config: Config) -> list[tuple[str, Route]]:
    """The routes, and what their checks are called."""
    if len(config.routes) == 1:
        return [("broker", config.routes[0])]
    return [(f"broker {number}", route) for number, route in enumerate(config.routes, 1)]


def _running(folder: Path) -> tuple[dict[str, Any] | None, Finding]:
    """What the daemon that runs says of itself."""
    try:
        health = ask_health(folder)
    except ControlError as error:
        what = f"{error.what}; its logins, hubs and wearables are looked at only while it runs"
        return None, Finding("daemon", "skip", what, error.remedy)
    return health, Finding("daemon", "pass", f"it runs, with {health['model']}")


def _route(config: Config, name: str, route: Route, health: dict[str, Any]) -> list[Finding]:
    """As the daemon has it where it is up, else what keeps it from being so."""
    running = next((each for each in health.get("routes", ()) if each["route"] == route.broker.where), None)
    up = running is not None and running["up"]
    own = certificate(config, name, route, up=up)
    return [*own, *(of_route(name, running) if running is not None and up else broker(config, name, route))]


def _round_trip(path: Path) -> list[Finding]:
    """A test alarm, until each route's hub has committed it."""
    config = load(path)
    routes = {route.broker.where: name for name, route in _named(config)}
    came: list[tuple[str, float, str | None]] = []
    try:
        for leg in ask(state_dir(config), TRIP_S):
            came.append((leg.leg, leg.after_s, leg.route))
            if {route for what, _, route in came if what == "hub_committed"} >= set(routes):
                break
    except ControlError as error:
        return [ill("test alarm", error)]
    return of_legs(came, routes)


def _advertised(config: Config) -> list[Finding]:
    """Live wearables, where no daemon has a connection to them."""
    from falld.cli.scan import listen
    from falld.sensors.link import Wanted

    wearables = [each for wearer in config.wearers for each in wearer.wearables if each.recording is None]
    found: list[Finding] = []
    for adapter in sorted({each.adapter for each in wearables}, key=str):
        heard = asyncio.run(listen(adapter, SCAN_S))
        for each in wearables:
            if each.adapter != adapter:
                continue
            wanted = Wanted(each.address, each.name)
            seen = next((said for said in heard if wanted.is_meant(said.address, said.name)), None)
            check = f"wearable {each.source}"
            if seen is None:
                what = f"{wanted} did not advertise in {SCAN_S:g} s"
                remedy = "wear it, charge it, bring it nearer, and end what else is connected to it"
                found.append(Finding(check, "do", what, remedy))
            else:
                found.append(Finding(check, "pass", f"it advertises, {seen.rssi} dBm"))
    return found


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
    return f"{_bluez()}; {', '.join(f'{name} is {_on(up)}' for name, up in sorted(on.items()))}"


def _bluez() -> str:
    """Its version, where that is told."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(["bluetoothctl", "--version"], capture_output=True, text=True, timeout=5, check=False)
        found = re.search(r"(\d+)\.(\d+)", done.stdout)
        if found is not None and tuple(map(int, found.groups())) < LEAST_BLUEZ:
            least = ".".join(map(str, LEAST_BLUEZ))
            raise FalldError("BlueZ", f"is {found.group()}, {least} is wanted", "update the operating system")
        if found is not None:
            return f"BlueZ {found.group()} answers"
    return "BlueZ answers"


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


def _words(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{SIGNS[finding.verdict]:2}  {finding.check:14} {finding.what}{remedy}"
