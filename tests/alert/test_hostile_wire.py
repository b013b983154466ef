"""What is no message, however it is made, is refused by its name, and soon."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.alert import wire
from falld.alert.clip import MAX_ROWS, encode
from falld.alert.wire import Ack, Alert, ClipAck, Command, Key, Message, Response, Status, WireError, content, parse

ID = "0190163d-8694-739b-aea5-966c26f8ad90"
TOPIC = "falld/v1/home-1/alert"
ACK = {"alert_id": ID, "seq": 1, "hub": "h"}
OF_ALL = ACK | {
    "id": ID, "clip": True, "boot_id": "b", "command": "clip", "response": "seen", "by": "nurse",
    "utc": "2026-01-31T12:00:00.250Z", "online": True, "wearer": "w1", "sources": ["belt"], "kind": "fall",
    "state": "raised", "impact_utc": None, "age_s": 2.5, "attempt": 1, "late": False, "clock_synced": True,
    "probability": 0.97, "why": "impact", "model": "m", "outbox": 0, "wearables": [], "open": [], "faults": [],
    "rate_hz": 50, "impact_index": 0, "acc_mg": "AAAAAAAA",
}  # fmt: skip
"""A message of every kind at once, for unknown fields are ignored."""
MODELS = [Alert, Key, Ack, ClipAck, Response, Command, Status, wire.Health, wire.Clip, wire.Beat, wire.HubStatus]
HOSTILE = {
    "nested lists": lambda n: b"[" * (n // 2) + b"]" * (n // 2),
    "nested mappings": lambda n: b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6),
    "open lists": lambda n: b"[" * n,
    "a huge number": lambda n: b"9" * n,
    "a huge exponent": lambda n: b"1e" + b"9" * n,
    "a long fraction": lambda n: b"0." + b"3" * n,
    "no numbers": lambda n: b"[NaN,Infinity,-Infinity,-0]",
    "one key often": lambda n: b"{" + b",".join([b'"seq":1'] * (n // 8)) + b"}",
    "many keys": lambda n: b"{" + b",".join(b'"%d":0' % i for i in range(n // 10)) + b"}",
    "lone surrogates": lambda n: b'"' + b"\\ud800" * (n // 6) + b'"',
    "surrogate pairs": lambda n: b'"' + b"\\ud83d\\ude00" * (n // 12) + b'"',
    "no UTF-8": lambda n: b'"' + b"\xff\xc0\x80\xed\xa0\x80" * (n // 6) + b'"',
    "zeros": lambda n: b'"' + b"\x00" * n + b'"',
    "escaped zeros": lambda n: b'"' + b"\\u0000" * (n // 6) + b'"',
}
"""JSON values, or none, that have broken readers, of about n bytes."""


def beside(message: dict[str, object], value: bytes, key: bytes = b"x") -> bytes:
    """The message, with a field more."""
    return json.dumps(message).encode()[:-1] + b',"' + key + b'":' + value + b"}"


def taken_or_refused(model: type[Message], payload: bytes) -> None:
    try:
        message = parse(model, payload, TOPIC)
    except WireError:
        return
    assert parse(model, message.payload(), TOPIC) == message
    assert isinstance(content(payload), bytes)


@pytest.mark.parametrize("model", MODELS)
def test_a_message_of_every_kind(model: type[Message]) -> None:
    assert parse(model, json.dumps(OF_ALL).encode(), TOPIC).payload()


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("model", MODELS)
def test_what_has_broken_readers_is_read_in_bounded_time(model: type[Message], shape: str) -> None:
    value = HOSTILE[shape](model.max_bytes - 1000)
    for payload in (value, beside({}, value), beside(OF_ALL, value), beside(OF_ALL, value, b"seq")):
        begun = time.thread_time()
        taken_or_refused(model, payload)
        assert time.thread_time() - begun < 1  # 64 KiB take some milliseconds


@pytest.mark.parametrize("shape", ["a huge number", "a huge exponent", "no numbers", "many keys", "escaped zeros"])
def test_an_unknown_field_may_say_anything_that_is_json(shape: str) -> None:
    assert parse(Ack, beside(ACK, HOSTILE[shape](900)), TOPIC) == parse(Ack, json.dumps(ACK).encode(), TOPIC)


@pytest.mark.parametrize("shape", ["nested lists", "open lists", "lone surrogates", "no UTF-8", "zeros"])
def test_what_is_no_json_is_refused_in_an_unknown_field_too(shape: str) -> None:
    with pytest.raises(WireError, match="not a valid Ack"):
        parse(Ack, beside(ACK, HOSTILE[shape](900)), TOPIC)


def test_of_a_key_that_is_given_twice_every_reader_takes_the_last() -> None:
    twice = beside(OF_ALL, b'"w2"', b"wearer")
    assert parse(Alert, twice, TOPIC).wearer == "w2"
    assert content(twice) == content(json.dumps(OF_ALL | {"wearer": "w2"}).encode())


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(list(HOSTILE)),
    st.integers(1, 300),
    st.sampled_from(["x", *OF_ALL]),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=3),
)
def test_a_spoilt_message_is_taken_or_refused(
    model: type[Message], shape: str, size: int, key: str, spoilt: list[tuple[int, int]]
) -> None:
    payload = bytearray(beside(OF_ALL, HOSTILE[shape](size), key.encode()))
    for at, byte in spoilt:
        payload[at % len(payload)] = byte
    taken_or_refused(model, bytes(payload))


def test_the_largest_of_what_is_sent_fits() -> None:
    """Of alert and health, others do the same."""
    widest = "\x01" * 64  # six bytes each in JSON
    for message in (
        Status(online=True, boot_id="b" * 64, version=widest, model="\x01" * 128),
        Response(alert_id=ID, response="false_alarm", hub="h" * 64, by=widest, utc=datetime(2026, 1, 1, tzinfo=UTC)),
        Ack(alert_id=ID, seq=2**31 - 1, hub="h" * 64),
        ClipAck(alert_id=ID, clip=True, hub="h" * 64),
        encode(99.999, 8175, np.full((MAX_ROWS, 3), -9.999, np.float32)),
    ):
        assert parse(type(message), message.payload(), TOPIC) == message
