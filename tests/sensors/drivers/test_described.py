"""Drivers made of descriptions: the shipped ones, the template, and what is told of a wrong one."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dialogs import run, script
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import (
    Advertisement,
    Battery,
    DialogError,
    Frame,
    FrameError,
    Press,
    Read,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers._description import Description
from falld.sensors.drivers._description_file import all_keys
from falld.sensors.drivers.described import DRIVERS, Described, DescriptionError, load

TEMPLATE = Path(__file__).parents[3] / "docs" / "wearable-template.yaml"
SHIPPED = {driver.name: driver for driver in DRIVERS}
ALL = [*DRIVERS, load(TEMPLATE)]
LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
PERIOD = "e95dfb24-251d-470a-a062-fa1922dfa9a8"
MINIMAL: dict[str, Any] = {
    "name": "board",
    "title": "Board",
    "match": [{"name_prefix": "Board"}],
    "stream": "abcd",
    "rate_hz": 50,
    "frame": {"samples": "<hhh", "scale_g": 0.001, "count": "rest"},
}
STREAM = "0000abcd-0000-1000-8000-00805f9b34fb"


def described(tmp_path: Path, **changes: Any) -> Described:
    path = tmp_path / "board.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in (MINIMAL | changes).items() if value is not ...}))
    return load(path)


def framed(**changes: Any) -> dict[str, Any]:
    return {"frame": MINIMAL["frame"] | changes}


@pytest.mark.parametrize(
    ("name", "characteristic", "data", "expected"),
    [
        ("thingy52", "ef680406-9b35-4933-9b10-52ffa9740042", "FAFFF4FFF603" + "00" * 12, [-0.0059, -0.0117, 0.9902]),
        ("microbit", "e95dca4b-251d-470a-a062-fa1922dfa9a8", "00000000E803", [0, 0, 1]),
        ("pinetime", "00030002-78fc-48fe-8e23-433b3a1942d0", "000000000004", [0, 0, 1]),
        ("banglejs", "000085e9-0001-1000-8000-00805f9b34fb", "00000000E803" * 3 + "0000", [0, 0, 1]),
    ],
)
def test_vectors(name: str, characteristic: str, data: str, expected: list[float]) -> None:
    (frame,) = SHIPPED[name].session(Wish()).received(characteristic, bytes.fromhex(data))
    assert isinstance(frame, Frame)
    assert frame.tick is None
    np.testing.assert_allclose(frame.acc, [expected] * len(frame.acc), atol=1e-4)


def test_what_ships() -> None:
    assert sorted(SHIPPED) == ["banglejs", "miband", "microbit", "pinetime", "thingy52"]
    assert [name for name, driver in SHIPPED.items() if driver.cannot_detect] == ["miband", "pinetime"]


@pytest.mark.parametrize(
    ("name", "services", "driver"),
    [
        ("Thingy", ["ef680100-9b35-4933-9b10-52ffa9740042"], "thingy52"),
        ("BBC micro:bit [zuvut]", [], "microbit"),
        ("Bangle.js 4f2a", [], "banglejs"),
        ("InfiniTime", [], "pinetime"),
        ("MI Band 2", [], "miband"),
        ("Mi Smart Band 5", [], "miband"),
        ("Thingy", [], None),
        (None, [], None),
    ],
)
def test_advertisements(name: str | None, services: list[str], driver: str | None) -> None:
    seen = Advertisement("C0:00:00:00:00:01", name, services=frozenset(services))
    assert [one.name for one in DRIVERS if one.matches(seen)] == ([driver] if driver else [])


@pytest.mark.parametrize(("rate_hz", "data"), [(1, "1400"), (50, "1400"), (80, "0a00"), (1000, "0a00")])
def test_a_microbits_period_is_never_zero(rate_hz: float, data: str) -> None:
    steps = run(SHIPPED["microbit"].session(Wish(rate_hz)).start(), script())
    assert [step for step in steps if isinstance(step, Write)] == [Write(PERIOD, bytes.fromhex(data))]


def test_a_bangle_in_another_format_is_refused() -> None:
    with pytest.raises(DialogError, match=r"banglejs: 000085e9-0005\S* reads 01 where 03 is needed; set ACC_FMT"):
        run(SHIPPED["banglejs"].session(Wish()).start(), script(b"\x01"))


def test_a_thingys_configuration_is_written_only_where_it_differs() -> None:
    configuration = struct.pack("<4HB", 1000, 500, 500, 50, 1)
    steps = run(SHIPPED["thingy52"].session(Wish(50)).start(), script(b"\x40", configuration))
    assert not any(isinstance(step, Write) for step in steps)
    with pytest.raises(FrameError, match="has not 9 bytes"):
        run(SHIPPED["thingy52"].session(Wish(50)).start(), script(b"\x40", configuration[:8]))


def test_the_template_does_all() -> None:
    driver = load(TEMPLATE)
    char = "5a0b000{}-8d2c-4a6e-9f13-2c7d5e8b9a01".format
    session = driver.session(Wish(90, press="help"))
    assert run(session.start(), script(b"\x01", b"\x50", bytes.fromhex("aabb3200"))) == [
        Read(char(3)),
        Read(LEVEL),
        Subscribe(LEVEL),
        Subscribe(char(4)),
        Read(char(5)),
        Write(char(5), bytes.fromhex("aabb6400")),
        Subscribe(char(2)),
        Write(char(6), b"\x01"),
    ]
    assert (session.rate_hz, session.range_g, session.ticks) == (100, 16, Ticks(1000, 32, "first"))
    assert session.received(char(4), b"\x01") == [Battery(80), Press("help")]
    assert session.received(char(4), b"\x00") == []
    (frame,) = session.received(char(2), struct.pack("<I6h", 2**32 - 1, 0, 0, 2048, -32768, 0, 0))
    assert isinstance(frame, Frame)
    assert frame.tick == 2**32 - 1
    assert frame.acc.tolist() == [[0, 0, 1], [-16, 0, 0]]
    assert run(session.stop(), script()) == [Write(char(6), b"\x00")]
    assert driver.matches(Advertisement("C0:00:00:00:00:01", "MyBoard 7"))
    service = frozenset({char(1)})
    assert driver.matches(Advertisement("C0:00:00:00:00:01", services=service, manufacturer={0xFFFF: b""}))
    assert not driver.matches(Advertisement("C0:00:00:00:00:01", services=service))


def test_the_template_has_every_key() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert {key for key in all_keys(Description) if not re.search(rf"^\W*{key}:", text, re.MULTILINE)} == set()


def test_no_clock_no_battery_no_buttons(tmp_path: Path) -> None:
    session = described(tmp_path).session(Wish())
    assert session.ticks is None
    assert session.range_g is None
    assert run(session.start(), script()) == [Subscribe(STREAM)]
    (frame,) = session.received(STREAM, struct.pack("<6h", 0, 0, 1000, 0, 0, -1000))
    assert isinstance(frame, Frame)
    assert frame.acc.tolist() == [[0, 0, 1], [0, 0, -1]]


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({}, ""),
        ({}, "0000"),
        ({}, "00" * 7),
        (framed(count=2), "00" * 6),
        (framed(count=2), "00" * 18),
        (framed(header=1), "00" * 6),
        (framed(trailer=2), "00" * 6),
        (framed(samples="<fff"), "0000c07f" * 3),
        (framed(samples="<fff", scale_g=1.0), "0000c842" * 3),
        (framed(samples="<ddd", scale_g=1e300), "ffffffffffffef7f" * 3),
        (framed(header=1, tick={"offset": 0, "format": "B", "unit_s": 1.0, "bits": 4, "of": "last"}), "10" + "00" * 6),
        ({"battery": "abce", "stream": "abcf"}, "00" * 6),
        ({"stream": "abcf", "buttons": [{"characteristic": "abcd", "values": {"01": "help"}}]}, "02"),
        ({"stream": "abcf", "battery": "abcd"}, "65"),
    ],
)
def test_garbage(tmp_path: Path, changes: dict[str, Any], data: str) -> None:
    with pytest.raises(FrameError, match="board: "):
        described(tmp_path, **changes).session(Wish()).received(STREAM, bytes.fromhex(data))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frame": ...}, "frame: it is missing; add it"),
        ({"titel": "x"}, "titel: unknown key; did you mean title?"),
        (framed(scale=1.0), "frame.scale: unknown key; did you mean scale_g?"),
        ({"title": 7}, "title: Input should be a valid string; put it in quotes"),
        ({"name": "My Board"}, "name: String should match pattern"),
        ({"match": []}, "match: List should have at least 1 item"),
        ({"match": [{}]}, "match[0]: it would match every wearable; give name_prefix, service or company"),
        ({"match": [{"service": "2a1"}]}, "match[0].service: '2a1' is no UUID; write"),
        ({"match": [{"company": 65536}]}, "match[0].company: Input should be less than or equal to 65535"),
        ({"stream": 2119}, "stream: Input should be a valid string; put it in quotes"),
        ({"rate_hz": 0}, "rate_hz: 0 is no rate in hertz"),
        ({"rate_hz": "50"}, "rate_hz: '50' is no rate in hertz"),
        ({"rate_hz": [50]}, "rate_hz: [50] is no rate in hertz"),
        ({"rate_hz": {}}, "rate_hz: {} is no rate in hertz"),
        ({"rate_hz": {50: 3200}}, "rate_hz: 3200 is not text to YAML; put the bytes in quotes"),
        ({"rate_hz": {50: "32", 100: "64"}}, "rate_hz: rates and what chooses them do not go together"),
        ({"rate_hz": {50: "", 100: ""}}, "rate_hz: rates and what chooses them do not go together"),
        ({"start": [{"characteristic": "abce", "data": "{rate}"}]}, "rate_hz: rates and what chooses them do not go"),
        ({"stop": [{"characteristic": "abce", "data": "{rate}"}]}, "rate_hz: rates and what chooses them do not go"),
        ({"start": [{"characteristic": "abce", "data": "0"}]}, "start[0].data: '0' is not bytes in hex; write two"),
        ({"start": [{"characteristic": "abce", "data": ""}]}, "start[0].data: there are no bytes to write"),
        ({"start": [{"characteristic": "abce", "data": "{hz}"}]}, "start[0].data: '{hz}' is not bytes in hex"),
        ({"range_g": 0}, "range_g: Input should be greater than 0"),
        ({"range_g": float("inf")}, "range_g: Input should be a finite number"),
        ({"cannot_detect": ""}, "cannot_detect: String should have at least 1 character"),
        (
            {"configure": [{"characteristic": "abce", "length": 2, "offset": 1, "data": "0102"}]},
            "configure[0]: the bytes reach beyond the length; correct length or offset",
        ),
        ({"battery": "abcd"}, "a characteristic has two meanings; give each"),
        ({"buttons": [{"characteristic": "abcd", "values": {}}]}, "a characteristic has two meanings; give each"),
        (
            {"buttons": [{"characteristic": "abce", "values": {0: "none"}}]},
            "buttons[0].values[0]: 0 is not text to YAML; put the bytes in quotes",
        ),
        (
            {"buttons": [{"characteristic": "abce", "values": {"01": "alarm"}}]},
            "buttons[0].values.01: Input should be 'press', 'cancel', 'help' or 'none'",
        ),
        (framed(samples="hhh"), "frame.samples: 'hhh' is not the format of one sample on three axes; write < or >"),
        (framed(samples="<hh"), "frame.samples: '<hh' is not the format"),
        (framed(samples="<3h"), "frame.samples: '<3h' is not the format"),
        (framed(scale_g=-1.0), "frame.scale_g: Input should be greater than 0"),
        (framed(count=0), "frame.count: 0 is no number of samples; write how many come together, or rest"),
        (framed(count=True), "frame.count: True is no number of samples"),
        (framed(header=-1), "frame.header: Input should be greater than or equal to 0"),
        (
            framed(header=3, tick={"offset": 0, "format": "<I", "unit_s": 1.0, "bits": 32, "of": "last"}),
            "frame.tick: it lies beyond the header; make the header longer",
        ),
        (
            framed(header=4, tick={"offset": 0, "format": "<H", "unit_s": 1.0, "bits": 17, "of": "last"}),
            "frame.tick.bits: <H has no 17 bits; give the bits that it counts in",
        ),
    ],
)
def test_a_wrong_description_is_told_with_file_key_and_remedy(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(DescriptionError) as caught:
        described(tmp_path, **changes)
    assert str(caught.value).startswith(f"{tmp_path / 'board.yaml'}: {told}")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", ":1: not YAML"),
        ("name: a\nname: b\n", ":2: not YAML: name is given twice; check"),
        ("frame: {count: 1, count: 2}", ":1: not YAML: count is given twice; check"),
        ("when: 2024-99-99", ": not YAML: a value that cannot be read"),
        ("? [a]\n: b", ":1: not YAML: found unhashable key"),
        ("", ": there are no keys and values in it; see docs"),
        ("- a", ": there are no keys and values in it; see docs"),
    ],
)
def test_what_is_no_description_at_all(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "board.yaml"
    path.write_text(text)
    with pytest.raises(DescriptionError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{told}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"none.yaml: cannot be read: No such file or directory; check path"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with pytest.raises(DescriptionError, match=r"latin.yaml: is not UTF-8 text; save it as UTF-8"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize("driver", ALL, ids=[driver.name for driver in ALL])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_bytes_break_it(driver: Described, data: st.DataObject) -> None:
    session = driver.session(Wish())
    steps = run(session.start(), lambda step: _right(driver, step) if isinstance(step, Read) else b"")
    characteristics = [step.characteristic for step in steps if isinstance(step, Subscribe)]
    for _ in range(5):
        notified = data.draw(st.binary(max_size=32) | st.sampled_from([bytes(6), bytes(18), bytes(20)]))
        try:
            heard = session.received(data.draw(st.sampled_from([*characteristics, "unknown"])), notified)
        except FrameError:
            continue
        assert all(np.isfinite(one.acc).all() for one in heard if isinstance(one, Frame))


@pytest.mark.parametrize("driver", ALL, ids=[driver.name for driver in ALL])
@settings(deadline=None, max_examples=40)
@given(answers=st.lists(st.binary(max_size=12), min_size=4, max_size=4))
def test_no_answer_breaks_its_start(driver: Described, answers: list[bytes]) -> None:
    try:
        steps = run(driver.session(Wish()).start(), script(*answers))
    except (DialogError, FrameError):
        return
    assert any(isinstance(step, Subscribe) for step in steps)


def _right(driver: Described, step: Read) -> bytes:
    """What a wearable answers with which all is well."""
    known = {"000085e9-0005": b"\x03", "ef680401-9b35": bytes(9), "5a0b0003-8d2c": b"\x01", "5a0b0005-8d2c": bytes(4)}
    return known.get(step.characteristic[:13], b"\x50")
