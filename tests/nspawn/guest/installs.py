"""The installer on a booted Debian: the first time, again, upgrades that go well and that do not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trials import PACKAGE, STATE, main, run, say, show, until, waiting

INSTALL = "/root/falld-install"
CONFIG, PASSWORD = Path("/etc/falld/falld.yaml"), Path("/etc/falld/broker.password")
SET = (CONFIG, PASSWORD, Path("/etc/bluetooth/main.conf"), Path("/etc/systemd/journald.conf.d/falld.conf"))
HUB_STORE = "/srv/hub.db"
SCHEMA = '    """ALTER TABLE outbox ADD COLUMN more TEXT;""",\n)\n"""Script n brings'
"""A third script, before what follows the scripts in falld/alert/database.py."""


def install(*options: str, expected: int) -> str:
    """What it said, which the trials show."""
    done = subprocess.run(
        [INSTALL, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    say(f"$ falld-install {' '.join(options)}\n{done.stdout}(status {done.returncode})")
    assert done.returncode == expected
    return done.stdout


def hub(*arguments: str) -> list[str]:
    """The hub is another machine's: it is no part of what is installed, upgraded and taken back here."""
    (site,) = Path("/srv/hub/opt/falld/lib").glob("*/site-packages")
    return ["env", f"PYTHONPATH={site}", "/usr/bin/python3", "-m", "falld", "hub", "--store", HUB_STORE, *arguments]


def start_hub(*login: str) -> None:
    """By a password, if nothing else is said."""
    login = login or ("--broker", "mqtt://hub1@127.0.0.1", "--password-file", "/root/hub.password")
    run("systemd-run", "--unit=elsewhere", "--collect", *hub("--name", "hub1", *login))
    until(lambda: "elsewhere" in run("systemctl", "list-units", "--state=active"))


def at_hub() -> dict[str, dict[str, object]]:
    return {alert["alert_id"]: alert for alert in map(json.loads, run(*hub("list", "--json")).splitlines())}


def version() -> str:
    return run("dpkg-query", "-W", "-f=${Version}", "falld")


def call_for(wearer: str) -> str:
    said = run("falld", "help-call", "-c", str(CONFIG), wearer)
    return re.findall(r"called: alert (\S+)", said)[0]


@contextmanager
def package(add: str, *edits: tuple[str, str, str]) -> Iterator[str]:
    """This one with a later version, and with other text in some of its files."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        run("dpkg-deb", "--raw-extract", PACKAGE, str(tree))
        (falld,) = tree.glob("opt/falld/lib/*/site-packages/falld")
        for name, before, after in (
            *edits,
            ("../../../../../../DEBIAN/control", "\nArchitecture", f"{add}\nArchitecture"),
        ):
            text = (falld / name).read_text()
            assert before in text, name
            (falld / name).write_text(text.replace(before, after))
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), f"{folder}/falld.deb")
        shutil.rmtree(tree)
        yield f"{folder}/falld.deb"


def a_broker_and_a_hub_are_there() -> None:
    Path("/root/hub.password").write_text("secret of hub1\n")
    run("dpkg-deb", "--extract", PACKAGE, "/srv/hub")
    run("systemctl", "start", "mosquitto")
    start_hub()


def one_command_ends_with_a_test_alarm_that_a_hub_has() -> None:
    Path("/root/h1.password").write_text("secret of h1\n")
    broker = ("--host", "127.0.0.1", "--home", "h1", "--password-file", "/root/h1.password")
    said = install(PACKAGE, *broker, "--wearable", "Polar Sense 0A1B2C3D", "--placement", "upper_arm", expected=0)
    assert "ok  test alarm" in said
    assert [alert["home"] for alert in at_hub().values()] == ["h1"]
    wanted = {"ActiveState": "active", "UnitFileState": "enabled", "User": "falld", "NoNewPrivileges": "yes"}
    assert {what: show("falld", what) for what in wanted} == wanted
    assert show("falld", "ProtectSystem") == "strict"
    assert (PASSWORD.stat().st_mode & 0o777, CONFIG.stat().st_mode & 0o777, STATE.stat().st_mode & 0o777) == (
        0o600, 0o644, 0o700,
    )  # fmt: skip
    assert "secret" not in CONFIG.read_text() + said
    le = Path("/etc/bluetooth/main.conf").read_text().split("\n[LE]\n")[1]
    assert "\nConnectionSupervisionTimeout=500\n" in le.split("\n[")[0]


def again_it_changes_nothing() -> None:
    before = [(path.stat().st_mtime_ns, path.stat().st_ino) for path in SET], show("falld", "MainPID"), len(at_hub())
    assert "nothing was changed" in install(PACKAGE, expected=0)
    after = [(path.stat().st_mtime_ns, path.stat().st_ino) for path in SET], show("falld", "MainPID"), len(at_hub())
    assert after == before


def upgrades_with_an_outbox_that_is_not_empty() -> None:
    """As it is where no hub can be reached: that is no reason to take the upgrade back."""
    run("systemctl", "stop", "elsewhere")
    alert_id = call_for("w1")
    until(lambda: waiting() > 0)
    was = version()
    with package("+1") as newer:
        assert "?   before" in install(newer, expected=1)
        assert version() == f"{was}+1"
        assert waiting() > 0
        start_hub()
        until(lambda: waiting() == 0)
        assert at_hub()[alert_id]["state"] == "raised"
        install(newer, expected=0)


def an_installation_that_was_cut_off_is_taken_up() -> None:
    with package("+cut") as newer:
        with subprocess.Popen(["dpkg", "--install", newer], stdout=subprocess.DEVNULL) as installing:
            until(lambda: "half-installed" in run("dpkg-query", "-W", "-f=${Status}", "falld"))
            installing.kill()
        assert run("dpkg-query", "-W", "-f=${db:Status-Status}", "falld") != "installed"
        assert "ok  test alarm" in install(newer, expected=0)
    assert version().endswith("+cut")
    assert (run("dpkg", "--verify", "falld"), show("falld", "ActiveState")) == ("", "active")


def takes_an_upgrade_back_that_does_not_reach_the_hub() -> None:
    """It has brought the outbox to another schema, and had calls for help meanwhile."""
    text = CONFIG.read_text()
    CONFIG.write_text(
        text.replace("\nroutes:", "  - id: w2\n    wearables:\n      - name: Polar Sense 99999999\n\nroutes:")
    )
    run("systemctl", "restart", "falld")
    was, old = version(), call_for("w1")
    until(lambda: waiting() == 0)
    deaf = (("alert/topics.py", "falld/v1", "falld/v0"), ("alert/database.py", ')\n"""Script n brings', SCHEMA))
    with package("+deaf", *deaf) as newer:
        command = [INSTALL, newer]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as installing:
            until(lambda: version().endswith("+deaf") and show("falld", "ActiveState") == "active")
            until(lambda: (STATE / "control").exists())
            new, again = call_for("w2"), call_for("w1")
            said, _ = installing.communicate(timeout=600)
    say(f"$ falld-install {newer}\n{said}(status {installing.returncode})")
    assert installing.returncode == 3
    assert (version(), again) == (was, old)
    assert (show("falld", "ActiveState"), show("falld", "User")) == ("active", "falld")
    until(lambda: waiting() == 0)
    assert at_hub()[new]["state"] == "raised"
    assert at_hub()[old]["state"] == "raised"
    assert "alone, messages: 1;" in said
    assert (STATE / "taken-back/outbox.db").exists()
    assert not (STATE / "before-upgrade").exists()
    assert {path.owner() for path in STATE.rglob("*")} == {"falld"}
    assert "nothing was changed" in install("/var/lib/falld-install/installed.deb", expected=0)


def takes_an_upgrade_back_that_does_not_start() -> None:
    was = version()
    for put, told in (("raise SystemExit(1)", "it does not get ready"), ("a mistake", "it cannot be installed")):
        with package("+dead", ("daemon/run.py", "\nimport asyncio\n", f"\n{put}\n")) as newer:
            assert told in install(newer, expected=3)
        assert version() == was
        assert show("falld", "ActiveState") == "active"


def leaves_what_runs_where_something_is_wrong() -> None:
    pid = show("falld", "MainPID")
    assert "SHA-256" in install(PACKAGE, "--sha256", "0" * 64, expected=2)
    assert "dpkg-deb" in install(INSTALL, expected=2)
    assert "there is no way back" in install_without_the_kept_package()
    assert show("falld", "MainPID") == pid


def install_without_the_kept_package() -> str:
    kept = Path("/var/lib/falld-install/installed.deb")
    kept.rename("/root/aside.deb")
    try:
        return install(PACKAGE, expected=2)
    finally:
        Path("/root/aside.deb").rename(kept)


TRIALS = (
    a_broker_and_a_hub_are_there,
    one_command_ends_with_a_test_alarm_that_a_hub_has,
    again_it_changes_nothing,
    upgrades_with_an_outbox_that_is_not_empty,
    an_installation_that_was_cut_off_is_taken_up,
    takes_an_upgrade_back_that_does_not_reach_the_hub,
    takes_an_upgrade_back_that_does_not_start,
    leaves_what_runs_where_something_is_wrong,
)


if __name__ == "__main__":
    os.chdir("/root")
    main(TRIALS)
