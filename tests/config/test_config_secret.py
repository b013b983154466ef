"""Passwords are read from where they are kept and never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from falld.config.secret import Secret, SecretError


def test_a_file_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" se same \n")
    password = Secret.in_file(path).read()
    assert password.get_secret_value() == " se same "
    assert "same" not in f"{password} {password!r}"


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "sesame")
    assert Secret.in_environment("BROKER_PASSWORD").read().get_secret_value() == "sesame"


def test_a_credential_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broker").write_text("sesame")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Secret.in_credential("broker").read().get_secret_value() == "sesame"


def test_a_credential_outside_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretError, match="add `LoadCredential=broker:PATH` to the unit"):
        Secret.in_credential("broker")


def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(SecretError, match=r"\$NO_SUCH: holds no password"):
        Secret.in_environment("NO_SUCH").read()
    with pytest.raises(SecretError, match="none: cannot be read: No such file"):
        Secret.in_file(tmp_path / "none").read()
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SecretError, match="empty: holds no password"):
        Secret.in_file(tmp_path / "empty").read()
    (tmp_path / "binary").write_bytes(b"\xff\xfesesame")
    with pytest.raises(SecretError, match="is not UTF-8 text"):
        Secret.in_file(tmp_path / "binary").read()
