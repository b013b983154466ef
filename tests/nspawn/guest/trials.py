"""falld as a service of a booted Debian, from its package's installation to its purge."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = "/root/falld.deb"
STATE = Path("/var/lib/falld")
CONFIG = """\
version: 1
home: {{id: h1}}
wearers:
  - id: w1
    wearables:
      - {{recording: {recording}, id: belt, speed: 4}}
routes:
  - broker: {{host: 127.0.0.1, port: 1883, tls: false, username: h1, password_credential: broker}}
alert: {{raise_after_s: 5}}
alarm: {{command: [/opt/falld/bin/python3, /etc/falld/probe.py], commit_s: 3}}
"""
HUB = "FALLD_HUB=--name hub1 --broker mqtt://hub1@127.0.0.1 --password-file /run/credentials/falld-hub.service/hub\n"
COMMITTED = re.compile(r"committed: fall suspected, message 1 of alert (\S+)")
SOON_S = 120.0
"""For what takes seconds on a machine that does nothing else."""


def run(*command: str, within_s: float = 300, **how: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False, **how)
    assert done.returncode == 0, f"{' '.join(command)}: status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def show(unit: str, what: str) -> str:
    return run("systemctl", "show", "--value", f"--property={what}", unit).strip()


def journal(unit: str) -> str:
    return run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")


def waiting() -> int:
    """Messages that no hub has, as the service says of itself; -1: it says nothing."""
    said = re.search(r"(\d+) messages wait for a hub", show("falld", "StatusText"))
    return int(said.group(1)) if said else -1


def until(true: Callable[[], object], within_s: float = SOON_S) -> None:
    give_up = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up, f"waited {within_s:g} s in vain"
        time.sleep(0.2)


def at_hub(alert_id: str) -> dict[str, object]:
    listed = run("falld", "hub", "list", "--json", "--store", "/var/lib/falld-hub/hub.db").splitlines()
    alerts = {alert["alert_id"]: alert for alert in map(json.loads, listed)}
    return alerts.get(alert_id, {})


def installs_and_does_not_start() -> None:
    run("dpkg", "--install", PACKAGE)
    for unit in ("falld", "falld-hub"):
        assert (show(unit, "LoadState"), show(unit, "ActiveState")) == ("loaded", "inactive")
    assert run("falld", "--version").startswith("falld")
    assert STATE.exists() is False
    assert Path("/etc/falld/broker.password").stat().st_mode & 0o777 == 0o600


def starts_and_says_that_it_is_ready() -> None:
    (recording,) = Path("/opt/falld/lib").glob("*/site-packages/falld/_data/recordings/fall-forward-waist.csv.gz")
    Path("/etc/falld/falld.yaml").write_text(CONFIG.format(recording=recording))
    Path("/etc/falld/broker.password").write_text("secret of h1\n")
    Path("/etc/falld/hub.password").write_text("secret of hub1\n")
    Path("/etc/falld/hub.env").write_text(HUB)
    shutil.copy(HERE / "probe.py", "/etc/falld")
    shutil.copy(HERE / "bluez.conf", "/etc/dbus-1/system.d")
    run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    run("systemd-run", "--unit=bluez-stand-in", "/opt/falld/bin/python3", str(HERE / "stand_in_bluez.py"))
    until(lambda: "org.bluez" in run("busctl", "list"))
    run("systemctl", "enable", "--now", "falld", "falld-hub")
    for unit in ("falld", "falld-hub"):
        assert (show(unit, "Type"), show(unit, "ActiveState")) == ("notify", "active")
    assert "of 1 wearables stream" in show("falld", "StatusText")
    assert STATE.stat().st_mode & 0o777 == 0o700


def a_fall_waits_in_the_outbox_and_the_own_alarm_runs_in_the_sandbox() -> None:
    until(lambda: waiting() > 0)
    until((STATE / "probe.json").exists)
    probed = json.loads((STATE / "probe.json").read_text())
    assert [name for name, outcome in probed["refused"].items() if outcome == "done"] == []
    assert [(name, outcome) for name, outcome in probed["allowed"].items() if outcome != "done"] == []
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "CREDENTIALS_DIRECTORY"} & set(probed["environment"])
    assert set(probed["processes"]) <= {"falld", "python3", "python3.11", "python3.13"}, probed["processes"]


def who_hangs_is_killed_and_started_again() -> None:
    """With what it had: nobody could take it, for the broker does not run."""
    (alert_id, *_) = COMMITTED.findall(journal("falld"))
    before = {unit: int(show(unit, "MainPID")) for unit in ("falld", "falld-hub")}
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)
    for unit, pid in before.items():
        until(
            lambda unit=unit, pid=pid: (
                show(unit, "ActiveState") == "active" and show(unit, "MainPID") not in (str(pid), "0")
            )
        )
        assert show(unit, "NRestarts") == "1"
        assert "Watchdog timeout" in journal(unit)
        assert "Fatal Python error: Aborted" in journal(unit)
    assert waiting() > 0
    run("systemctl", "start", "mosquitto")
    until(lambda: at_hub(alert_id))
    until(lambda: waiting() == 0)


def the_broker_is_started_again() -> None:
    assert show("mosquitto", "User") == "mosquitto"
    pid = show("mosquitto", "MainPID")
    os.kill(int(pid), signal.SIGKILL)
    until(lambda: show("mosquitto", "ActiveState") == "active" and show("mosquitto", "MainPID") not in (pid, "0"))
    until(lambda: "no fault" in show("falld", "StatusText"))


def upgrades_with_alerts_that_wait() -> None:
    """The recording is played again after each start: another fall of the same wearer."""
    run("systemctl", "stop", "mosquitto")
    run("systemctl", "restart", "falld")
    until(lambda: waiting() > 0)
    (alert_id, *_) = COMMITTED.findall(journal("falld"))
    before, known = show("falld", "MainPID"), at_hub(alert_id)["last_seq"]
    run("dpkg", "--install", PACKAGE)
    assert show("falld", "ActiveState") == "active"
    assert show("falld", "MainPID") != before
    assert waiting() > 0
    run("systemctl", "start", "mosquitto")
    until(lambda: waiting() == 0)
    assert at_hub(alert_id)["last_seq"] > known


def a_removal_keeps_alerts_and_a_purge_leaves_nothing() -> None:
    run("dpkg", "--remove", "falld")
    assert not Path("/opt/falld").exists()
    assert (STATE / "outbox.db").exists()
    assert Path("/etc/falld/falld.yaml").exists()
    assert show("falld", "LoadState") == "not-found"
    run("dpkg", "--purge", "falld")
    for own in ("/etc/systemd/system/mosquitto.service.d/falld.conf", PACKAGE):
        Path(own).unlink()
    left = run("find", "/", "-xdev", "-name", "*falld*", "-not", "-path", "/root/*")
    assert left == ""
    assert "falld" not in Path("/etc/passwd").read_text() + Path("/etc/group").read_text()


TRIALS = (
    installs_and_does_not_start,
    starts_and_says_that_it_is_ready,
    a_fall_waits_in_the_outbox_and_the_own_alarm_runs_in_the_sandbox,
    who_hangs_is_killed_and_started_again,
    the_broker_is_started_again,
    upgrades_with_alerts_that_wait,
    a_removal_keeps_alerts_and_a_purge_leaves_nothing,
)


def main(trials: tuple[Callable[[], None], ...]) -> None:
    """Each begins where the one before has ended."""
    for trial in trials:
        began = time.monotonic()
        try:
            trial()
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError, KeyError):
            say(f"FAILED {trial.__name__}\n{traceback.format_exc()}")
            for unit in ("falld", "falld-hub", "mosquitto"):
                say(f"--- {unit}: {show(unit, 'StatusText')}\n{journal(unit)[-3000:]}")
            break
        say(f"passed {trial.__name__.replace('_', ' ')} ({time.monotonic() - began:.1f} s)")
    else:
        say("all trials passed")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(TRIALS)
