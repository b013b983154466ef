"""A configuration is right, or every mistake in it is told with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from falld.config.load import ConfigError, json_schema, load
from falld.config.schema import Config

GOOD = """\
version: 1
home: {id: h1}
wearers:
  - id: w1
    wearables:
      - recording: falls/belt.csv.gz
routes:
  - broker: {host: localhost, tls: false}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "falld.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def told(path: Path) -> list[str]:
    """The lines of the error, without the path."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}") for line in lines)
    return [line.removeprefix(f"{path}").removeprefix(":") for line in lines]


def test_two_routes_are_two_brokers(write: Callable[[str], Path]) -> None:
    first, second = load(write(GOOD.replace("routes:\n", "routes:\n  - broker: {host: b.example}\n"))).routes
    assert (first.broker.where, second.broker.where) == ("b.example:8883", "localhost:1883")


def test_the_example_loads() -> None:
    config = load(Path(__file__).parents[2] / "deploy" / "falld.example.yaml")
    wearable = config.wearers[0].wearables[0]
    assert (wearable.address, wearable.placement) == ("A0:9E:1A:0A:1B:2C", "chest")
    assert config.alert.raise_after_s == 20
    secret = config.routes[0].broker
    assert secret.password_credential == "broker"


def test_what_a_live_wearable_is_asked_for(write: Write) -> None:
    asked = "{name: My strap, description: my.yaml, rate_hz: 52, range_g: 8, press: help, adapter: hci1}"
    path = write(GOOD.replace("recording: falls/belt.csv.gz", asked))
    wearable = load(path).wearers[0].wearables[0]
    assert (wearable.name, wearable.source, wearable.description) == ("My strap", "My-strap", path.parent / "my.yaml")
    assert (wearable.rate_hz, wearable.range_g, wearable.press, wearable.adapter) == (52, 8, "help", "hci1")


def test_defaults_and_paths_from_the_files_folder(write: Write) -> None:
    path = write(GOOD)
    config = load(path)
    wearable = config.wearers[0].wearables[0]
    assert wearable.recording == path.parent / "falls" / "belt.csv.gz"
    assert (wearable.source, wearable.placement, wearable.speed) == ("belt", None, None)
    assert config.state_dir is None
    assert (config.alert.raise_after_s, config.alert.hub_silent_s) == (20, 90)
    assert (config.alarm.command, config.alarm.commit_s, config.alarm.seen_s) == (None, 20, 120)
    assert config.test_alarm.every_days == 7
    assert (config.detector.bundle, config.detector.candidates) == (None, False)
    assert (config.clips.send, config.clips.near_misses_a_day) == (True, 2)
    broker = config.routes[0].broker
    assert (broker.port, broker.protocol, broker.secret) == (None, "auto", None)


@pytest.mark.parametrize(
    ("wearable", "name"),
    [
        ("address: C4:64:E3:12:34:5f", "c464e312345f"),
        ("recording: a b/fall (1).csv", "fall-1"),
        ("recording: ü.csv", "recording"),
        ("{recording: a.csv, id: left}", "left"),
        ("name: Polar H10 0A1B2C3D", "Polar-H10-0A1B2C3D"),
        ("name: ü", "wearable"),
    ],
)
def test_a_wearable_without_an_id_gets_one(write: Write, wearable: str, name: str) -> None:
    config = load(write(GOOD.replace("recording: falls/belt.csv.gz", wearable)))
    assert config.wearers[0].wearables[0].source == name


def test_buttons(write: Write) -> None:
    buttons = (
        "    buttons: [{address: 'C4:64:E3:00:00:01', press: cancel, long: help}, {address: 'C4:64:E3:00:00:02'}]\n"
    )
    config = load(write(GOOD.replace("routes:", f"{buttons}routes:")))
    first, second = config.wearers[0].buttons
    assert (first.source, first.press, first.long, first.hold) == ("c464e3000001", "cancel", "help", None)
    assert (second.press, second.adapter) == ("help", None)


@pytest.mark.parametrize("protocol", ["auto", "5", '"5"', "3.1.1"])
def test_protocols(write: Write, protocol: str) -> None:
    config = load(write(GOOD.replace("tls: false", f"tls: false, protocol: {protocol}")))
    assert config.routes[0].broker.protocol == protocol.strip('"')


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", '"::1"'])
def test_loopback_needs_no_encryption(write: Write, host: str) -> None:
    assert load(write(GOOD.replace("localhost", host))).routes[0].broker.tls is False


def test_plaintext_to_another_machine_is_said_in_words(write: Write) -> None:
    plain = GOOD.replace("localhost", "10.0.0.9")
    assert told(write(plain)) == [
        "8: routes[0].broker.plaintext: expected TLS to a broker on another machine, found `tls: false` for 10.0.0.9; "
        'use `tls: true`, or add `plaintext: "yes, without encryption"`'
    ]
    said = plain.replace("tls: false", 'tls: false, plaintext: "yes, without encryption"')
    assert load(write(said)).routes[0].broker.plaintext == "yes, without encryption"
    assert told(write(said.replace("yes, without encryption", "true"))) == [
        "8: routes[0].broker.plaintext: expected 'yes, without encryption', found \"true\"; "
        "correct it, see deploy/falld.example.yaml"
    ]


MISTAKES = {
    "unknown key, near one": (
        ("    wearables:", "    wearable:"),
        [
            "4: wearers[0].wearables: expected this key, found none; add `wearables: ...`, "
            "see deploy/falld.example.yaml",
            "5: wearers[0].wearable: unknown key; did you mean `wearables`?",
        ],
    ),
    "unknown key, near none": (
        ("id: h1", "id: h1, zzz: 1"),
        ["2: home.zzz: unknown key; known here: id"],
    ),
    "no version": (
        ("version: 1\n", ""),
        ["1: version: expected this key, found none; add `version: 1`, see deploy/falld.example.yaml"],
    ),
    "another version": (
        ("version: 1\n", "version: 2\nnew: 3\n"),
        ["1: version: expected 1 at most, found 2, which is of a newer falld; update falld"],
    ),
    "quoted version": (
        ("version: 1", 'version: "1"'),
        ['1: version: expected 1, found "1"; correct it, see deploy/falld.example.yaml'],
    ),
    "key twice": (
        ("tls: false", "tls: false, tls: false"),
        ["8: routes[0].broker.tls: the key is given twice, first in line 8; keep one of them"],
    ),
    "number for text": (
        ("id: h1", "id: 0123"),
        ['2: home.id: expected text, found 0123, which YAML does not take for text; put it in quotes: "0123"'],
    ),
    "address that YAML takes for a number": (
        ("recording: falls/belt.csv.gz", "address: 10:22:33:44:55:11"),
        [
            "6: wearers[0].wearables[0].address: expected text, found 10:22:33:44:55:11, which YAML does not take "
            'for text; put it in quotes: "10:22:33:44:55:11"'
        ],
    ),
    "no address": (
        ("recording: falls/belt.csv.gz", "address: belt"),
        ["6: wearers[0].wearables[0].address: expected an address like C4:64:E3:12:34:56, found belt; write it so"],
    ),
    "id that MQTT gives a meaning": (
        ("id: w1", "id: w/1"),
        ["4: wearers[0].id: expected 1 to 64 of A-Z a-z 0-9 . _ -, and not _hub, found w/1; write it so"],
    ),
    "both an address and a recording": (
        ("recording: falls/belt.csv.gz", "{recording: a.csv, address: 'C4:64:E3:12:34:56'}"),
        [
            "6: wearers[0].wearables[0].recording: expected exactly one of `address`, `name` and `recording`, "
            "found address and recording; "
            "give the address of a wearable, the name that it advertises, or the path of a recording"
        ],
    ),
    "neither": (
        ("recording: falls/belt.csv.gz", "id: belt"),
        [
            "6: wearers[0].wearables[0].recording: expected exactly one of `address`, `name` and `recording`, "
            "found none; give the address of a wearable, the name that it advertises, or the path of a recording"
        ],
    ),
    "speed of a live wearable": (
        ("recording: falls/belt.csv.gz", "{speed: 2, address: 'C4:64:E3:12:34:56'}"),
        [
            "6: wearers[0].wearables[0].speed: expected no `speed` beside `address`, found one; "
            "take it out: only a recording has one"
        ],
    ),
    "rate of a recording": (
        ("recording: falls/belt.csv.gz", "{rate_hz: 50, recording: a.csv}"),
        [
            "6: wearers[0].wearables[0].rate_hz: expected no `rate_hz` beside `recording`, found one; "
            "take it out: a recording has its own"
        ],
    ),
    "driver and description": (
        ("recording: falls/belt.csv.gz", "{name: X, driver: polar, description: x.yaml}"),
        [
            "6: wearers[0].wearables[0].description: expected no `description` beside `driver`, found one; "
            "take one of the two out"
        ],
    ),
    "adapter that is none": (
        ("recording: falls/belt.csv.gz", "{name: X, adapter: usb0}"),
        ["6: wearers[0].wearables[0].adapter: expected an adapter like hci0, found usb0; write it so"],
    ),
    "a wearable's address for a button": (
        ("recording: falls/belt.csv.gz", "address: 'C4:64:E3:12:34:5f'\n    buttons: [{address: 'C4:64:E3:12:34:5F'}]"),
        ["3: wearers: expected each address once, found C4:64:E3:12:34:5F twice; give each its own"],
    ),
    "speed of nothing": (
        ("recording: falls/belt.csv.gz", "{speed: 0, recording: a.csv}"),
        [
            "6: wearers[0].wearables[0].speed: expected a number greater than 0, found 0; "
            "correct it, see deploy/falld.example.yaml"
        ],
    ),
    "placement": (
        ("recording: falls/belt.csv.gz", "{placement: wriste, recording: a.csv}"),
        [
            "6: wearers[0].wearables[0].placement: expected one of wrist, waist, hip, chest, thigh, ankle, neck, "
            "upper_arm, unknown, found wriste; say where it is worn, or `unknown`"
        ],
    ),
    "no wearables": (
        ("    wearables:\n      - recording: falls/belt.csv.gz", "    wearables: []"),
        ["5: wearers[0].wearables: expected at least one entry, found an empty list; add one"],
    ),
    "no list": (
        ("    wearables:\n      - recording: falls/belt.csv.gz", "    wearables: a.csv"),
        ["5: wearers[0].wearables: expected a list, found a.csv; correct it, see deploy/falld.example.yaml"],
    ),
    "the same wearable twice": (
        ("      - recording: falls/belt.csv.gz", "      - recording: a.csv\n      - recording: b/a.csv"),
        ["3: wearers: expected each wearable id once, found a twice; give each its own"],
    ),
    "the same wearer twice": (
        ("wearers:\n", "wearers:\n  - {id: w1, wearables: [recording: b.csv]}\n"),
        ["3: wearers: expected each wearer id once, found w1 twice; give each its own"],
    ),
    "three routes": (
        ("routes:\n", "routes:\n  - broker: {host: h}\n  - broker: {host: i}\n"),
        ["7: routes: expected one route or two, found 3; keep the two that are best"],
    ),
    "two routes over one broker": (
        ("routes:\n", "routes:\n  - broker: {host: localhost, tls: false, port: 1883}\n"),
        [
            "7: routes: expected two brokers, found localhost:1883 twice; "
            "keep one: all hubs on a broker are met over one route"
        ],
    ),
    "TLS and plaintext": (
        ("tls: false", 'tls: true, plaintext: "yes, without encryption"'),
        [
            "8: routes[0].broker.plaintext: expected no `plaintext` beside `tls: true`, found one; "
            "take one of the two out"
        ],
    ),
    "authority without TLS": (
        ("tls: false", "tls: false, ca_file: ca.pem"),
        ["8: routes[0].broker.ca_file: expected no `ca_file` beside `tls: false`, found one; use `tls: true`"],
    ),
    "port": (
        ("tls: false", "tls: false, port: 99999"),
        [
            "8: routes[0].broker.port: expected a number less than or equal to 65535, found 99999; "
            "correct it, see deploy/falld.example.yaml"
        ],
    ),
    "port in text": (
        ("tls: false", 'tls: "no", port: "1883"'),
        [
            '8: routes[0].broker.tls: expected true or false, found "no"; correct it, see deploy/falld.example.yaml',
            '8: routes[0].broker.port: expected a whole number, found "1883"; '
            "correct it, see deploy/falld.example.yaml",
        ],
    ),
    "protocol": (
        ("tls: false", "tls: false, protocol: 4"),
        [
            "8: routes[0].broker.protocol: expected 'auto', '5' or '3.1.1', found 4; "
            "correct it, see deploy/falld.example.yaml"
        ],
    ),
    "two places for one password": (
        ("tls: false", "tls: false, password_file: a, password_env: B"),
        [
            "8: routes[0].broker.password_credential: expected at most one of `password_file`, `password_env`, "
            "`password_credential`, found more; keep the one that is meant"
        ],
    ),
    "grace out of range": (
        ("version: 1\n", "version: 1\nalert: {raise_after_s: .inf}\n"),
        ["2: alert.raise_after_s: expected a finite number, found .inf; correct it, see deploy/falld.example.yaml"],
    ),
    "no mapping": (
        ("version: 1\n", "version: 1\ndetector: models/x\n"),
        ["2: detector: expected a mapping, found models/x; correct it, see deploy/falld.example.yaml"],
    ),
    "empty path": (
        ("version: 1\n", "version: 1\ndetector: {bundle: ''}\n"),
        ["2: detector.bundle: expected a path, found an empty string; name the file or leave the key out"],
    ),
    "key that is no text": (
        ("version: 1\n", "version: 1\n7: x\n"),
        ["2: [7]: expected a key that is text, found x; correct it, see deploy/falld.example.yaml"],
    ),
    "unknown tag": (
        ("id: h1", "id: !secret h1"),
        ["2: not YAML: could not determine a constructor for the tag, column 12; check indents and quotes there"],
    ),
    "no YAML": (
        ("version: 1\n", "version: 1\n\thome: 3\n"),
        ["2: not YAML: found character '\\t' that cannot start any token, column 1; check indents and quotes there"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line(write: Write, name: str) -> None:
    (good, bad), lines = MISTAKES[name]
    assert good in GOOD
    assert told(write(GOOD.replace(good, bad))) == lines


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = GOOD
    for name in ("key twice", "unknown key, near none", "id that MQTT gives a meaning", "speed of nothing"):
        text = text.replace(*MISTAKES[name][0])
    places = [line.split(": ")[:2] for line in told(write(text))]
    assert places == [
        ["2", "home.zzz"],
        ["4", "wearers[0].id"],
        ["6", "wearers[0].wearables[0].speed"],
        ["8", "routes[0].broker.tls"],
    ]


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ("tls: false, password: sesame", "password"),
        ("tls: false, Token: sesame", "Token"),
        ("tls: false, pasword: sesame", "pasword"),
        ("tls: false, password_env: sesame!", "password_env"),
        ("tls: true, port: '1', password: 'sesame", ""),
        ("tls: false, password: !sesame", "not YAML"),
        ("tls: false, password: *sesame", "not YAML"),
        ("tls: false, protocol: u:sesame@h", "protocol"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(write: Write, bad: str, place: str) -> None:
    lines = told(write(GOOD.replace("tls: false", bad)))
    assert place in lines[0]
    assert "sesame" not in "".join(lines)


def test_a_password_in_the_host_is_not_repeated(write: Write) -> None:
    lines = told(write(GOOD.replace("localhost", '"mqtt://u:sesame@h:1883"')))
    assert lines[0].startswith("8: routes[0].broker.host: expected a host name or an IP address alone")
    assert "sesame" not in "".join(lines)


def test_an_address_with_a_password_is_not_repeated_wherever_it_stands(write: Write) -> None:
    for bad in (
        GOOD.replace("{host: localhost, tls: false}", "mqtts://u:sesame@h"),
        GOOD.replace("id: h1", "id: u:sesame@h"),
    ):
        assert "found something that may hold a password" in (said := "".join(told(write(bad))))
        assert "sesame" not in said


@pytest.mark.parametrize("key", ["password_file", "key_file", "password_env", "key_credential"])
def test_a_number_where_the_place_of_a_secret_is_named_is_not_repeated(write: Write, key: str) -> None:
    said = "".join(told(write(GOOD.replace("tls: false", f"cert_file: c, {key}: 770033"))))
    assert key in said
    assert "770033" not in said


@pytest.mark.parametrize(
    ("login", "user"),
    [
        ("", "h1"),
        (", username: u", None),
        (", password_file: p", None),
        (", password_env: P", None),
        (", password_credential: p", None),
    ],
)
def test_a_certificate_says_who_speaks_where_nothing_else_does(
    write: Write, monkeypatch: pytest.MonkeyPatch, login: str, user: str | None
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    broker = load(write(GOOD.replace("tls: false", f"cert_file: h1.pem{login}"))).routes[0].broker
    assert broker.certified_as("h1") == user


def test_a_certificate_of_the_home(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(GOOD.replace("tls: false", "cert_file: h1.pem, key_file: h1-key.pem"))
    broker = load(path).routes[0].broker
    assert (broker.cert_file, broker.own_key) == (path.parent / "h1.pem", path.parent / "h1-key.pem")
    assert load(write(GOOD.replace("tls: false", "cert_file: h1.pem"))).routes[0].broker.own_key is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/falld.service")
    kept = load(write(GOOD.replace("tls: false", "cert_file: h1.pem, key_credential: key"))).routes[0].broker
    assert kept.own_key == Path("/run/credentials/falld.service/key")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("tls: false, cert_file: a", "expected no `cert_file` beside `tls: false`, found one; use `tls: true`"),
        ("key_file: a", "expected `cert_file` beside `key_file`, found none; name the key's certificate"),
        ("key_credential: a", "expected `cert_file` beside `key_credential`, found none; name the key's certificate"),
        (
            "cert_file: a, key_file: b, key_credential: c",
            "expected one of `key_file` and `key_credential`, found both; keep the one that is meant",
        ),
    ],
)
def test_a_certificate_that_does_not_fit_is_told(write: Write, bad: str, said: str) -> None:
    (line,) = told(write(GOOD.replace("tls: false", bad)))
    assert line.endswith(said)


def test_an_inline_password_is_told_where_it_belongs(write: Write) -> None:
    assert told(write(GOOD.replace("tls: false", "tls: false, password: x"))) == [
        "8: routes[0].broker.password: unknown key; no secret is kept in this file: say where it is with "
        "`password_file: PATH`, `password_env: VARIABLE` or `password_credential: NAME`"
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "expected keys and values, found an empty file"),
        ("- a\n- b\n", "expected keys and values, found a list"),
        ("falld", "expected keys and values, found falld"),
    ],
)
def test_a_file_without_keys(write: Write, text: str, what: str) -> None:
    assert told(write(text)) == [f" {what}; see deploy/falld.example.yaml"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert told(tmp_path / "none.yaml") == [" cannot be read: No such file or directory; see deploy/falld.example.yaml"]
    (tmp_path / "latin.yaml").write_bytes(b"version: \xff")
    assert told(tmp_path / "latin.yaml") == [" is not UTF-8 text; save it as UTF-8"]


def test_an_alias_to_its_own_parent_ends(write: Write) -> None:
    assert told(write(GOOD + "x: &a [*a]\n")) == [
        "9: x: unknown key; known here: version, home, state_dir, wearers, routes, alert, alarm, test_alarm, "
        "detector, clips"
    ]


def test_the_schema_knows_every_key_and_no_other() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "home", "wearers", "routes"]
    assert schema["$defs"]["Wearable"]["properties"]["address"]["anyOf"][0]["pattern"].startswith("^")
