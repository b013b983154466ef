"""What may leave the home, and what may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from falld.config.schema import Config
from falld.support.scrub import Scrubber, scrubbed

WEARABLES: list[dict[str, Any]] = [
    {"address": "A0:9E:1A:0A:1B:2C"},
    {"name": 'Polar H10 "0A1B"'},
    {"name": "x", "id": "on"},
]


def config(wearables: list[dict[str, Any]] = WEARABLES, **other: Any) -> Config:
    wearer = {"id": "w1", "wearables": wearables, "buttons": [{"address": "b0:c7:de:12:34:56"}]}
    broker = {"host": "b.example", "username": "anna@b.example", "password_file": Path("/etc/falld/password")}
    return Config.model_validate(
        {"version": 1, "home": {"id": "h1"}, "wearers": [wearer], "routes": [{"broker": broker}]} | other
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A0:9E:1A:0A:1B:2C: lost", "A0:9E:1A:xx:xx:xx: lost"),
        ("a09e1a0a1b2c and B0C7DE123456", "a09e1axxxxxx and B0C7DExxxxxx"),
        (
            "/org/bluez/hci0/dev_C4_64_E3_01_02_03 of a neighbour",
            "/org/bluez/hci0/dev_C4_64_E3_xx_xx_xx of a neighbour",
        ),
        ('Polar H10 "0A1B" as Polar-H10-0A1B, x', "<wearable 2> as <wearable 2>, <wearable 3>"),
        ('{"name": "Polar H10 \\"0A1B\\""}', '{"name": "<wearable 2>"}'),
        ("what is on goes on, in a box", "what is <wearable 3> goes <wearable 3>, in a box"),
        ("/home/anna/falld/falld.yaml", "/home/.../falld/falld.yaml"),
        ("2026-11-22T19:38:10 h1 w1 01890a5d-ac96-774b-bcce-b302099a8057", None),
        ('said ses"ame', "said <secret>"),
        ('said "ses\\"ame"', 'said "<secret>"'),
    ],
)
def test_names_and_addresses_are_shortened(text: str, left: str | None) -> None:
    scrub = Scrubber(config(), [SecretStr('ses"ame'), SecretStr("say")])
    assert scrub.text(text) == (text if left is None else left)


def test_without_a_configuration_addresses_are_known_by_their_form() -> None:
    assert Scrubber(None).text("A0:9E:1A:0A:1B:2C") == "A0:9E:1A:xx:xx:xx"


SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30)


@settings(max_examples=50, deadline=None)
@given(SECRETS, st.text(max_size=9), st.text(max_size=9))
def test_no_secret_is_left(secret: str, before: str, after: str) -> None:
    said = Scrubber(None, [SecretStr(secret)]).text(before + secret + after)
    assert secret not in said.replace("<secret>", "\0")


def test_a_configuration_keeps_what_helps() -> None:
    told = scrubbed(config(alarm={"command": ["curl", "-H", "Bearer sesame"]}))
    assert told["alarm"]["command"] == ["curl", "<2 arguments>"]
    broker = told["routes"][0]["broker"]
    assert (broker["host"], broker["username"], broker["password_file"]) == (
        "b.example",
        "<given>",
        "/etc/falld/password",
    )
    assert scrubbed(config([{"address": "A0:9E:1A:0A:1B:2C"}]))["alarm"]["command"] is None
