"""Movesense: GATT SensorData Protocol, its results, frames whole and in halves."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from dialogs import run, script

from falld.sensors.driver import (
    Battery,
    DialogError,
    Frame,
    FrameError,
    Said,
    Session,
    Step,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers.movesense import COMMAND, DRIVER, NOTIFY

H = bytes.fromhex
G = 9.80665

HELLO = H("01 64 01") + b"230250000001\0Movesense Flash\0"
BATTERY = H("01 65 C800 57")
RANGE = H("01 66 C800 08")
SUBSCRIBED = H("01 63 C800")
VECTOR = H("0263 d0070000 cdcccc3d cdcc4cbe c3f51c41")


def data(ms: int, samples: int, kind: int = 2) -> bytes:
    """A frame, of samples that tell their place in it."""
    acc = np.arange(samples * 3, dtype="<f4") / 10
    return bytes((kind, 99)) + struct.pack("<I", ms) + acc.tobytes()


def start(*answers: bytes | Exception, wish: Wish | None = None) -> tuple[Session, list[Step]]:
    """A session that was started by a wearable which gives these answers, and what was asked of it."""
    session = DRIVER.session(wish or Wish())
    return session, run(session.start(), script(*answers))


def samples(said: list[Said]) -> list[tuple[int | None, int]]:
    """Tick and number of samples of each frame."""
    return [(one.tick, len(one.acc)) for one in said if isinstance(one, Frame)]


def test_a_frame() -> None:
    session = DRIVER.session(Wish())
    (said,) = session.received(NOTIFY, VECTOR)
    assert isinstance(said, Frame)
    assert said.tick == 2000
    np.testing.assert_allclose(said.acc, [[0.1 / G, -0.2 / G, 9.81 / G]], rtol=1e-6)
    assert session.ticks == Ticks(hz=1000, bits=32, of="first")


def test_it_is_asked_in_order() -> None:
    session, steps = start(HELLO, BATTERY, RANGE, SUBSCRIBED)
    assert steps[0] == Subscribe(NOTIFY)
    assert [step for step in steps if isinstance(step, Write)] == [
        Write(COMMAND, H("0064")),
        Write(COMMAND, H("0465") + b"/System/Energy/Level"),
        Write(COMMAND, H("0466") + b"/Meas/Acc/Config"),
        Write(COMMAND, H("01632f4d6561732f4163632f3532")),
    ]
    assert (session.rate_hz, session.range_g) == (52, 8)
    assert session.received(NOTIFY, VECTOR)[0] == Battery(87)


@pytest.mark.parametrize(("wish", "rate"), [(10, 13), (50, 52), (78, 104), (100, 104), (5000, 1666)])
def test_the_nearest_rate_is_taken(wish: float, rate: float) -> None:
    session, steps = start(HELLO, BATTERY, RANGE, SUBSCRIBED, wish=Wish(rate_hz=wish))
    assert session.rate_hz == rate
    assert Write(COMMAND, H("0163") + f"/Meas/Acc/{rate}".encode()) in steps


def test_stop_waits_for_nothing() -> None:
    assert run(DRIVER.session(Wish()).stop(), script()) == [Write(COMMAND, H("0263"))]


def test_old_firmware_tells_neither_battery_nor_result() -> None:
    session, _ = start(H("0164") + b"Hello", TimeoutError(), TimeoutError(), data(10, 4))
    assert session.range_g is None
    assert samples(session.received(NOTIFY, data(87, 4))) == [(10, 4), (87, 4)]


@pytest.mark.parametrize("told", ["01 66 9401", "01 66 C800", "01 66 C800 0800", "01 66 C800 07"])
def test_a_range_that_it_does_not_tell(told: str) -> None:
    assert start(HELLO, BATTERY, H(told), SUBSCRIBED)[0].range_g is None


def test_frames_before_the_result_are_kept() -> None:
    session, _ = start(HELLO, BATTERY, RANGE, H("01 64 C800"), data(10, 4), SUBSCRIBED)
    said = session.received(NOTIFY, SUBSCRIBED)
    assert samples(said) == [(10, 4)]
    assert Battery(87) in said


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("9401", "404|no acceleration"),
        ("AD01", "memory.*battery out"),
        ("F501", "rate; choose 13"),
        ("F701", "busy"),
        ("FB01", "too many streams"),
        ("01FB", "too many streams"),
        ("9001", "status 400"),
    ],
)
def test_a_refusal_has_words_and_a_remedy(status: str, says: str) -> None:
    with pytest.raises(DialogError, match=f"movesense: .*({says})"):
        start(HELLO, BATTERY, RANGE, H("0163" + status))


@pytest.mark.parametrize("answers", [[TimeoutError()], [HELLO, BATTERY, RANGE, TimeoutError()]])
def test_no_answer_in_time(answers: list[bytes | Exception]) -> None:
    with pytest.raises(DialogError, match="GATT SensorData"):
        start(*answers)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([b""], id="empty"),
        pytest.param([H("0964")], id="unknown"),
        pytest.param([HELLO, H("0165 C8")], id="a status cut off"),
        pytest.param([HELLO, H("0165 C800 65")], id="a battery of 101 %"),
        pytest.param([HELLO, H("0165 C800")], id="no battery"),
        pytest.param([HELLO, BATTERY, RANGE, H("0163 C8")], id="half a result"),
        pytest.param([*[H("0165 9401")] * 99], id="never the answer"),
    ],
)
def test_answers_that_make_no_sense(answers: list[bytes]) -> None:
    with pytest.raises(FrameError, match="movesense"):
        start(*answers)


def test_halves_are_joined() -> None:
    whole = data(500, 16)
    first, second = whole[:152], bytes((3, 99)) + whole[152:]
    session = DRIVER.session(Wish())
    assert session.received(NOTIFY, first) == []
    (said,) = session.received(NOTIFY, second)
    (at_once,) = DRIVER.session(Wish()).received(NOTIFY, whole)
    assert isinstance(said, Frame)
    assert isinstance(at_once, Frame)
    assert said.tick == 500
    np.testing.assert_array_equal(said.acc, at_once.acc)


def test_a_lost_second_half_is_named_and_costs_no_other_frame() -> None:
    session = DRIVER.session(Wish())
    assert session.received(NOTIFY, data(500, 16)[:152]) == []
    with pytest.raises(FrameError, match="second half never came"):
        session.received(NOTIFY, data(577, 4))
    assert samples(session.received(NOTIFY, data(654, 4))) == [(577, 4), (654, 4)]


def test_what_else_comes() -> None:
    session = DRIVER.session(Wish())
    assert session.received(NOTIFY, BATTERY) == [Battery(87)]
    assert session.received(NOTIFY, SUBSCRIBED) == []
    assert session.received(NOTIFY, HELLO) == []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\2", id="a lone byte"),
        pytest.param(data(1, 0), id="no samples"),
        pytest.param(data(1, 1)[:-1], id="cut off in its first sample"),
        pytest.param(H("0263 d007"), id="a time cut off"),
        pytest.param(data(1, 4, kind=3), id="a second half without a first"),
        pytest.param(H("0242") + VECTOR[2:], id="another stream"),
        pytest.param(H("0463") + VECTOR[2:], id="an unknown kind"),
        pytest.param(H("0263 d0070000 0000c07f 00000000 00000000"), id="not a number"),
        pytest.param(H("0263 d0070000 0000807f 00000000 00000000"), id="infinite"),
        pytest.param(H("0263 d0070000 0100807f 00000000 00000000"), id="a signalling not-a-number"),
        pytest.param(H("0263 d0070000") + struct.pack("<3f", 65 * G, 0, 0), id="65 g"),
    ],
)
def test_a_broken_frame_yields_nothing(told: bytes) -> None:
    with pytest.raises(FrameError, match="movesense"):
        DRIVER.session(Wish()).received(NOTIFY, told)


def test_halves_that_do_not_fit_yield_nothing() -> None:
    session = DRIVER.session(Wish())
    session.received(NOTIFY, data(500, 16)[:152])
    with pytest.raises(FrameError):
        session.received(NOTIFY, H("0363 0000"))


def test_another_characteristic() -> None:
    with pytest.raises(FrameError):
        DRIVER.session(Wish()).received(COMMAND, VECTOR)
