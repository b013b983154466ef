from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from falld.publish.broker import Broker, BrokerAddressError, Tls

SECRET = SecretStr("canary-81c2")


@pytest.mark.parametrize(
    ("address", "broker"),
    [
        ("mqtt://hub.example", Broker("hub.example", 1883)),
        ("mqtt://home@hub.example:11883", Broker("hub.example", 11883, username="home")),
        ("mqtts://home@hub.example", Broker("hub.example", 8883, Tls(), "home")),
        ("mqtt://[::1]:7", Broker("::1", 7)),
    ],
)
def test_reads(address: str, broker: Broker) -> None:
    assert Broker.at(address) == broker


def test_takes_password_and_ca() -> None:
    broker = Broker.at("mqtts://home@h", password=SECRET, files=Tls(Path("ca.pem")))
    assert broker.tls == Tls(Path("ca.pem"))
    assert broker.password == SECRET
    assert SECRET.get_secret_value() not in f"{broker!r} {broker}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hub.example",
        "http://h",
        "mqtt://",
        "mqtt://h:x",
        "mqtt://h:99999",
        "mqtt://h/path",
        "mqtt://u:canary-81c2@h",
        "mqtt://u:12#canary-81c2@h",
    ],
)
def test_refuses_without_repeating_it(address: str) -> None:
    with pytest.raises(BrokerAddressError) as caught:
        Broker.at(address)
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value.__cause__)


def test_refuses_what_would_be_ignored() -> None:
    with pytest.raises(BrokerAddressError, match="without TLS"):
        Broker.at("mqtt://h", files=Tls(Path("ca.pem")))
    with pytest.raises(BrokerAddressError, match="no user name"):
        Broker.at("mqtt://h", password=SECRET)


def test_is_named_with_its_port() -> None:
    assert Broker("::1", 7).where == "[::1]:7"
    assert Broker("h").where == "h:1883"
