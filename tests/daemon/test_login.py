"""From the configuration to the broker's address and login."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from falld.config.broker import BrokerConfig
from falld.config.secret import SecretError
from falld.daemon.login import broker_of
from falld.publish.broker import Broker, Tls


def broker(**config: Any) -> Broker:
    return broker_of(BrokerConfig(**config), "h1")


def test_ports_as_registered_unless_said() -> None:
    assert broker(host="b.example").port == 8883
    assert broker(host="localhost", tls=False).port == 1883
    assert broker(host="localhost", tls=False, port=7).port == 7


def test_encryption_is_the_rule() -> None:
    assert broker(host="b.example").tls == Tls(None)
    assert broker(host="b.example", ca_file=Path("/ca.pem")).tls == Tls(Path("/ca.pem"))
    assert broker(host="localhost", tls=False).tls is None


def test_with_a_password_the_home_is_the_user(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("canary-9b1e\n")
    login = broker(host="b.example", password_file=path)
    assert login.password is not None
    assert (login.username, login.password.get_secret_value()) == ("h1", "canary-9b1e")
    assert broker(host="b.example", password_file=path, username="u").username == "u"
    assert "canary" not in repr(login)


def test_without_a_password_nobody_is_named(tmp_path: Path) -> None:
    login = broker(host="localhost", tls=False)
    assert (login.username, login.password) == (None, None)
    with pytest.raises(SecretError, match="cannot be read"):
        broker(host="b.example", password_file=tmp_path / "none")
