"""RuuviTags: what they advertise, and that nobody is made to believe that one finds falls."""

from __future__ import annotations

import pytest
from dialogs import run, script
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import Advertisement, DialogError, FrameError, Wish
from falld.sensors.drivers import match
from falld.sensors.drivers.ruuvi import COMPANY, DRIVER, Told, told

VALID = "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F"
LARGEST = "057FFFFFFEFFFE7FFF7FFF7FFFFFDEFEFFFECBB8334C884F"
SMALLEST = "058001000000008001800180010000000000CBB8334C884F"
INVALID = "058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF"


def seen(data: bytes) -> Advertisement:
    return Advertisement("CB:B8:33:4C:88:4F", manufacturer={COMPANY: data})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (VALID, Told((0.004, -0.004, 1.036), 2.977, 66, 205)),
        (LARGEST, Told((32.767, 32.767, 32.767), 3.646, 254, 65534)),
        (SMALLEST, Told((-32.767, -32.767, -32.767), 1.6, 0, 0)),
        (INVALID, Told(None, None, 255, 65535)),
    ],
    ids=["valid", "largest", "smallest", "invalid"],
)
def test_vectors_of_the_maker(data: str, expected: Told) -> None:
    assert told(seen(bytes.fromhex(data))) == expected


def test_in_words() -> None:
    assert str(told(seen(bytes.fromhex(VALID)))) == "0.004 -0.004 1.036 g, battery 2.977 V"
    assert str(told(seen(bytes.fromhex(INVALID)))) == "no acceleration"


def test_anybody_else_says_nothing() -> None:
    assert told(Advertisement("C0:00:00:00:00:01", manufacturer={0x0157: bytes.fromhex(VALID)})) is None


@pytest.mark.parametrize("data", ["", "03" + VALID[2:], VALID[:-2], VALID + "00"])
def test_garbage(data: str) -> None:
    with pytest.raises(FrameError, match="ruuvi"):
        told(seen(bytes.fromhex(data)))


@settings(deadline=None)
@given(st.binary(max_size=30) | st.binary(min_size=23, max_size=23).map(lambda data: b"\5" + data))
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        said = told(seen(data))
    except FrameError:
        return
    assert said is not None
    assert (data[0], len(data)) == (5, 24)
    assert said.acc is None or max(map(abs, said.acc)) <= 32.767
    assert said.battery_v is None or 1.6 <= said.battery_v <= 3.646


def test_it_cannot_detect_and_streams_nothing() -> None:
    assert match(seen(bytes.fromhex(VALID))) is DRIVER
    assert DRIVER.cannot_detect
    session = DRIVER.session(Wish())
    with pytest.raises(DialogError, match="ruuvi: it advertises and streams nothing; wear one that streams"):
        run(session.start(), script())
    assert run(session.stop(), script()) == []
