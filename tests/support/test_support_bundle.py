"""`falld support-bundle`."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto, free_port
from click.testing import CliRunner, Result
from programs import falld, wait_for, write_config

from falld.alert.outbox import Committed, Outbox
from falld.cli import main
from falld.support.members import waiting

ALWAYS = ["versions.json", "doctor.jsonl", "configuration.json", "health.json", "state.json", "adapters.json"]


@pytest.fixture(autouse=True)
def _no_bluetooth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
    monkeypatch.setenv("PATH", str(tmp_path))


def bundled(config: Path, out: Path) -> tuple[Result, dict[str, str]]:
    done = CliRunner().invoke(main, ["support-bundle", "-c", str(config), "-o", str(out)])
    if done.exit_code:
        return done, {}
    with tarfile.open(out) as archive:
        assert {(member.mode, member.uname) for member in archive} == {(0o600, "")}
        texts = {member.name: archive.extractfile(member).read().decode() for member in archive}  # type: ignore[union-attr]
    assert all(name.startswith("falld-support/") for name in texts)
    return done, {name.removeprefix("falld-support/"): text for name, text in texts.items()}


def test_what_is_in_it_where_no_daemon_runs(tmp_path: Path) -> None:
    path, out = write_config(tmp_path, free_port()), tmp_path / "bundle.tar.gz"
    path.write_text(path.read_text().replace("- {recording", "- address: A0:9E:1A:0A:1B:2C\n      - {recording"))
    (tmp_path / "state" / "clips").mkdir(parents=True)
    (tmp_path / "state" / "clips" / "01890a5d-ac96-774b-bcce-b302099a8057.due").write_bytes(b"clip")
    outbox = Outbox.open(tmp_path / "state" / "outbox.db")
    row = Committed("01890a5d-ac96-774b-bcce-b302099a8057", 1, "{}", "b1", None, None)
    outbox.commit([row], {"boot_id": "b1"}, 0.0)
    outbox.close()
    done, texts = bundled(path, out)
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    names = [*ALWAYS[:4], "outbox.json", *ALWAYS[4:]]
    assert list(texts) == names
    assert [line.split()[-1] for line in done.stdout.splitlines()[:-1]] == names
    assert json.loads(texts["outbox.json"]) == {"messages": 1}
    assert "start `falld run`" in json.loads(texts["health.json"])["fault"]
    state = json.loads(texts["state.json"])
    assert state["clips"] == {".due": 1}
    assert state["files"]["outbox.db"].keys() == {"bytes", "mode", "age_s"}
    assert {json.loads(line)["check"] for line in texts["doctor.jsonl"].splitlines()} >= {"configuration", "broker TCP"}
    told = json.loads(texts["configuration.json"])
    assert told["fault"] is None
    assert told["runs"]["home"] == {"id": "h1"}
    assert [each["id"] for each in told["runs"]["wearers"][0]["wearables"]] == ["a09e1axxxxxx", "belt"]
    assert "0A:1B:2C" not in "".join(texts.values())
    assert "does not answer" in json.loads(texts["adapters.json"])["fault"]
    assert json.loads(texts["versions.json"]).keys() == {
        "falld", "python", "system", "distribution", "packages", "utc", "clock_synced", "up_s"
    }  # fmt: skip
    before = out.read_bytes()
    again, _ = bundled(path, out)
    assert (again.exit_code, again.stderr) == (2, f"error: {out}: is there already; name another file\n")
    assert out.read_bytes() == before


def test_of_a_daemon_that_runs_its_health(
    need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mosquitto = need("mosquitto")
    monkeypatch.undo()
    with Mosquitto(mosquitto, tmp_path) as broker:
        path = write_config(tmp_path, broker.port)
        with falld("run", "-c", path) as process:
            wait_for(process, "INFO falld: link: up")
            _, texts = bundled(path, tmp_path / "bundle.tar.gz")
    assert "outbox.json" not in texts
    health = json.loads(texts["health.json"])
    assert (health["outbox"], health["wearables"][0]["source"]) == (0, "belt")


def test_the_journal_where_there_is_one(tmp_path: Path) -> None:
    """A stand-in for journalctl: this machine's own has nothing of falld."""
    journalctl = tmp_path / "journalctl"
    journalctl.write_text('#!/bin/sh\necho "$@"; echo "dev_A0_9E_1A_0A_1B_2C is lost"; echo "no rights" >&2\n')
    journalctl.chmod(0o755)
    _, texts = bundled(write_config(tmp_path, free_port()), tmp_path / "bundle.tar.gz")
    assert list(texts)[-1] == "journal.txt"
    said = texts["journal.txt"].splitlines()
    assert said[0] == "no rights"
    assert "--unit=falld" in said[1]
    assert said[2] == "dev_A0_9E_1A_xx_xx_xx is lost"


def test_of_a_file_that_cannot_be_used_its_mistakes(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    path.write_text(path.read_text().replace("raise_after_s", "raise_after"))
    done, texts = bundled(path, tmp_path / "bundle.tar.gz")
    assert done.exit_code == 0
    assert list(texts) == [name for name in ALWAYS if name not in ("health.json", "state.json")]
    told = json.loads(texts["configuration.json"])
    assert told["runs"] is None
    assert "unknown key" in told["fault"]


@pytest.mark.parametrize(("content", "what"), [(None, "is not there"), (b"no database" * 99, "file is not a database")])
def test_an_outbox_that_cannot_be_counted(tmp_path: Path, content: bytes | None, what: str) -> None:
    outbox = tmp_path / "outbox.db"
    if content is not None:
        outbox.write_bytes(content)
    fault = waiting(tmp_path)["fault"]
    assert fault.startswith(f"{outbox}: ")
    assert what in fault
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["outbox.db"])


def test_a_place_that_takes_no_file(tmp_path: Path) -> None:
    done, _ = bundled(write_config(tmp_path, free_port()), tmp_path / "none" / "bundle.tar.gz")
    assert (done.exit_code, "cannot be written: No such file" in done.stderr) == (2, True)
