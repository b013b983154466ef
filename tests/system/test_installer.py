"""What of the installer needs no machine of its own; `tests/nspawn/booted.py` runs all of it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from falld.alert.draft import Draft
from falld.alert.outbox import Outbox, join

DEPLOYED = Path(__file__).parents[2] / "deploy/raspberrypi"
sys.path.insert(0, str(DEPLOYED / "install"))

from installer import answers, outbox, package, settings, upgrade  # noqa: E402
from installer.places import write  # noqa: E402
from installer.words import Failed, Stop, run  # noqa: E402

OLD, NEW = "0190163d-8694-739b-aea5-966c26f8ad90", "0190163d-8694-739b-aea5-966c26f8ad91"
NEWER = "ALTER TABLE outbox ADD COLUMN more TEXT; PRAGMA user_version = 99;"
UNREADABLE = "ALTER TABLE outbox RENAME COLUMN body TO text; PRAGMA user_version = 99;"
WANTED = {"MinConnectionInterval": "24", "ConnectionSupervisionTimeout": "500"}


def test_what_is_set_stays_set() -> None:
    text = (
        "[General]\nName = a\n\n[LE]\n# of links\n#MinConnectionInterval=\nConnectionSupervisionTimeout=500\n\n[GATT]\n"
    )
    once, others = settings.with_settings(text, WANTED)
    assert once == text.replace("[LE]\n", "[LE]\nMinConnectionInterval=24\n")
    assert others == {}
    assert settings.with_settings(once, WANTED) == (once, {})


def test_what_somebody_else_set_is_told_and_stays() -> None:
    text = "[LE]\nMinConnectionInterval = 6\n[GATT]\nConnectionSupervisionTimeout=1\n"
    after, others = settings.with_settings(text, WANTED)
    assert after == text.replace("[LE]\n", "[LE]\nConnectionSupervisionTimeout=500\n")
    assert others == {"MinConnectionInterval": "6"}


@pytest.mark.parametrize("text", ["", "[General]\nName = a\n"])
def test_a_file_without_the_section_gets_one(text: str) -> None:
    once, _ = settings.with_settings(text, WANTED)
    assert once.endswith("[LE]\nMinConnectionInterval=24\nConnectionSupervisionTimeout=500\n")
    assert once.startswith(text)
    assert settings.with_settings(once, WANTED) == (once, {})


def test_answers_stand_in_for_options_that_are_not_given(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_bytes(b'\xef\xbb\xbfhost = "a"\r\nport = 8884\r\nca-file = "ca.pem"\r\npassword = "secret"\r\n')
    given = answers.parse(["--answers", str(file), "--host", "b", "falld.deb"], "")
    assert (given.host, given.port, given.ca_file) == ("b", 8884, str(tmp_path / "ca.pem"))
    assert given.password == "secret"
    assert given.no_password is False


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('hots = "a"', "hots is not known"),
        ('port = "8883"', "port is not a number"),
        ("host = yes", "Invalid value"),
    ],
)
def test_answers_that_are_wrong_are_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "answers.toml"
    file.write_text(text)
    with pytest.raises(Stop, match=told):
        answers.answers_of(file)


def test_answers_may_be_gone_only_where_they_were_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop, match="is not there"):
        answers.answers_of(tmp_path / "answers.toml")
    monkeypatch.setattr(answers, "CONFIG", tmp_path)
    assert answers.answers_of(tmp_path / "answers.toml") == {}


def test_a_program_that_is_missing_is_told() -> None:
    with pytest.raises(Failed, match="no-such-program: No such file"):
        run("no-such-program")


def test_what_is_written_is_on_the_disk_before_what_it_came_from_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a power cut: which of the two is safe after it is told by what was synchronised, and when."""
    file, synced = tmp_path / "key", []
    monkeypatch.setattr(os, "fsync", lambda at: synced.append((Path(f"/proc/self/fd/{at}").readlink(), file.exists())))
    write(file, "secret", 0o600)
    assert synced == [(tmp_path / ".key.new", False), (tmp_path, True)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_password_is_taken_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        answers.parse(["--password", "secret", "falld.deb"], "")
    assert "unrecognized arguments: --password" in capsys.readouterr().err


@pytest.fixture
def deb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[[str], str]) -> Callable[[str], str]:
    """Makes a package of this name, of this machine's kind."""
    need("dpkg-deb")
    arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
    monkeypatch.setattr(package, "GIVEN", tmp_path / "given.deb")

    def make(name: str) -> str:
        tree = tmp_path / name
        settings_there = tree / package.SETTINGS
        settings_there.mkdir(parents=True)
        (settings_there / "journald.conf").write_text("[Journal]\n")
        (tree / "DEBIAN").mkdir()
        fields = f"Package: {name}\nVersion: 1.0\nArchitecture: {arch}Maintainer: a <a@example.org>\nDescription: b\n"
        (tree / "DEBIAN/control").write_text(fields)
        file = f"{tmp_path}/{name}.deb"
        subprocess.run(["dpkg-deb", "--build", str(tree), file], capture_output=True, check=True)
        return file

    return make


def test_a_package_is_looked_at_before_it_is_used(deb: Callable[[str], str]) -> None:
    file = deb("falld")
    given = package.fetch(file, None)
    assert given.version == "1.0"
    assert package.setting(given, "journald.conf") == "[Journal]\n"
    assert package.fetch(Path(file).as_uri(), given.sha256.upper()) == given
    with pytest.raises(Stop, match="SHA-256"):
        package.fetch(file, "0" * 64)
    with pytest.raises(Stop, match="without --sha256"):
        package.fetch(Path(file).as_uri(), None)
    with pytest.raises(Stop, match="it is other for"):
        package.fetch(deb("other"), None)


def test_what_power_has_cut_off_is_configured_before_apt_is_asked(
    deb: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With stand-ins for dpkg and apt; tests/nspawn has the real ones."""
    given = package.fetch(deb("falld"), None)
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    for name in ("dpkg", "dpkg-query", "apt-get"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    package.apt(given)
    first, *_, last = log.read_text().splitlines()
    assert first == "dpkg --configure -a"
    assert (last.split()[0], last.split()[-1]) == ("apt-get", str(given.path))


def commit(box: Outbox, alert_id: str, seq: int, *open_alerts: str, kind: str = "fall") -> None:
    draft = Draft(
        alert_id=alert_id, seq=seq, wearer="anna", sources=("watch",), kind=kind, state="raised", raise_after_s=None,
        boot_id="boot-1", impact_t=97.5, probability=0.9, why="", model="m-1", falls=1,
    )  # fmt: skip
    made = join(draft, boot_id="boot-1", now=100.0, utc_now=datetime(2026, 1, 31, tzinfo=UTC), clock_synced=True)
    box.commit([made], {"boot_id": "boot-1", "episodes": [{"alert_id": each} for each in open_alerts]}, 100.0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Before an upgrade: one alert, of which no hub has its first message; and the copy."""
    box = Outbox.open(tmp_path / "outbox.db")
    commit(box, OLD, 1, OLD)
    box.close()
    outbox.keep(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("*-wal"))


def held(state: Path) -> list[tuple[str, int]]:
    box = Outbox.open(state / "outbox.db")
    try:
        return box.waiting()
    finally:
        box.close()


def test_an_outbox_of_the_same_schema_is_gone_on_with(state: Path) -> None:
    box = Outbox.open(state / "outbox.db")
    commit(box, OLD, 2, OLD)
    commit(box, NEW, 1, OLD, NEW)
    box.close()
    outbox.give_back(state)
    assert held(state) == [(OLD, 1), (OLD, 2), (NEW, 1)]
    assert not (state / "before-upgrade").exists()


def migrated(state: Path, script: str) -> None:
    """By a newer falld that had a new alert and went on with the old one, was killed, and left its log."""
    box = Outbox.open(state / "outbox.db")
    commit(box, OLD, 2, OLD)
    commit(box, NEW, 1, OLD, NEW)
    commit(box, NEW, 2, OLD, NEW)
    box.close()
    code = "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(state / "outbox.db"), script], check=True)
    assert (state / "outbox.db-wal").exists()


def test_alerts_are_carried_over_from_an_outbox_of_a_newer_schema(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrated(state, NEWER)
    outbox.give_back(state)
    assert held(state) == [(OLD, 1), (NEW, 1), (NEW, 2)]
    assert "alone, messages: 1;" in capsys.readouterr().out
    box = Outbox.open(state / "outbox.db")
    commit(box, OLD, 2, OLD)  # its life goes on from the copy, and meets nothing in its way
    (first, *_) = box.due("broker:8883", 9)
    assert json.loads(box.sending(first, 101.0, "boot-1"))["age_s"] == 3.5
    box.close()
    with closing(sqlite3.connect(state / "taken-back/outbox.db")) as aside:
        assert aside.execute("PRAGMA user_version").fetchone() == (99,)
        assert aside.execute("SELECT count(*) FROM outbox").fetchone() == (4,)


def test_what_cannot_be_carried_over_stays_where_it_is(state: Path) -> None:
    migrated(state, UNREADABLE)
    with pytest.raises(sqlite3.Error, match="body"):
        outbox.give_back(state)
    with closing(sqlite3.connect(state / "outbox.db")) as live:
        assert live.execute("SELECT count(*) FROM outbox").fetchone() == (4,)


def test_without_a_copy_nothing_is_given_back(tmp_path: Path) -> None:
    Outbox.open(tmp_path / "outbox.db").close()
    with pytest.raises(sqlite3.Error, match="unable to open"):
        outbox.give_back(tmp_path)
    assert held(tmp_path) == []


ONE, BOTH = {"broker trip": "0.1 s"}, {"broker 1 trip": "0.1 s", "broker 2 trip": "0.1 s"}


@pytest.mark.parametrize(
    ("alarms", "ready", "given_back", "status"),
    [
        ([ONE, ONE], [True], True, 0),
        ([{}, {}], [True], True, 1),
        ([{}, {}], [False, True], True, 3),
        ([BOTH, {"broker 1 trip": "0.1 s"}, BOTH], [True, True], True, 3),
        ([ONE, {}, ONE], [True, True], True, 3),
        ([ONE, {}, {}], [True, True], True, 4),
        ([ONE, {}], [True, True], False, 5),
        ([ONE, {}], [True, False], True, 5),
    ],
    ids=[
        "well", "no hub all the time", "no hub, and not ready", "one way is deaf", "deaf", "the hub is gone",
        "no way back", "dead on the way back",
    ],
)  # fmt: skip
def test_an_upgrade_is_judged_by_what_was_before(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    alarms: list[dict[str, str]],
    ready: list[bool],
    given_back: bool,
    status: int,
) -> None:
    """With stand-ins for the machine, which tests do not upgrade; a booted Debian has the real one."""
    came, starts = iter(alarms), iter(ready)
    monkeypatch.setattr(upgrade, "told", lambda *_: "")
    monkeypatch.setattr(upgrade, "run", lambda *_: "")
    monkeypatch.setattr(upgrade, "apt", lambda _: None)
    monkeypatch.setattr(upgrade, "status", lambda: "")
    monkeypatch.setattr(upgrade.signal, "signal", lambda *_: None)
    monkeypatch.setattr(upgrade, "started", lambda: next(starts))
    monkeypatch.setattr(upgrade, "try_alarm", lambda *_: (next(came), []))
    monkeypatch.setattr(upgrade, "as_falld", lambda work: given_back or work is not outbox.give_back)
    monkeypatch.setattr(upgrade, "heard", lambda _, came, __: 0 if came else 1)
    monkeypatch.setattr(upgrade, "KEPT", tmp_path / "installed.deb")
    (tmp_path / "given.deb").touch()
    given = package.Package(tmp_path / "given.deb", "2", "")
    assert upgrade.upgrade(given, "1", package.Package(tmp_path / "previous.deb", "1", "")) == status
    assert (tmp_path / "installed.deb").exists() == (status < 3)


def test_the_first_boot_runs_what_there_is(tmp_path: Path) -> None:
    text = (DEPLOYED / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert list(document) == ["runcmd"]
    (command,) = document["runcmd"]
    start, _, options = command.partition(" falld-install ")
    assert start == "cd /boot/firmware && python3"
    example = re.search(r"^#   host = .*?(?=^#\n)", text, re.MULTILINE | re.DOTALL)
    assert example is not None
    (tmp_path / "falld-answers.toml").write_text(re.sub(r"^#", "", example[0], flags=re.MULTILINE))
    given = answers.parse(options.replace("falld-answers", f"{tmp_path}/falld-answers").split(), "")
    assert (given.package, given.remove_answers) == ("./falld_*.deb", True)
    assert given.placement == "upper_arm"
    assert given.home is None
