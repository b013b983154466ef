"""The service, and the test alarm that shows that it is one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from installer.package import Package
from installer.places import KEY, PASSWORD, TESTED, write
from installer.words import UNHEARD, WELL, Stop, run, say, told

READY_S = 240.0
"""The unit gives the daemon 180 s."""
TRY_S = 60.0
"""A test alarm is tried anew for so long; each waits for 20 s."""
GIVEN_UP = 3
"""Starts in vain."""
AS_SERVICE = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=falld")
DOCTOR = ("/usr/bin/falld", "doctor", "--json", "--test-alarm")
Finding = Mapping[str, str]


def service(*, restart: bool) -> bool:
    """Lets it run, now and with the machine. Gives whether that changed anything."""
    running = told("systemctl", "is-active", "falld") == "active"
    enabled = told("systemctl", "is-enabled", "falld") == "enabled"
    if not enabled:
        run("systemctl", "--quiet", "enable", "falld")
    if restart and running:
        run("systemctl", "stop", "falld")
    if not started():
        said = told("journalctl", "--no-pager", "--output=cat", "--unit=falld", "--lines=3")
        raise Stop("service", f"it does not get ready: {' / '.join(said.splitlines())}", "mend that", UNHEARD)
    say("ok", "service", f"it runs in its sandbox, and starts with the machine; {status()}")
    return restart or not (running and enabled)


def started() -> bool:
    """Whether it got ready; it is tried anew by systemd."""
    told("systemctl", "start", "falld")
    give_up = time.monotonic() + READY_S
    while told("systemctl", "is-active", "falld") != "active":
        if time.monotonic() > give_up or int(shown("NRestarts") or 0) > GIVEN_UP:
            return False
        time.sleep(1)
    return True


def status() -> str:
    """What it says of itself."""
    return shown("StatusText")


def shown(what: str) -> str:
    return told("systemctl", "show", "--value", f"--property={what}", "falld")


def try_alarm(within_s: float, wanted: AbstractSet[str]) -> tuple[dict[str, str], list[Finding]]:
    """A test alarm, tried anew until a hub has committed it over one way, and over all that are wanted.

    Returns:
        Of each way what is told, and all that `falld doctor` found last.
    """
    give_up = time.monotonic() + within_s
    while True:
        found = findings()
        came = {each["check"]: each["what"] for each in found if _is_trip(each) and each["verdict"] == "pass"}
        if (came and wanted <= set(came)) or time.monotonic() > give_up:
            return came, found
        time.sleep(2)


def findings() -> list[Finding]:
    """As the user of the service, with what it may read."""
    loaded = [f"{name}:{path}" for name, path in (("broker", PASSWORD), ("broker-key", KEY)) if path.exists()]
    command = [*AS_SERVICE, *(f"--property=LoadCredential={each}" for each in loaded), *DOCTOR]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=200, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]
    except (subprocess.TimeoutExpired, ValueError):
        return []


def _is_trip(finding: Finding) -> bool:
    return finding["check"].endswith(" trip")


def tested(package: Package) -> int:
    """Once for each package, as somebody sees it. Gives the exit status."""
    if TESTED.exists() and TESTED.read_text() == package.sha256:
        say("ok", "test alarm", "a monitoring hub has committed one with this package before")
        return WELL
    return heard(package, *try_alarm(TRY_S, frozenset()))


def heard(package: Package, came: Mapping[str, str], found: Sequence[Finding]) -> int:
    """Tells how a test alarm went, and what else there is to do. Gives the exit status."""
    for each in found:
        if each["verdict"] == "do" and not _is_trip(each):
            say("!!", each["check"], "; ".join(filter(None, (each["what"], each["remedy"]))))
    if not came:
        say("!!", "test alarm", "no monitoring hub has committed it; see that one runs, and run this again")
        return UNHEARD
    for what in came.values():
        say("ok", "test alarm", what)
    write(TESTED, package.sha256, 0o600)
    return WELL
