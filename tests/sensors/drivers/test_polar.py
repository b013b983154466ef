"""Polar's wearables: the maker's own test vectors, the negotiation, and what may go wrong in it."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from dialogs import Wearable, run, script

from falld.sensors.driver import (
    Await,
    Battery,
    DialogError,
    Frame,
    FrameError,
    Read,
    Session,
    Step,
    Stopped,
    Subscribe,
    Ticks,
    Wish,
    Write,
)
from falld.sensors.drivers._polar_settings import read_settings
from falld.sensors.drivers.polar import CONTROL, DATA, DRIVER

H = bytes.fromhex
LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"

FEATURES = H("0F05 00000000000000 00000000000000")
BATTERY = H("5A")
H10 = H("F0 01 02 00 00  00 04 C800 6400 3200 1900  01 01 1000  02 03 0800 0400 0200")
VERITY = H("F0 01 02 00 00  00 01 3400  01 01 1000  02 01 0800  04 01 03")
OK = H("F0 02 02 00 00")

# From the tests of Polar's SDK.
V1 = H("02 0094357700000000 01 F7FFFFFFE703 F8FFFEFFE503")
V2 = H("02 6500000000000000 81 F1FF1400F003 06 01 7B0F08")
V3 = H(
    "02 0094357700000000 80 7107F06A9E8D"
    "0A38BE5CBEBA2F96B3EE4BE5ADFB42B9EBBE4CFEBA2F92BFEE4BE4B1FB12B9ECBD3C3EBB2F8FD3DE4BE3B5F7D2B8EDBD307E7B2F8BE3CE8B"
    "E2BAF7A2B8EEBC20BE7B2F88F3CECBE1BDEF52F8EFBC18FE3B2F8403BFCBE0C2EF32B8F0BB044EBC2E8113AF0BE0C6EFF2F7F1B9FC7DBC2E"
    "7D279F4BDFCAEBC2F7F2B8ECCD7C2E7B378F4BDECEE392F7F3B8E00DFD2D774B7FCBDDD2DF6237F5B7D44DBD2D745B6FCBDCD7D73237F6B5"
    "C88D7D2D716B4F4BDCDCD3F236F7B4BCDDFD2C6F7B3F4BDBE0CFD236F8B2B02DBE2C6C8F1FCBDAE3C7A276F9"
)


def start(*answers: bytes | Exception, wish: Wish | None = None) -> tuple[Session, list[Step]]:
    """A session that was started by a wearable which gives these answers, and what was asked of it."""
    session = DRIVER.session(wish or Wish())
    return session, run(session.start(), script(*answers))


def frame(session: Session, data: bytes) -> Frame:
    (said,) = session.received(DATA, data)
    assert isinstance(said, Frame)
    return said


def mg(session: Session, data: bytes) -> list[list[float]]:
    return [[round(float(g) * 1000, 2) for g in sample] for sample in frame(session, data).acc]


def test_raw_frame() -> None:
    session = DRIVER.session(Wish())
    assert mg(session, V1) == [[-9, -1, 999], [-8, -2, 997]]
    assert frame(session, V1).tick == 2_000_000_000
    assert frame(session, V1).acc.dtype == np.float32
    assert session.ticks == Ticks(hz=1e9, bits=64, of="last")


def test_compressed_frame_in_mg() -> None:
    session = DRIVER.session(Wish())
    assert mg(session, V2) == [[-15, 20, 1008], [-20, 17, 1008]]
    assert frame(session, V2).tick == 101


def test_compressed_frame_in_g_with_a_factor() -> None:
    factor = 2.44e-4
    session, _ = start(FEATURES, BATTERY, VERITY, OK + H("0501") + struct.pack("<f", factor))
    session.received(LEVEL, BATTERY)
    said = frame(session, V3)
    assert said.acc.shape == (57, 3)
    counts = np.array([(1905, 27376, -29282), (1905 + 190, 27376 - 105, -29282 - 85)])
    np.testing.assert_allclose(said.acc[:2], counts * factor, rtol=1e-6)
    assert [int(g * 1000) for g in said.acc[0]] == [464, 6679, -7144]
    assert np.abs(said.acc).max() <= 8


def test_raw_frames_of_one_and_three_bytes() -> None:
    session = DRIVER.session(Wish())
    header = "02 0000000000000000 "
    assert mg(session, H(header + "00 7F 80 FF")) == [[127, -128, -1]]
    assert mg(session, H(header + "02 E80300 18FCFF 983AFF")) == [[1000, -1000, -50536]]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="empty"),
        pytest.param("02 009435770000", id="cut off in its header"),
        pytest.param("02 0094357700000000 01", id="no samples"),
        pytest.param("02 0094357700000000 01 F7FFFFFFE7", id="cut off in a sample"),
        pytest.param("00 0094357700000000 00 F7FFFF", id="a heart's current"),
        pytest.param("02 0094357700000000 03 F7FFFFFFE703", id="an unknown form"),
        pytest.param("02 0094357700000000 82 F7FFFFFFE703", id="an unknown compressed form"),
        pytest.param("02 6500000000000000 81 F1FF1400F0", id="no whole first sample"),
        pytest.param("02 6500000000000000 81 F1FF1400F003 06 01 7B0F", id="a block cut off"),
        pytest.param("02 0094357700000000 02 FFFF7F 000000 000000", id="an acceleration of 8388 g"),
    ],
)
def test_a_broken_frame_yields_nothing(data: str) -> None:
    with pytest.raises(FrameError, match="polar"):
        DRIVER.session(Wish()).received(DATA, H(data))


def test_settings_of_the_makers_test() -> None:
    listed = H("00 01 34 00 01 01 10 00 02 04 F5 00 F4 01 E8 03 D0 07 04 01 03")
    assert read_settings("polar", listed) == {0: [52], 1: [16], 2: [245, 500, 1000, 2000], 4: [3]}


def test_an_h10_is_asked_in_order() -> None:
    session, steps = start(FEATURES, BATTERY, H10, OK, wish=Wish(rate_hz=200, range_g=16))
    *before, write, answered = steps
    assert before == [
        Read(CONTROL),
        Read(LEVEL),
        Subscribe(LEVEL),
        Subscribe(CONTROL),
        Subscribe(DATA),
        Write(CONTROL, H("0102")),
        Await(CONTROL),
    ]
    assert answered == Await(CONTROL)
    # The command that is known from the field has the same settings in another order.
    known = H("02 02  02 01 08 00  00 01 C8 00  01 01 10 00")
    assert isinstance(write, Write)
    assert write.data[:2] == known[:2]
    assert read_settings("polar", write.data[2:]) == read_settings("polar", known[2:])
    assert (session.rate_hz, session.range_g) == (200, 8)


def test_a_verity_sense_is_asked_for_what_it_lists() -> None:
    session, steps = start(FEATURES, BATTERY, VERITY, OK)
    assert steps[-2] == Write(CONTROL, H("02 02 00 01 34 00 01 01 10 00 02 01 08 00 04 01 03"))
    assert (session.rate_hz, session.range_g) == (52, 8)


WITH_SDK_MODE = H("0F0D 02000000000000 00000000000000")
WIDE = H("F0 01 02 00 00  00 05 1A00 3400 6800 D000 A001  01 01 1000  02 04 0200 0400 0800 1000  04 01 03")
STOPPED, IN_SDK_MODE = H("F0 03 02 00 00"), H("F0 02 09 00 00")


def written(steps: list[Step]) -> list[bytes]:
    return [step.data for step in steps if isinstance(step, Write)]


@pytest.mark.parametrize(("rate_hz", "settled"), [(78, 104), (100, 104), (500, 416)])
@pytest.mark.parametrize("mode", [IN_SDK_MODE, H("F0 02 09 06 00")], ids=["entered", "already in it"])
def test_a_faster_rate_is_had_in_sdk_mode(rate_hz: float, settled: int, mode: bytes) -> None:
    answers = WITH_SDK_MODE, BATTERY, VERITY, STOPPED, mode, WIDE, OK
    session, steps = start(*answers, wish=Wish(rate_hz=rate_hz))
    assert [data[:2] for data in written(steps)] == [H("0102"), H("0302"), H("0209"), H("0102"), H("0202")]
    assert (session.rate_hz, session.range_g) == (settled, 16)
    assert written(run(session.stop(), script())) == [H("0302"), H("0309")]


def test_sdk_mode_is_not_entered_where_it_brings_nothing() -> None:
    for features, wish in (WITH_SDK_MODE, Wish()), (WITH_SDK_MODE, Wish(rate_hz=77)), (H("0F04"), Wish(rate_hz=200)):
        session, steps = start(features, BATTERY, VERITY, OK, wish=wish)
        assert [data[:2] for data in written(steps)] == [H("0102"), H("0202")]
        assert session.rate_hz == 52


def test_sdk_mode_is_left_at_the_end_whoever_entered_it() -> None:
    session, _ = start(WITH_SDK_MODE, BATTERY, WIDE, OK, wish=Wish(rate_hz=100))
    assert session.rate_hz == 104, "it is in it, since the connection was lost"
    assert written(run(session.stop(), script())) == [H("0302"), H("0309")]


def test_where_sdk_mode_is_refused_it_streams_as_it_can() -> None:
    refusal = H("F0 02 09 0C 00")
    session, _ = start(WITH_SDK_MODE, BATTERY, VERITY, STOPPED, refusal, VERITY, OK, wish=Wish(rate_hz=200))
    assert (session.rate_hz, session.range_g) == (52, 8)


@pytest.mark.parametrize(
    ("rate_hz", "range_g", "settled"), [(50, 16, (50, 8)), (25, 2, (25, 2)), (75, 3, (100, 4)), (1000, 1, (200, 2))]
)
def test_the_nearest_that_is_listed_is_taken(rate_hz: float, range_g: float, settled: tuple[float, float]) -> None:
    session, _ = start(FEATURES, BATTERY, H10, OK, wish=Wish(rate_hz=rate_hz, range_g=range_g))
    assert (session.rate_hz, session.range_g) == settled


def test_a_range_in_thousandths() -> None:
    listed = H("F0 01 02 00 00  00 01 3400  03 02 401F0000 803E0000")
    session, steps = start(FEATURES, BATTERY, listed, OK)
    assert steps[-2] == Write(CONTROL, H("02 02 00 01 34 00 03 01 80 3E 00 00"))
    assert session.range_g == 16


def test_an_answer_in_several_parts() -> None:
    parts = H("F0 01 02 00 01  00 04 C800 64"), H("F0 01 02 00 01  00 3200 1900 01 01"), H("F0 01 02 00 00  1000")
    session, _ = start(FEATURES, BATTERY, *parts, OK, wish=Wish(rate_hz=100))
    assert session.rate_hz == 100
    assert session.range_g is None


def test_what_does_not_answer_is_passed_over() -> None:
    echo, of_another, stopped = FEATURES, H("F0 03 02 00 00"), H("01 00")
    session, _ = start(FEATURES, BATTERY, echo, of_another, stopped, VERITY, H("F0 02 00 00 00"), OK)
    assert session.rate_hz == 52


def test_a_stream_left_behind_is_stopped_and_started_again() -> None:
    already = H("F0 02 02 06 00")
    session, steps = start(FEATURES, BATTERY, VERITY, already, H("F0 03 02 00 00"), OK)
    writes = [step.data for step in steps if isinstance(step, Write)]
    assert [data[:2] for data in writes] == [H("0102"), H("0202"), H("0302"), H("0202")]
    assert writes[1] == writes[3]
    assert session.rate_hz == 52
    with pytest.raises(DialogError, match="streams already"):
        start(FEATURES, BATTERY, VERITY, already, H("F0 03 02 00 00"), already)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (1, "command.*firmware"),
        (2, "measurement.*firmware"),
        (3, "no acceleration.*H10"),
        (4, "too long or too short"),
        (5, "setting.*rate and range"),
        (7, "resolution"),
        (8, "the rate; leave"),
        (9, "the range; leave"),
        (10, "packets.*ExchangeMTU"),
        (11, "channels"),
        (12, "mode.*training session"),
        (13, "charger; take it out"),
        (14, "memory.*recordings"),
        (99, "status 99"),
    ],
)
def test_a_refusal_has_words_and_a_remedy(status: int, says: str) -> None:
    with pytest.raises(DialogError, match=f"polar: .*{says}"):
        start(FEATURES, BATTERY, VERITY, bytes((0xF0, 2, 2, status)))
    with pytest.raises(DialogError, match=f"polar: .*{says}"):
        start(FEATURES, BATTERY, bytes((0xF0, 1, 2, status, 0)))


def test_without_acceleration_there_is_nothing_to_start() -> None:
    with pytest.raises(DialogError, match="no acceleration"):
        start(H("0F01"))


def test_no_answer_in_time() -> None:
    with pytest.raises(DialogError, match="does not answer command 1; put it on"):
        start(FEATURES, BATTERY, TimeoutError())


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([b""], id="no features"),
        pytest.param([H("F005")], id="features of another kind"),
        pytest.param([FEATURES, H("65")], id="a battery of 101 %"),
        # From the test of Polar's SDK: a good answer, whose parameters are no settings.
        pytest.param([FEATURES, BATTERY, H("F0 01 02 00 00 FF FF FF")], id="settings that are none"),
        pytest.param([FEATURES, BATTERY, H("F0 01 02 00 00")], id="no settings"),
        pytest.param([FEATURES, BATTERY, H("F0 01 02 00 00 00 01 00 00")], id="a rate of 0"),
        pytest.param([FEATURES, BATTERY, H("F0 01 02 00 00 00 02 34 00")], id="settings cut off"),
        pytest.param([FEATURES, BATTERY, *[H("F0 01 02 00 01 00")] * 99], id="an answer without an end"),
        pytest.param([FEATURES, BATTERY, *[b"\xf0"] * 99], id="never the answer"),
        pytest.param([FEATURES, BATTERY, VERITY, OK + H("05 01 0000C07F")], id="a factor that is no number"),
        pytest.param([FEATURES, BATTERY, VERITY, OK + H("05 01 00000000")], id="a factor of 0"),
    ],
)
def test_answers_that_make_no_sense(answers: list[bytes]) -> None:
    with pytest.raises(FrameError, match="polar"):
        start(*answers)


def test_a_lone_byte_after_a_good_start_says_nothing() -> None:
    session, _ = start(FEATURES, BATTERY, VERITY, OK + b"\1")
    assert session.rate_hz == 52


def test_the_battery_comes_with_what_comes_first_and_when_it_changes() -> None:
    session, _ = start(FEATURES, BATTERY, H10, OK)
    first, *more = session.received(DATA, V1)
    assert first == Battery(90)
    assert [type(said) for said in more] == [Frame]
    assert [type(said) for said in session.received(DATA, V1)] == [Frame]
    assert session.received(LEVEL, H("59")) == [Battery(89)]


def test_a_broken_frame_does_not_lose_the_battery() -> None:
    session, _ = start(FEATURES, BATTERY, H10, OK)
    with pytest.raises(FrameError):
        session.received(DATA, b"")
    assert session.received(DATA, V1)[0] == Battery(90)


def test_it_starts_where_the_battery_is_refused() -> None:
    rest = script(FEATURES, H10, OK)

    def wearable(step: Step) -> bytes:
        if step == Read(LEVEL):
            raise DialogError("Polar H10 1", "refuses to read", "none")
        return rest(step)

    session = DRIVER.session(Wish(rate_hz=100))
    steps = run(session.start(), wearable)
    assert session.rate_hz == 100
    assert Subscribe(LEVEL) not in steps


def test_stop_waits_for_nothing() -> None:
    silent: Wearable = script()
    assert run(DRIVER.session(Wish()).stop(), silent) == [Write(CONTROL, H("0302"))]


def test_what_comes_from_the_control_point_meanwhile() -> None:
    session = DRIVER.session(Wish())
    assert session.received(CONTROL, FEATURES) == []
    assert session.received(CONTROL, H("F0 03 02 00 00")) == []
    assert session.received(CONTROL, H("01 00")) == []
    assert session.received(CONTROL, H("01 00 02")) == [Stopped("the wearable ended the stream")]
    for characteristic, data in [(CONTROL, b""), (CONTROL, b"\x77"), ("elsewhere", V1), (LEVEL, b"")]:
        with pytest.raises(FrameError):
            session.received(characteristic, data)


def test_an_error_shows_at_most_32_bytes() -> None:
    with pytest.raises(FrameError) as caught:
        DRIVER.session(Wish()).received(DATA, bytes(200))
    assert (
        str(caught.value).partition(": ")[2].partition(";")[0] == f"a measurement of kind 0: {'00 ' * 32}… (200 bytes)"
    )
