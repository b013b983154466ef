"""A home's own certificate, as the installer takes it or asks for it, with the real openssl."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from papers import Papers
from programs import write_config

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/raspberrypi/install"))

from installer import answers, certificate
from installer.words import Stop

NAMES_ONE = "cert_file: /etc/falld/broker-cert.pem\n"


@pytest.fixture
def papers(need: Callable[[str], str], tmp_path: Path) -> Papers:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    papers.signed("h1", "ca")
    return papers


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the configuration of home h1; that falld tells that is a stand-in, but for one test."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "falld.yaml").write_text(NAMES_ONE)
    monkeypatch.setattr(certificate, "CONFIG", folder / "falld.yaml")
    monkeypatch.setattr(certificate, "CERTIFICATE", folder / "broker-cert.pem")
    monkeypatch.setattr(certificate, "KEY", folder / "broker-key.pem")
    monkeypatch.setattr(certificate, "REQUEST", folder / "broker.csr")
    monkeypatch.setattr(certificate, "_home", lambda: "h1")
    return folder


def asked(*options: str | Path) -> argparse.Namespace:
    return answers.parse(["falld.deb", *map(str, options)], "")


def done(*options: str | Path) -> bool:
    given = asked(*options)
    return certificate.certificate(given, certificate.given_pair(given))


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def sign(papers: Papers, request: Path, to: Path, days: int = 400) -> None:
    ca = ("-CA", papers.path("ca"), "-CAkey", papers.path("ca-key"), "-CAcreateserial")
    papers.run("x509", "-req", "-in", request, *ca, "-days", f"{days}", "-out", to)


def test_a_given_one_is_copied_and_its_key_is_for_root_alone(papers: Papers, home: Path) -> None:
    given = ("--cert-file", papers.path("h1"), "--key-file", papers.path("h1-key"))
    assert done(*given) is True
    assert modes(home) == {"falld.yaml": 0o644, "broker-cert.pem": 0o644, "broker-key.pem": 0o600}
    assert done(*given) is False


def test_a_key_beside_the_certificate_in_one_file_is_not_for_everybody(papers: Papers, home: Path) -> None:
    both = papers.folder / "both.pem"
    both.write_text(papers.path("h1-key").read_text() + papers.path("h1").read_text())
    assert done("--cert-file", both) is True
    assert "PRIVATE" not in (home / "broker-cert.pem").read_text()
    assert (home / "broker-key.pem").read_text() == papers.path("h1-key").read_text()


def test_a_chain_with_the_line_ends_of_windows_and_an_rsa_key(papers: Papers, home: Path) -> None:
    key, request = papers.path("rsa-key"), papers.path("rsa-request")
    papers.run("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=h1", "-keyout", key, "-out", request)
    sign(papers, request, papers.path("rsa"))
    chain = papers.path("rsa").read_text() + papers.path("ca").read_text()
    chained, of_windows = papers.path("chained"), papers.path("windows")
    chained.write_bytes(b"Bag Attributes\r\n" + chain.replace("\n", "\r\n").encode())
    of_windows.write_bytes(key.read_bytes().replace(b"\n", b"\r\n"))
    assert done("--cert-file", chained, "--key-file", of_windows) is True
    assert (home / "broker-cert.pem").read_text() == chain
    assert (home / "broker-key.pem").read_text() == key.read_text()


def test_what_cannot_be_used_is_told_and_changes_nothing(papers: Papers, home: Path) -> None:
    papers.signed("h2", "ca")
    locked = papers.path("locked")
    papers.run("ec", "-in", papers.path("h1-key"), "-aes128", "-passout", "pass:secret", "-out", locked)
    h1, key, der = papers.path("h1"), papers.path("h1-key"), papers.path("der")
    papers.run("x509", "-in", h1, "-outform", "DER", "-out", der)
    for options, told in (
        (("--key-file", key), "without its certificate"),
        (("--cert-file", h1), "there is no key in"),
        (("--cert-file", h1, "--key-file", h1), "there is no key in"),
        (("--cert-file", der, "--key-file", key), "in PEM form"),
        (("--cert-file", h1, "--key-file", papers.path("h2-key")), "KEY_VALUES_MISMATCH"),
        (("--cert-file", h1, "--key-file", locked), "the key without a passphrase"),
        (("--cert-file", key, "--key-file", key), "holds none"),
        (("--cert-file", papers.path("none"), "--key-file", key), "cannot be read"),
        (("--cert-file", h1, "--key-file", key, "--home", "h2"), "give that of home h2"),
        (("--cert-file", papers.path("h2"), "--key-file", papers.path("h2-key")), "give that of home h1"),
    ):
        with pytest.raises(Stop) as stop:
            done(*options)
        assert told in " ".join(stop.value.args)
    assert list(modes(home)) == ["falld.yaml"]


def test_a_home_with_a_password_keeps_it_until_its_certificate_is_there(
    papers: Papers, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "falld.yaml").write_text("password_credential: broker\n")
    assert done("--make-key") is False
    assert certificate.awaited() == 0
    assert "?   certificate" in capsys.readouterr().out
    sign(papers, home / "broker.csr", papers.path("signed"))
    with pytest.raises(Stop) as stop:
        done("--cert-file", papers.path("signed"))
    assert "key_credential: broker-key" in stop.value.args[2]
    assert not (home / "broker-cert.pem").exists()
    (home / "falld.yaml").write_text(NAMES_ONE)
    assert done("--cert-file", papers.path("signed")) is True
    assert not (home / "broker.csr").exists()


def test_a_key_that_is_made_waits_for_its_certificate(
    papers: Papers, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done("--make-key") is True
    assert modes(home) == {"falld.yaml": 0o644, "broker-key.pem": 0o600, "broker.csr": 0o644}
    before = {path: path.read_text() for path in home.iterdir()}
    said = subprocess.run(
        [papers.openssl, "req", "-noout", "-verify", "-subject", "-in", home / "broker.csr"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.replace(" ", "") == "subject=CN=h1\n"
    assert certificate.awaited() == 1
    assert "broker.csr is to be signed" in capsys.readouterr().out
    assert done("--make-key") is False
    assert {path: path.read_text() for path in home.iterdir()} == before
    sign(papers, home / "broker.csr", papers.path("signed"))
    assert done("--cert-file", papers.path("signed")) is True
    assert certificate.awaited() == 0
    assert modes(home) == {"falld.yaml": 0o644, "broker-key.pem": 0o600, "broker-cert.pem": 0o644}
    assert (home / "broker-key.pem").read_text() == before[home / "broker-key.pem"]
    assert done("--make-key") is False
    assert not (home / "broker.csr").exists()


def test_one_that_ends_soon_is_asked_for_again_with_the_same_key(
    papers: Papers, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done("--make-key")
    sign(papers, home / "broker.csr", papers.path("signed"), days=29)
    done("--cert-file", papers.path("signed"))
    key = (home / "broker-key.pem").read_text()
    assert done("--make-key") is False
    assert certificate.awaited() == 0
    assert "?   certificate" in capsys.readouterr().out
    sign(papers, home / "broker.csr", papers.path("renewed"))
    assert done("--cert-file", papers.path("renewed")) is True
    assert (home / "broker-key.pem").read_text() == key


def test_one_that_has_ended_lets_nobody_be_heard(papers: Papers, home: Path) -> None:
    done("--make-key")
    sign(papers, home / "broker.csr", papers.path("signed"), days=-1)
    done("--cert-file", papers.path("signed"))
    assert certificate.awaited() == 0  # nothing is asked for
    done("--make-key")
    assert certificate.awaited() == 1


def test_falld_says_which_home_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "falld"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(certificate, "CONFIG", write_config(tmp_path, 1883))
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m falld "$@"\n')
    program.chmod(0o755)
    assert certificate._home() == "h1"
    program.write_text('#!/bin/sh\necho "$3: correct"\n')  # as falld did before it took certificates here
    with pytest.raises(Stop, match="takes none"):
        certificate._home()


def test_what_the_answers_name_is_removed_with_them(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text('cert-file = "h1.pem"\nkey-file = "h1-key.pem"\nca-file = "ca.pem"\n')
    given = answers.parse(["--answers", str(file), "--remove-answers", "falld.deb"], "")
    assert given.spent == [file, tmp_path / "h1.pem", tmp_path / "h1-key.pem"]
    assert list(answers.parse(["--answers", str(file), "falld.deb"], "").spent) == []


def test_what_the_service_reads_is_not_removed_with_the_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text('cert-file = "/etc/falld/broker-cert.pem"\nkey-file = "/etc/falld/../falld/broker-key.pem"\n')
    assert answers.parse(["--answers", str(file), "--remove-answers", "falld.deb"], "").spent == [file]
