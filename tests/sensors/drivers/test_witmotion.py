"""WitMotion: frames in a stream that is cut anywhere, and a rate that is read before it is written."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from dialogs import run, script
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from falld.sensors.driver import (
    Advertisement,
    Await,
    Battery,
    DialogError,
    Frame,
    FrameError,
    Read,
    Said,
    Step,
    Wish,
    Write,
)
from falld.sensors.drivers import witmotion
from falld.sensors.drivers.witmotion import DRIVER, FRAME, NOTIFY, SERVICE, Frames, WitMotionSession

VECTOR = bytes.fromhex("5561 0000 0008 0000") + bytes(12)


def sample(x: int, y: int = 0, z: int = 0, rest: bytes = bytes(12)) -> bytes:
    return struct.pack("<2s3h", b"\x55\x61", x, y, z) + rest


def register(address: int, value: int) -> bytes:
    return struct.pack("<2s2H", b"\x55\x71", address, value) + bytes(14)


def started(rate_hz: float = 50) -> WitMotionSession:
    session = DRIVER.session(Wish(rate_hz))
    run(session.start(), script(register(3, witmotion.RATES_HZ[rate_hz])))
    return session


def written(steps: list[Step]) -> list[str]:
    return [step.data.hex() for step in steps if isinstance(step, Write)]


def xs(said: list[Said]) -> list[float]:
    """The first axis in counts."""
    return [float(one.acc[0, 0]) * 2048 for one in said if isinstance(one, Frame)]


def test_the_makers_formula() -> None:
    (frame,) = started().received(NOTIFY, VECTOR)
    assert isinstance(frame, Frame)
    np.testing.assert_allclose(frame.acc, [[0, 1, 0]], atol=1e-3)
    assert frame.tick is None


def test_full_scale() -> None:
    (frame,) = started().received(NOTIFY, sample(-32768, 32767))
    assert isinstance(frame, Frame)
    np.testing.assert_allclose(frame.acc, [[-16, 16, 0]], atol=1e-3)


def test_a_firmware_with_the_standard_base() -> None:
    assert started().received(NOTIFY.replace("9a34fb", "9b34fb"), VECTOR)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=8), st.lists(st.integers(1, 45), min_size=1))
def test_any_cut_gives_all_frames_but_perhaps_the_last(values: list[int], sizes: list[int]) -> None:
    stream = b"".join(sample(value) for value in values)
    session, heard = started(), []
    for size in itertools.cycle(sizes):
        heard += xs(session.received(NOTIFY, stream[:size]))
        stream = stream[size:]
        if not stream:
            break
    assert heard in (values, values[:-1])
    heard += xs(session.received(NOTIFY, sample(0)))  # in a notification of its own it also closes the one before
    assert heard == [*values, 0]


@settings(deadline=None)
@given(st.integers(1, 19), st.integers(0, 19), st.integers(20, 60))
def test_half_a_frame_never_becomes_a_sample(kept: int, lost: int, size: int) -> None:
    """A frame breaks off, something is lost, and the stream goes on. Nothing tells where just a frame's length is."""
    assume(kept != lost)
    stream = b"".join(sample(1000 + index) for index in range(12))
    session = started()
    heard = xs(session.received(NOTIFY, sample(1)[:kept]))
    for at in range(lost, len(stream), size):
        try:
            heard += xs(session.received(NOTIFY, stream[at : at + size]))
        except FrameError:
            continue
    assert set(heard) <= {1000 + index for index in range(12)}
    assert heard == sorted(heard)
    assert len(heard) >= 5


def test_what_lies_behind_garbage_comes_with_the_next_frame() -> None:
    session = started()
    assert session.received(NOTIFY, sample(1)[:10]) == []
    with pytest.raises(FrameError, match="bytes that belong to no frame"):
        session.received(NOTIFY, sample(2))
    assert xs(session.received(NOTIFY, sample(3))) == [2, 3]


def test_a_beginning_within_a_frame_is_not_taken_for_one() -> None:
    trap = sample(5, rest=bytes.fromhex("5561 ff7f ff7f ff7f") + bytes(4))
    session = started()
    assert session.received(NOTIFY, trap[:4]) == []
    heard: list[float] = []
    for notification in (trap[8:], sample(6), sample(7), sample(8)):
        try:
            heard += xs(session.received(NOTIFY, notification))
        except FrameError:
            continue
    assert 32767 not in heard
    assert heard[-1] == 8


@pytest.mark.parametrize("data", ["00", "5562", "5561" + "00" * 18 + "aa", "ff" * 40])
def test_garbage(data: str) -> None:
    session = started()
    with pytest.raises(FrameError, match="witmotion: bytes that belong to no frame"):
        session.received(NOTIFY, bytes.fromhex(data))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=64) | st.sampled_from([b"\x55", b"\x55\x61", VECTOR, VECTOR[:7], VECTOR[7:]])))
def test_no_bytes_break_it(notifications: list[bytes]) -> None:
    session, frames = started(), Frames()
    fed = kept = 0
    for data in notifications:
        whole, dropped = frames.feed(data)
        fed, kept = fed + len(data), kept + FRAME * len(whole) + len(dropped)
        assert 0 <= fed - kept <= FRAME + 1, "it keeps more than a frame and a byte"
        assert all(one[:2] in (b"\x55\x61", b"\x55\x71") and len(one) == FRAME for one in whole)
        try:
            heard = session.received(NOTIFY, data)
        except FrameError:
            continue
        assert all(np.all(np.abs(one.acc) <= 16) for one in heard if isinstance(one, Frame))


def test_leaves_a_rate_that_is_right() -> None:
    session = DRIVER.session(Wish(50))
    steps = run(session.start(), script(VECTOR[5:], VECTOR, register(3, 8)))
    assert written(steps) == ["ffaa270300", "ffaa276400"]
    assert session.rate_hz == 50
    assert session.range_g == 16
    assert session.ticks is None


@pytest.mark.parametrize(("rate_hz", "code"), [(10, "06"), (20, "07"), (50, "08"), (100, "09"), (200, "0b")])
def test_sets_the_rate_and_saves_it(rate_hz: float, code: str) -> None:
    session = DRIVER.session(Wish(rate_hz))
    before, after = register(3, 5), register(3, int(code, 16))
    steps = run(session.start(), script(before, VECTOR, VECTOR, VECTOR, after))
    setting = ["ffaa6988b5", f"ffaa03{code}00", "ffaa000000"]
    assert written(steps) == ["ffaa270300", *setting, "ffaa270300", "ffaa276400"]
    assert session.rate_hz == rate_hz


def test_believes_what_it_took() -> None:
    session = DRIVER.session(Wish(200))
    run(session.start(), script(register(3, 6), *[TimeoutError()] * 3, register(3, 8)))
    assert session.rate_hz == 50


def test_refuses_a_rate_that_it_does_not_know() -> None:
    with pytest.raises(DialogError, match="witmotion: it keeps to the rate code 0x01; set it to 50 Hz"):
        run(DRIVER.session(Wish()).start(), script(*[register(3, 1)] * 5))


@pytest.mark.parametrize("answers", [[], [VECTOR] * 500])
def test_refuses_silence(answers: list[bytes]) -> None:
    with pytest.raises(DialogError, match="does not tell its register 0x03"):
        run(DRIVER.session(Wish()).start(), script(*answers))


def test_samples_of_another_rate_are_not_handed_on() -> None:
    session = DRIVER.session(Wish(50))
    assert session.received(NOTIFY, VECTOR) == []
    assert session.received(NOTIFY, register(3, 8)) == []


@pytest.mark.parametrize(
    ("centivolts", "percent"), [(420, 100), (396, 100), (395, 90), (391, 75), (370, 20), (340, 5), (339, 0), (300, 0)]
)
def test_battery(centivolts: int, percent: int) -> None:
    assert started().received(NOTIFY, register(0x64, centivolts)) == [Battery(percent)]


def test_no_battery_and_other_registers() -> None:
    assert started().received(NOTIFY, register(0x64, 0)) == []
    assert started().received(NOTIFY, register(0x3A, 360)) == []


def test_stopping_does_nothing() -> None:
    assert run(DRIVER.session(Wish()).stop(), script()) == []


def test_writes_unconfirmed() -> None:
    steps = run(DRIVER.session(Wish()).start(), script(register(3, 8)))
    assert not any(isinstance(step, Write) and step.response for step in steps)
    assert not any(isinstance(step, Read) for step in steps)
    assert all(step.characteristic == NOTIFY for step in steps if isinstance(step, Await))


@pytest.mark.parametrize(
    ("name", "services", "matches"),
    [
        ("WT901BLE67", [], True),
        ("WT9011DCL-BT50", [SERVICE], True),
        ("BWT901BLE5.0", [], True),
        ("WTVB01-BT50", [SERVICE], False),
        (None, [SERVICE], True),
        (None, [SERVICE.replace("9a34fb", "9b34fb")], True),
        (None, [], False),
    ],
)
def test_knows_its_advertisement(name: str | None, services: list[str], matches: bool) -> None:
    assert DRIVER.matches(Advertisement("C0:00:00:00:00:01", name, services=frozenset(services))) is matches
