"""MetaMotion R and S, against the bytes of the maker's SDK tests and a scripted board."""

from __future__ import annotations

import numpy as np
import pytest
from dialogs import run, script
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import Advertisement, Await, Battery, DialogError, Frame, FrameError, Press, Step, Wish, Write
from falld.sensors.drivers import metamotion
from falld.sensors.drivers.metamotion import COMMAND, DRIVER, NOTIFY, SERVICE, MetaMotionSession

R, S = bytes.fromhex("03800101"), bytes.fromhex("03800400")


def started(wish: Wish, chip: bytes) -> MetaMotionSession:
    session = DRIVER.session(wish)
    run(session.start(), script(chip))
    return session


def written(steps: list[Step]) -> list[str]:
    return [step.data.hex() for step in steps if isinstance(step, Write) and step.characteristic == COMMAND]


def said(session: MetaMotionSession, data: str) -> object:
    return session.received(NOTIFY, bytes.fromhex(data))


@pytest.mark.parametrize("chip", [R, S])
def test_one_sample(chip: bytes) -> None:
    (frame,) = started(Wish(50, 4), chip).received(NOTIFY, bytes.fromhex("030416c494a22ad0"))
    assert isinstance(frame, Frame)
    assert frame.tick is None
    np.testing.assert_allclose(frame.acc, [[-1.872, -2.919, -1.495]], atol=5e-4)


@pytest.mark.parametrize(("chip", "register"), [(R, "1c"), (S, "05")])
def test_three_samples(chip: bytes, register: str) -> None:
    data = bytes.fromhex(f"03{register}62b7530de9fd16d04d0e57028affa1050a01")
    (frame,) = started(Wish(100, 8), chip).received(NOTIFY, data)
    assert isinstance(frame, Frame)
    expected = [[-4.539, 0.833, -0.131], [-2.995, 0.894, 0.146], [-0.029, 0.352, 0.065]]
    np.testing.assert_allclose(frame.acc, expected, atol=5e-4)


def test_battery_and_switch() -> None:
    session = started(Wish(press="help"), S)
    assert said(session, "118c633410") == [Battery(99)]
    assert said(session, "010101") == [Press("help")]
    assert said(session, "010100") == []


@pytest.mark.parametrize(
    ("wish", "chip", "configuration", "subscription"),
    [
        (Wish(25, 2), R, "03032603", "030401"),
        (Wish(50, 4), R, "03032705", "030401"),
        (Wish(100, 8), R, "03032808", "031c01"),
        (Wish(200, 16), R, "0303290c", "031c01"),
        (Wish(25, 2), S, "0303a600", "030401"),
        (Wish(50, 4), S, "0303a701", "030401"),
        (Wish(100, 8), S, "0303a802", "030501"),
        (Wish(200, 16), S, "0303a903", "030501"),
        (Wish(60, 12), S, "0303a703", "030401"),
    ],
)
def test_settles_the_nearest_it_can_do(wish: Wish, chip: bytes, configuration: str, subscription: str) -> None:
    session = DRIVER.session(wish)
    commands = written(run(session.start(), script(chip)))
    asked = commands.index("0380")
    assert commands[asked + 1 :] == [configuration, subscription, "03020100", "030101", "010101", "11cc"]
    assert abs(session.rate_hz - wish.rate_hz) <= 10
    assert abs(session.range_g - wish.range_g) <= 4


def test_ends_what_it_began() -> None:
    session = started(Wish(100), R)
    assert written(run(session.stop(), script())) == ["030100", "03020001", "030400", "031c00", "010100"]


def test_stops_without_a_chip_too() -> None:
    """The packed register of one chip configures the interrupt of the other."""
    assert written(run(DRIVER.session(Wish()).stop(), script())) == ["030100", "03020001", "030400", "010100"]


def test_passes_over_an_older_stream() -> None:
    session = DRIVER.session(Wish(50, 4))
    assert session.received(NOTIFY, bytes.fromhex("030416c494a22ad0")) == []
    run(session.start(), script(bytes.fromhex("030416c494a22ad0"), bytes.fromhex("1305ffff"), R))
    assert len(session.received(NOTIFY, bytes.fromhex("030416c494a22ad0"))) == 1


def test_takes_an_answer_that_nobody_waited_for() -> None:
    session = DRIVER.session(Wish())

    def wearable(step: Step) -> bytes:
        if isinstance(step, Write) and step.data == b"\x03\x80":
            session.received(NOTIFY, S)
        assert not isinstance(step, Await)
        return b""

    assert "0303a703" in written(run(session.start(), wearable))


@pytest.mark.parametrize("told", ["038003", "0380", "038000ff"])
def test_refuses_another_chip(told: str) -> None:
    with pytest.raises(DialogError, match=r"metamotion: its accelerometer is neither BMI160 nor BMI270.*use a Meta"):
        run(DRIVER.session(Wish()).start(), script(bytes.fromhex(told)))


def test_refuses_silence() -> None:
    with pytest.raises(DialogError, match="does not say which accelerometer"):
        run(DRIVER.session(Wish()).start(), script())
    stale = [bytes.fromhex("030400000000 0000")] * (metamotion.STALE + 1)
    with pytest.raises(DialogError, match="does not say which accelerometer"):
        run(DRIVER.session(Wish()).start(), script(*stale))


@pytest.mark.parametrize(
    "data", ["", "03", "0304", "030400", "03041122334455", "0305" + "00" * 18, "118cff0000", "010102"]
)
def test_garbage(data: str) -> None:
    with pytest.raises(FrameError, match="metamotion"):
        said(started(Wish(), R), data)


def test_knows_its_advertisement() -> None:
    assert DRIVER.matches(Advertisement("C0:00:00:00:00:01", "MetaWear"))
    assert DRIVER.matches(Advertisement("C0:00:00:00:00:01", "left wrist", services=frozenset({SERVICE})))
    assert not DRIVER.matches(Advertisement("C0:00:00:00:00:01", "MetaWearable"))


@settings(deadline=None)
@given(
    st.sampled_from([NOTIFY, COMMAND]),
    st.binary(max_size=24)
    | st.builds(bytes.__add__, st.sampled_from([b"\3\4", b"\3\x1c", b"\1\1", b"\x11\x8c"]), st.binary()),
)
def test_no_bytes_break_it(characteristic: str, data: bytes) -> None:
    session = started(Wish(100), R)
    try:
        heard = session.received(characteristic, data)
    except FrameError:
        return
    assert all(np.all(np.abs(one.acc) <= session.range_g) for one in heard if isinstance(one, Frame))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=4))
def test_no_answer_breaks_its_start(answers: list[bytes]) -> None:
    try:
        run(DRIVER.session(Wish()).start(), script(*answers))
    except (DialogError, FrameError):
        return
    assert any(answer[:2] == b"\x03\x80" for answer in answers)
