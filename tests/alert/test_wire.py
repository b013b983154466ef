"""The messages: what is written, what is taken, what is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from falld.alert import wire
from falld.alert.episode import SOURCES
from falld.alert.wire import Ack, Alert, ClipAck, Command, Key, Message, Response, Status, WireError, content, parse

ID = "0190163d-8694-739b-aea5-966c26f8ad90"
TOPIC = "falld/v1/home-1/alert"
ALERT: dict[str, Any] = {
    "alert_id": ID,
    "seq": 1,
    "wearer": "anna",
    "sources": ["watch", "belt"],
    "kind": "fall",
    "state": "suspected",
    "raise_after_s": 20.0,
    "boot_id": "5f2b1c1e-8f0e-4b3b-9a83-2f8d7f1f6f0a",
    "impact_utc": "2026-01-31T12:00:00.250Z",
    "age_s": 2.5,
    "attempt": 1,
    "late": False,
    "clock_synced": True,
    "probability": 0.971234,
    "why": "impact 5.2 g, turned 80°, still since",
    "model": "m-1",
    "falls": 1,
}


def packed(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def test_an_alert_is_written_as_it_is_read() -> None:
    assert parse(Alert, packed(ALERT), TOPIC).payload() == packed(ALERT)


def test_what_may_be_missing_is_left_out_and_what_may_be_unknown_is_null() -> None:
    help_call = {**ALERT, "kind": "help", "state": "raised", "sources": []}
    help_call |= {"impact_utc": None, "age_s": None, "probability": None, "model": None}
    del help_call["raise_after_s"], help_call["falls"]
    assert parse(Alert, packed(help_call), TOPIC).payload() == packed(help_call)


def test_unknown_fields_are_ignored() -> None:
    assert parse(Alert, packed({**ALERT, "colour": {"a": [1]}}), TOPIC) == parse(Alert, packed(ALERT), TOPIC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alert_id", ID.upper()),
        ("alert_id", "0190163d-8694-439b-aea5-966c26f8ad90"),  # version 4
        ("seq", 0),
        ("seq", 2**31),
        ("seq", 1.5),
        ("seq", "1"),
        ("seq", True),
        ("wearer", "a/b"),
        ("wearer", "anna\n"),
        ("wearer", ""),
        ("wearer", "a" * 65),
        ("sources", ["w"] * (SOURCES + 1)),
        ("sources", [""]),
        ("sources", [1]),
        ("sources", "watch"),
        ("kind", "stumble"),
        ("state", "closed"),
        ("raise_after_s", -1.0),
        ("boot_id", "#"),
        ("impact_utc", "2026-01-31T12:00:00"),
        ("impact_utc", "2026-01-31T12:00:00+00:00"),
        ("impact_utc", "2026-02-31T12:00:00Z"),
        ("impact_utc", "1700000000"),
        ("impact_utc", 1700000000),
        ("age_s", -0.1),
        ("age_s", "2"),
        ("age_s", float("nan")),
        ("late", 0),
        ("late", "false"),
        ("clock_synced", None),
        ("probability", 1.01),
        ("probability", float("inf")),
        ("why", "w" * 257),
        ("why", None),
        ("model", ""),
        ("falls", 0),
    ],
)
def test_a_field_of_another_type_or_beyond_its_bounds_is_refused(field: str, value: Any) -> None:
    with pytest.raises(WireError) as refusal:
        parse(Alert, packed({**ALERT, field: value}), TOPIC)
    assert refusal.value.where == TOPIC
    assert field in refusal.value.what
    assert refusal.value.remedy


@pytest.mark.parametrize("field", [f for f in ALERT if f not in ("raise_after_s", "falls")])
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(WireError, match=field):
        parse(Alert, packed({k: v for k, v in ALERT.items() if k != field}), TOPIC)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 4000, b'{"seq":' + b"9" * 5000 + b"}"])
@pytest.mark.parametrize("model", [Alert, Ack, Response, Command, wire.Clip, wire.Health])
def test_what_is_no_message_is_refused(model: type[Message], payload: bytes) -> None:
    with pytest.raises(WireError):
        parse(model, payload, TOPIC)


@pytest.mark.parametrize(
    ("model", "limit"),
    [(Alert, 8), (Command, 4), (Ack, 4), (Response, 4), (Status, 4), (wire.Beat, 4), (wire.Clip, 64)],
)
def test_a_payload_is_bounded(model: type[Message], limit: int) -> None:
    with pytest.raises(WireError, match=f"{limit * 1024 + 1} bytes are more than the {limit * 1024}"):
        parse(model, b" " * (limit * 1024 + 1), TOPIC)


def test_an_error_repeats_nothing_of_the_message() -> None:
    with pytest.raises(WireError) as refusal:
        parse(Response, packed({"alert_id": "hunter2", "response": "hunter2", "by": 2}), "t" * 5000)
    assert "hunter2" not in str(refusal.value)
    assert len(str(refusal.value)) < 800


def test_the_largest_alert_fits() -> None:
    largest = {
        **ALERT,
        "seq": 2**31 - 1,
        "attempt": 2**31 - 1,
        "wearer": "w" * 64,
        "sources": ["\N{OLD PERSIAN SIGN A}" * 64] * SOURCES,
        "boot_id": "b" * 64,
        "why": "\x01" * 256,
        "model": "\x01" * 128,
        "age_s": 9999999999.999,
        "falls": 2**31 - 1,
    }
    assert len(parse(Alert, packed(largest), TOPIC).payload()) <= Alert.max_bytes


def test_the_largest_health_fits() -> None:
    wide = "\N{OLD PERSIAN SIGN A}"
    health = wire.Health(
        boot_id="b" * 64,
        utc=datetime(2026, 1, 1, tzinfo=UTC),
        clock_synced=False,
        outbox=2**31 - 1,
        wearables=(
            wire.WearableHealth(source=wide * 64, wearer="w" * 64, state="s" * 32, since_s=9999999999.999, battery=100),
        )
        * 16,
        open=(
            wire.OpenEntry(
                alert_id=ID,
                wearer="w" * 64,
                kind="help",
                state="suspected",
                withdrawn="cancelled",
                response="false_alarm",
                hub="h" * 64,
                by=wide * 64,
            ),
        )
        * 16,
        faults=(wire.Fault(code="c" * 32, what=wide * 256),) * 8,
    )
    assert parse(wire.Health, health.payload(), TOPIC) == health


def test_a_valid_key_is_found_in_an_alert_that_is_otherwise_wrong() -> None:
    key = parse(Key, packed({**ALERT, "probability": "high"}), TOPIC)
    assert (key.alert_id, key.seq) == (ID, 1)


def test_times_are_utc_in_milliseconds() -> None:
    there = datetime(2026, 1, 31, 13, 0, 0, 250_999, tzinfo=timezone(timedelta(hours=1)))
    beat = wire.Beat(hub="hub-1", utc=there)
    assert beat.payload() == b'{"hub":"hub-1","utc":"2026-01-31T12:00:00.250Z"}'
    assert parse(wire.Beat, beat.payload(), TOPIC) == beat


def test_what_goes_out_is_held_to_the_same_bounds() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        wire.Beat(hub="hub-1", utc=datetime(2026, 1, 31))  # noqa: DTZ001
    with pytest.raises(ValidationError, match="pattern"):
        Ack(alert_id=ID, seq=1, hub="a hub")


def test_an_ack_is_of_a_message_or_of_a_clip() -> None:
    of_message = Ack(alert_id=ID, seq=3, hub="hub-1")
    of_clip = ClipAck(alert_id=ID, clip=True, hub="hub-1")
    assert of_message.payload() == packed({"alert_id": ID, "seq": 3, "hub": "hub-1"})
    assert of_clip.payload() == packed({"alert_id": ID, "clip": True, "hub": "hub-1"})
    assert wire.parse_ack(of_message.payload(), "t") == of_message
    assert wire.parse_ack(of_clip.payload(), "t") == of_clip
    for payload in (b'{"hub":"hub-1"}', packed({"alert_id": ID, "seq": 1, "hub": "hub-1", "clip": "yes"})):
        with pytest.raises(WireError):
            wire.parse_ack(payload, "t")


def test_birth_and_last_will() -> None:
    birth = Status(online=True, boot_id="b-1", version="0.1.0", model="m-1")
    assert birth.payload() == b'{"online":true,"boot_id":"b-1","version":"0.1.0","model":"m-1"}'
    assert Status(online=False, boot_id="b-1").payload() == b'{"online":false,"boot_id":"b-1"}'


def test_a_clip_is_asked_for_by_its_alert() -> None:
    test = Command(id=ID, boot_id="b-1", command="test_alarm")
    assert test.payload() == packed({"id": ID, "boot_id": "b-1", "command": "test_alarm"})
    with pytest.raises(WireError, match="alert_id"):
        parse(Command, packed({"id": ID, "boot_id": "b-1", "command": "clip"}), "t")


def test_a_clip_holds_whole_rows_and_the_impact_is_among_them() -> None:
    rows = base64.b64encode(bytes(6 * 10)).decode()
    assert parse(wire.Clip, packed({"rate_hz": 50, "impact_index": 9, "acc_mg": rows}), "t").impact_index == 9
    for clip in (
        {"rate_hz": 50, "impact_index": 10, "acc_mg": rows},
        {"rate_hz": 50, "impact_index": 0, "acc_mg": base64.b64encode(bytes(7)).decode()},
        {"rate_hz": 50, "impact_index": 0, "acc_mg": "not base64!!"},
        {"rate_hz": 50, "impact_index": 0, "acc_mg": "°" * 8},
    ):
        with pytest.raises(WireError):
            parse(wire.Clip, packed(clip), "t")


def test_copies_of_one_message_have_the_same_content() -> None:
    again = packed(dict(reversed({**ALERT, "age_s": None, "attempt": 7, "late": True}.items())))
    assert content(again) == content(packed(ALERT))


def test_a_number_is_the_same_however_it_is_written() -> None:
    assert content(packed({**ALERT, "raise_after_s": 20})) == content(packed(ALERT))


@pytest.mark.parametrize("field", [f for f in ALERT if f not in ("age_s", "attempt", "late")])
def test_any_other_field_is_content(field: str) -> None:
    without = {k: v for k, v in ALERT.items() if k != field}
    assert content(packed(without)) != content(packed(ALERT))


def test_content_takes_whatever_parse_took() -> None:
    odd = packed(ALERT)[:-1] + b',"x":' + b"9" * 4000 + b',"y":' + b"[" * 150 + b"]" * 150 + b',"z":-1e999}'
    assert parse(Alert, odd, TOPIC).seq == 1
    assert content(odd) != content(packed(ALERT))


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ids = st.from_regex(r"\A[A-Za-z0-9._-]{1,64}\Z")
alerts = st.builds(
    Alert,
    alert_id=st.just(ID),
    seq=st.integers(1, 2**31 - 1),
    wearer=ids,
    sources=st.lists(texts, max_size=SOURCES).map(tuple),
    kind=st.sampled_from(["fall", "help", "test"]),
    state=st.sampled_from(["suspected", "raised", "cancelled", "recovered", "note"]),
    raise_after_s=st.none() | st.floats(0, 86400),
    boot_id=ids,
    impact_utc=st.none() | st.datetimes(timezones=st.just(UTC)),
    age_s=st.none() | st.floats(0, 1e10),
    attempt=st.integers(1, 2**31 - 1),
    late=st.booleans(),
    clock_synced=st.booleans(),
    probability=st.none() | st.floats(0, 1),
    why=texts,
    model=st.none() | texts,
    falls=st.none() | st.integers(1, 2**31 - 1),
)


@settings(max_examples=60, deadline=None)
@given(alerts)
def test_every_alert_survives_the_wire(alert: Alert) -> None:
    assert parse(Alert, alert.payload(), TOPIC) == alert


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([Alert, Key, Ack, ClipAck, Response, Command, Status, wire.Health, wire.Clip, wire.Beat]),
    st.binary(max_size=60)
    | json_values.map(lambda v: json.dumps(v).encode())
    | st.dictionaries(st.sampled_from(list(ALERT)), json_values).map(lambda d: json.dumps({**ALERT, **d}).encode()),
)
def test_whatever_comes_in_is_taken_or_refused(model: type[Message], payload: bytes) -> None:
    try:
        message = parse(model, payload, TOPIC)
    except WireError:
        return
    assert parse(model, message.payload(), TOPIC) == message
    assert isinstance(content(payload), bytes)
