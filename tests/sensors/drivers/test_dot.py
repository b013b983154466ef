"""Movella DOT: set up without sleep, one sample a notification, click and battery."""

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
    Press,
    Read,
    Session,
    Step,
    Stopped,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers.dot import BATTERY, CONTROL, DRIVER, MEASUREMENT, REPORT, SAMPLES

H = bytes.fromhex
G = 9.80665

IDLE, MEASURING = H("01 00 15"), H("01 01 15")
AS_DELIVERED = H("00 00 02 0A00 1E00 09") + b"Xsens DOT".ljust(16, b"\0") + H("3C00 00 0000000000")
"""Sleeps after 10 minutes alone and 30 minutes connected; 60 Hz."""
# A short payload of mode 6, as the maker's community shows it: its clock and acceleration, 4 bytes of padding.
SHORT = b'\xd8\x05"D\xaf\x96@@k*\xa7@Z\xdd\x14\xc0\x00\x00\x00\x00'
SAMPLE = SHORT[:16] + struct.pack("<3f", 1.0, -2.0, 3.0)


def taken(rate: int) -> bytes:
    return AS_DELIVERED[:5] + bytes(2) + AS_DELIVERED[7:24] + struct.pack("<H", rate) + AS_DELIVERED[26:]


def start(*answers: bytes | Exception, wish: Wish | None = None) -> tuple[Session, list[Step]]:
    """A session that was started by a wearable which gives these answers, and what was asked of it."""
    session = DRIVER.session(wish or Wish())
    return session, run(session.start(), script(*answers))


def test_a_sample() -> None:
    session = DRIVER.session(Wish())
    (said,) = session.received(SAMPLES, SAMPLE)
    assert isinstance(said, Frame)
    assert said.tick == 1143080408
    np.testing.assert_allclose(said.acc, np.array([[3.009197, 5.223928, -2.3260102]]) / G, rtol=1e-6)
    assert session.ticks == Ticks(hz=1e6, bits=32, of="first")


def test_padding_is_no_sample() -> None:
    (plain,) = DRIVER.session(Wish()).received(SAMPLES, SAMPLE)
    (padded,) = DRIVER.session(Wish()).received(SAMPLES, SAMPLE + bytes(4))
    assert isinstance(plain, Frame)
    assert isinstance(padded, Frame)
    np.testing.assert_array_equal(plain.acc, padded.acc)


def test_it_is_set_up_in_order() -> None:
    session, steps = start(IDLE, AS_DELIVERED, taken(60), H("5501"))
    changed = bytearray(taken(60))
    changed[0] = 0x14  # rate and power saving
    assert steps == [
        Read(MEASUREMENT),
        Read(CONTROL),
        Write(CONTROL, bytes(changed)),
        Read(CONTROL),
        Read(BATTERY),
        Subscribe(BATTERY),
        Subscribe(REPORT),
        Subscribe(SAMPLES),
        Write(MEASUREMENT, H("010115")),
    ]
    assert (session.rate_hz, session.range_g) == (60, 16)
    assert session.received(SAMPLES, SAMPLE)[0] == Battery(85)


def test_only_what_is_meant_is_changed() -> None:
    _, steps = start(IDLE, AS_DELIVERED, taken(20), H("5501"), wish=Wish(rate_hz=18))
    (written,) = [step.data for step in steps if isinstance(step, Write) and step.characteristic == CONTROL]
    changed = [i for i in range(32) if written[i] != AS_DELIVERED[i]]
    assert changed == [0, 5, 24]  # which fields, minutes until it sleeps, rate
    assert struct.unpack_from("<H", written, 24) == (20,)


def test_a_measurement_left_running_is_stopped_first() -> None:
    _, steps = start(MEASURING, AS_DELIVERED, taken(60), H("5501"))
    assert steps[:3] == [Read(MEASUREMENT), Write(MEASUREMENT, H("010015")), Read(CONTROL)]


def test_stop_waits_for_nothing() -> None:
    assert run(DRIVER.session(Wish()).stop(), script()) == [Write(MEASUREMENT, H("010015"))]


@pytest.mark.parametrize(("wish", "rate"), [(50, 60), (25, 30), (2, 1), (1000, 60)])
def test_the_nearest_rate_is_taken(wish: float, rate: int) -> None:
    assert start(IDLE, AS_DELIVERED, taken(rate), H("5501"), wish=Wish(rate_hz=wish))[0].rate_hz == rate


def test_a_rate_that_it_does_not_take() -> None:
    with pytest.raises(DialogError, match="60 Hz; end its recording"):
        start(IDLE, AS_DELIVERED, taken(120), H("5501"))


def test_it_starts_where_the_battery_is_refused() -> None:
    _, steps = start(IDLE, AS_DELIVERED, taken(60), DialogError("DOT", "refuses to read", "none"))
    assert steps[-1] == Write(MEASUREMENT, H("010115"))


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([b""], id="no state"),
        pytest.param([IDLE, AS_DELIVERED[:31]], id="a control cut off"),
        pytest.param([IDLE, AS_DELIVERED, b""], id="nothing to compare"),
        pytest.param([IDLE, AS_DELIVERED, taken(60), H("6500")], id="a battery of 101 %"),
        pytest.param([IDLE, AS_DELIVERED, taken(60), H("64")], id="half a battery"),
    ],
)
def test_answers_that_make_no_sense(answers: list[bytes]) -> None:
    with pytest.raises(FrameError, match="dot"):
        start(*answers)


@pytest.mark.parametrize("kind", ["cancel", "help"])
@pytest.mark.parametrize("told", ["05 04 10270000", "05 08 1027000000000000"])
def test_a_click(kind: str, told: str) -> None:
    session = DRIVER.session(Wish(press="help" if kind == "help" else "cancel"))
    (said,) = session.received(REPORT, H(told).ljust(36, b"\0"))
    assert isinstance(said, Press)
    assert said.kind == kind


def test_it_says_when_it_goes() -> None:
    session = DRIVER.session(Wish())
    assert session.received(REPORT, H("01").ljust(36, b"\0")) == [Stopped("the wearable was switched off")]
    assert session.received(REPORT, H("04").ljust(36, b"\0")) == [Stopped("the wearable went to sleep")]
    assert session.received(BATTERY, H("0900")) == [Battery(9)]


@pytest.mark.parametrize(
    ("characteristic", "told"),
    [
        pytest.param(SAMPLES, b"", id="empty"),
        pytest.param(SAMPLES, SAMPLE[:-1], id="cut off"),
        pytest.param(SAMPLES, SHORT, id="a sample of another mode"),
        pytest.param(SAMPLES, SAMPLE + b"\1", id="too long"),
        pytest.param(SAMPLES, SAMPLE + bytes(13), id="too much padding"),
        pytest.param(SAMPLES, bytes(4) + H("0000c07f") + bytes(20), id="not a number"),
        pytest.param(SAMPLES, bytes(4) + H("000080ff") + bytes(20), id="infinite"),
        pytest.param(SAMPLES, bytes(4) + struct.pack("<f", 65 * G) + bytes(20), id="65 g"),
        pytest.param(REPORT, b"", id="no report"),
        pytest.param(REPORT, H("09").ljust(36, b"\0"), id="an unknown report"),
        pytest.param(REPORT, H("05"), id="a click without a time"),
        pytest.param(REPORT, H("05 05 0000000000"), id="a click with a time of 5 bytes"),
        pytest.param(REPORT, H("05 04 000000"), id="a click with a time cut off"),
        pytest.param(BATTERY, H("6500"), id="a battery of 101 %"),
        pytest.param(CONTROL, AS_DELIVERED, id="another characteristic"),
    ],
)
def test_what_it_does_not_send_yields_nothing(characteristic: str, told: bytes) -> None:
    with pytest.raises(FrameError, match="dot"):
        DRIVER.session(Wish()).received(characteristic, told)
