"""Buttons by advertisement: each press once, and nobody else's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import Advertisement, FrameError
from falld.sensors.drivers.bthome import HELP, NEW_AFTER_S, SERVICE, Buttons, EncryptedButton, Pressed

BUTTON = "B4:35:22:AA:BB:CC"
NEIGHBOUR = "B4:35:22:DD:EE:FF"


def advert(data: str | bytes, address: str = BUTTON) -> Advertisement:
    raw = data if isinstance(data, bytes) else bytes.fromhex(data)
    return Advertisement(address, service_data={SERVICE: raw})


def pressed(data: str | bytes, now: float = 0.0) -> list[Pressed]:
    return Buttons({BUTTON: HELP}).seen(advert(data), now)


@pytest.mark.parametrize(("data", "battery"), [("40 00 52 01 64 3a 01", 100), ("44 00 21 01 5e 3a 01", 94)])
def test_a_shelly_blu_button(data: str, battery: int) -> None:
    assert pressed(data) == [Pressed(BUTTON, "press", "help", battery)]


@pytest.mark.parametrize("data", ["44 51 87 56", "40 63 00 57 d0 ff", "40 00 52 01 64 3a 00", "40 00 01 01 64", "40"])
def test_nothing_is_pressed(data: str) -> None:
    assert pressed(data) == []


WAYS = {1: "press", 2: "double", 3: "triple", 4: "long", 5: "long", 6: "long", 0x80: "hold", 0xFE: "hold"}


@pytest.mark.parametrize(("value", "click"), WAYS.items())
def test_ways_of_pressing(value: int, click: str) -> None:
    assert [one.click for one in pressed(bytes((0x44, 0x00, 0x01, 0x3A, value)))] == [click]


def test_behind_other_values() -> None:
    before = "00 07 01 64 02 ca09 03 bf13 04 138a01 0c 020c 15 00 2e 23"
    assert pressed(f"44 {before} 3a 02 3f 020c") == [Pressed(BUTTON, "double", "help", 100)]


def test_four_buttons_in_one() -> None:
    heard = Buttons({BUTTON: {"press": "help", "long": "cancel"}}).seen(advert("44 00 07 3a 00 3a 01 3a 04 3a 02"), 0)
    assert [(one.click, one.kind) for one in heard] == [("press", "help"), ("long", "cancel")]


def test_one_press_is_advertised_many_times() -> None:
    buttons = Buttons({BUTTON: HELP})
    heard = [buttons.seen(advert("44 00 52 01 64 3a 01"), second / 10) for second in range(300)]
    assert [len(one) for one in heard] == [1, *[0] * 299]
    assert len(buttons.seen(advert("44 00 53 01 64 3a 01"), 30)) == 1


def test_two_buttons_with_one_packet_id() -> None:
    buttons = Buttons({BUTTON: HELP, NEIGHBOUR: HELP})
    assert len(buttons.seen(advert("44 00 52 3a 01"), 0)) == 1
    assert len(buttons.seen(advert("44 00 52 3a 01", NEIGHBOUR), 0)) == 1


def test_the_packet_id_comes_round() -> None:
    buttons = Buttons({BUTTON: HELP})
    assert len(buttons.seen(advert("44 00 52 3a 01"), 100)) == 1
    assert buttons.seen(advert("44 00 52 3a 01"), 100 + NEW_AFTER_S / 2) == []
    assert buttons.seen(advert("44 00 52 3a 01"), 99.9 + NEW_AFTER_S * 3 / 2) == [], "it was never silent"
    assert len(buttons.seen(advert("44 00 52 3a 01"), 99.9 + NEW_AFTER_S * 5 / 2)) == 1


def test_without_a_packet_id_the_bytes_tell() -> None:
    buttons = Buttons({BUTTON: HELP})
    assert [len(buttons.seen(advert("44 3a 01"), second)) for second in range(5)] == [1, 0, 0, 0, 0]
    assert len(buttons.seen(advert("44 3a 02"), 6)) == 1


def test_a_neighbours_button_means_nothing() -> None:
    buttons = Buttons({BUTTON: HELP})
    assert buttons.seen(advert("44 00 52 3a 01", NEIGHBOUR), 0) == []
    assert buttons.seen(advert("41 00", NEIGHBOUR), 0) == []
    assert buttons.seen(Advertisement(BUTTON), 0) == []


def test_addresses_in_any_case() -> None:
    assert len(Buttons({BUTTON.lower(): HELP}).seen(advert("44 00 52 3a 01"), 0)) == 1


def test_what_is_encrypted_is_refused() -> None:
    with pytest.raises(
        EncryptedButton, match=f"button {BUTTON}: what it says is encrypted; reset it to its factory settings"
    ):
        pressed("41 a4 72 66 c9 5f 73 00 11 22 33 78 23 72 14")


@pytest.mark.parametrize("data", ["", "20 00 01", "60 00 01", "40 00", "40 00 01 3a", "40 02 01", "44 00 01 3a 07"])
def test_garbage(data: str) -> None:
    with pytest.raises(FrameError, match="bthome"):
        pressed(data)


def test_an_impossible_battery_loses_no_call_for_help() -> None:
    assert pressed("44 00 01 01 ff 3a 01") == [Pressed(BUTTON, "press", "help", None)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=12).map(lambda data: b"\x44" + data) | st.binary(), st.floats(0, 30))))
def test_no_bytes_break_it(adverts: list[tuple[bytes, float]]) -> None:
    buttons, now = Buttons({BUTTON: HELP}), 0.0
    for data, later in adverts:
        now += later
        try:
            heard = buttons.seen(advert(data), now)
        except FrameError:
            continue
        assert all(one.kind == "help" for one in heard)
        assert not heard or b"\x3a" in data
        assert buttons.seen(advert(data), now) == []
