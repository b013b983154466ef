"""A live wearable is a source: stamps on the host's clock, presses, and silence while nothing comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import pytest
from bluez import Bluez, Peripheral, private_bus, running
from brokers import until
from wearables import PolarStrap

from falld.alert.clock import boottime
from falld.sensors import ble
from falld.sensors.adapter import Adapter
from falld.sensors.ble import BleWearable
from falld.sensors.buttons import presses
from falld.sensors.driver import FrameError, Press, Wish
from falld.sensors.drivers.bthome import HELP, SERVICE, Pressed
from falld.sensors.link import Wanted
from falld.sensors.radio import Make, Radio
from falld.sensors.source import Button, Reading, Samples, Silent

ADDRESS = "A0:9E:1A:0A:1B:2C"
BUTTON = "B0:C7:DE:00:00:01"


@pytest.fixture(autouse=True)
def _bus(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with private_bus(need("dbus-daemon"), monkeypatch):
        yield


@contextlib.asynccontextmanager
async def listened(strap: PolarStrap) -> AsyncIterator[tuple[Bluez, BleWearable, list[Reading]]]:
    """A strap that is listened to, and what it said."""
    readings: list[Reading] = []
    radio = Radio(now=boottime)
    source = radio.wearable("strap", Wanted(strap.address), Make(), Wish(rate_hz=100.0), placement="chest")

    async def listen() -> None:
        async with contextlib.aclosing(source.readings()) as said:
            async for reading in said:
                readings.append(reading)

    async with running() as bluez:
        bluez.add(strap)
        tasks = [asyncio.create_task(radio.run()), asyncio.create_task(listen())]
        try:
            yield bluez, source, readings
        finally:
            for task in reversed(tasks):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def stamps(readings: list[Reading]) -> np.ndarray:
    return np.concatenate([r.block.t for r in readings if isinstance(r, Samples)] or [np.empty(0)])


async def test_samples_are_stamped_by_the_hosts_clock_across_a_reconnect() -> None:
    strap = PolarStrap(ADDRESS)
    strap.send_hz = 100.0
    before = boottime()
    async with listened(strap) as (_, source, readings):
        assert (source.clock.rate_hz, source.placement) == (100.0, "chest")
        await until(lambda: len(stamps(readings)) >= 100)
        strap.drop()
        count = len(stamps(readings))
        await until(lambda: len(stamps(readings)) >= count + 50)
        status = source.status
    t = stamps(readings)
    assert before < t[0] < t[-1] <= boottime()
    assert (np.diff(t) > 0).all()
    assert np.median(np.diff(t)) == pytest.approx(0.01, rel=0.1)
    assert (status.state, status.battery, status.rate_hz, status.fault) == ("streaming", 87, 100.0, None)
    assert source.range_g == 8.0
    assert not strap.streams


async def test_silence_is_told_while_it_is_not_there_and_never_before_a_sample() -> None:
    strap = PolarStrap(ADDRESS)
    strap.advertises = False
    async with listened(strap) as (_, _, readings):
        await until(lambda: len(readings) >= 3)
        assert all(isinstance(reading, Silent) for reading in readings)
        strap.advertises = True
        await until(lambda: len(stamps(readings)) >= 10)
        strap.advertises = False
        strap.drop()
        count = len(readings)
        await until(lambda: sum(isinstance(r, Silent) for r in readings[count:]) >= 3)
    latest = -np.inf
    for reading in readings:
        if isinstance(reading, Samples):
            assert reading.block.t[0] > latest
        latest = reading.t if isinstance(reading, Silent) else latest


async def test_a_press_comes_as_a_button() -> None:
    strap = PolarStrap(ADDRESS)
    async with listened(strap) as (_, source, readings):
        await until(lambda: len(stamps(readings)))
        source.heard(Press("help"), 1234.5)
        await until(lambda: Button(1234.5, "help") in readings)


async def test_a_rate_that_is_not_kept_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "RATE_WINDOW_S", 0.5)
    strap = PolarStrap(ADDRESS)
    async with listened(strap) as (_, source, _):
        await until(lambda: source.status.fault is not None and source.status.state == "streaming")
        assert "samples a second where 100 were agreed" in str(source.status.fault)


async def test_what_nobody_foresaw_is_raised() -> None:
    strap = PolarStrap(ADDRESS)

    def broken(seen: object) -> None:
        raise ZeroDivisionError

    radio = Radio(now=boottime)
    source = radio.wearable("strap", Wanted(ADDRESS), Make(), Wish())
    source._link.begin = broken  # type: ignore[assignment]
    async with running() as bluez:
        bluez.add(strap)
        serving = asyncio.create_task(radio.run())
        with pytest.raises(ZeroDivisionError):
            async for _ in source.readings():
                pass
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_an_advertised_press_is_told_once() -> None:
    adapter = Adapter()
    told: list[Pressed] = []
    doubts: list[FrameError | None] = []

    async def listen() -> None:
        async for each in presses(adapter, {BUTTON: HELP}, boottime, doubt=doubts.append):
            told.append(each)

    button, neighbour = Peripheral(BUTTON, None), Peripheral("B0:C7:DE:00:00:02", None)
    button.service_data = neighbour.service_data = {SERVICE: bytes.fromhex("40005201643a01")}
    async with running() as bluez:
        bluez.add(button)
        bluez.add(neighbour)
        tasks = [asyncio.create_task(adapter.run()), asyncio.create_task(listen())]
        try:
            await until(lambda: told)
            await until(lambda: len(doubts) > 5)
            assert not any(doubts)
            button.service_data = {SERVICE: b"\x40\x00"}
            await until(lambda: isinstance(doubts[-1], FrameError))
            button.service_data = {SERVICE: bytes.fromhex("40005301643a04")}
            await until(lambda: len(told) > 1)
            await until(lambda: doubts[-1] is None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert told == [Pressed(BUTTON, "press", "help", 100), Pressed(BUTTON, "long", "help", 100)]
