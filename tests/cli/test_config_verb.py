"""`falld config`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from programs import write_config

from falld.cli import config, main
from falld.config.load import load
from falld.config.reference import page

OPTIONS = ("--wearable", "A0:9E:1A:0A:1B:2C", "--placement", "chest", "--host", "b.example", "--no-password")


def falld(*arguments: str | Path, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["config", *map(str, arguments)], input=typed)


def test_a_correct_file(tmp_path: Path) -> None:
    path = write_config(tmp_path, 1883)
    assert (done := falld("check", path)).exit_code == 0
    assert done.output == f"{path}: correct, for home h1\n"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = write_config(tmp_path, 1883)
    path.write_text(path.read_text().replace("raise_after_s: 20", "raise_after: 20").replace("id: w1", "id: w/1"))
    done = falld("check", path)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"{path}:5: wearers[0].id: expected 1 to 64 of A-Z a-z 0-9 . _ -, and not _hub, found w/1; write it so",
        f"{path}:10: alert.raise_after: unknown key; did you mean `raise_after_s`?",
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    done = falld("check", tmp_path / "none.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path / 'none.yaml'}: cannot be read: No such file")


def test_the_schema_takes_what_is_correct_and_nothing_else(tmp_path: Path) -> None:
    schema = jsonschema.Draft202012Validator(json.loads(falld("schema").stdout))
    data = yaml.safe_load(write_config(tmp_path, 1883).read_text())
    schema.validate(data)
    assert not schema.is_valid(data | {"wearer": []})


def test_the_page() -> None:
    assert falld("schema", "--markdown").stdout == page()


def test_a_file_of_options_alone(tmp_path: Path) -> None:
    path = tmp_path / "falld.yaml"
    done = falld("init", *OPTIONS, "--out", path)
    assert done.exit_code == 0, done.output
    made = load(path)
    assert made.wearers[0].wearables[0].address == "A0:9E:1A:0A:1B:2C"
    assert (made.routes[0].broker.host, made.routes[0].broker.tls) == ("b.example", True)
    assert done.stderr == f"{path}: written, for home {made.home.id}\n"
    assert [each.name for each in tmp_path.iterdir()] == ["falld.yaml"]
    assert falld("check", path).exit_code == 0


def test_two_homes_have_two_ids() -> None:
    ids = [yaml.safe_load(falld("init", *OPTIONS).stdout)["home"]["id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert {len(each) for each in ids} == {12}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "falld.yaml"
    path.write_text("mine\n")
    done = falld("init", *OPTIONS, "-o", path)
    assert done.exit_code == 2
    assert done.stderr == f"error: {path}: is there already; edit it, or name another file with --out\n"
    assert path.read_text() == "mine\n"
    assert [each.name for each in tmp_path.iterdir()] == ["falld.yaml"]


def test_without_a_terminal_nothing_is_asked() -> None:
    done = falld("init", "--placement", "chest")
    assert done.exit_code == 2
    assert "give --wearable, or answer on a terminal" in done.stderr


def test_an_installer_is_asked_until_the_answer_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "_on_terminal", lambda: True)
    path = tmp_path / "falld.yaml"
    answers = 'Polar: H10 "x"\nwriste\nwrist\nmqtts://u:p@b\nb.example\n/etc/falld/broker.password\n'
    done = falld("init", "-o", path, typed=answers)
    assert done.exit_code == 0, done.output
    assert "a host name or an IP address alone is wanted" in done.stderr
    made = load(path)
    wearable, broker = made.wearers[0].wearables[0], made.routes[0].broker
    assert (wearable.name, wearable.placement) == ('Polar: H10 "x"', "wrist")
    assert (broker.host, broker.password_file) == ("b.example", Path("/etc/falld/broker.password"))


@pytest.mark.parametrize(("host", "said"), [("localhost", None), ("10.0.0.9", "yes, without encryption")])
def test_without_encryption(host: str, said: str | None) -> None:
    made = yaml.safe_load(falld("init", *OPTIONS, "--host", host, "--without-encryption").stdout)
    assert made["routes"][0]["broker"].get("plaintext") == said
    assert made["routes"][0]["broker"]["tls"] is False


def test_one_place_of_a_password() -> None:
    assert falld("init", *OPTIONS, "--password-file", "x").exit_code == 2
    kept = falld("init", *OPTIONS[:-1], "--password-credential", "broker").stdout
    assert yaml.safe_load(kept)["routes"][0]["broker"]["password_credential"] == "broker"


@pytest.mark.parametrize("host", ["b.example", "127.0.0.1"])
def test_a_certificate_stands_in_for_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str) -> None:
    monkeypatch.setattr(config, "_on_terminal", lambda: True)
    path = tmp_path / "falld.yaml"
    certificate = ("--cert-file", "home.pem", "--key-credential", "broker-key")
    done = falld("init", *OPTIONS[:-1], "--host", host, *certificate, "-o", path, typed="")
    assert done.exit_code == 0, done.output
    broker = load(path).routes[0].broker
    assert (broker.cert_file, broker.key_credential, broker.tls) == (tmp_path / "home.pem", "broker-key", True)
    assert broker.secret is None


def test_a_key_without_a_certificate_is_told() -> None:
    done = falld("init", *OPTIONS, "--key-file", "home-key.pem")
    assert done.exit_code == 2
    assert "expected `cert_file` beside `key_file`, found none" in done.stderr
