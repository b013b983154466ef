"""A wearable that speaks as a Polar H10 does, and whose wearer does what a recording says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import numpy as np
import numpy.typing as npt
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.link import LocalLink
from h10 import BATTERY_PERCENT, CONTROL, DATA, FEATURES, FIRST_NS, PMD, START, STOP, answer, frame

RATE_HZ = 50
PER_FRAME = 10
"""Samples, so five frames a second."""
COUNTS = 100
"""Samples tell in mg of x and y which they are, up to the square of this: 200 s."""

_FLAGS = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
_CAN = Characteristic.Properties
_MAY = Characteristic.Permissions


class Strap:
    """Sits on a chest from when it is made; each sample is of its own time, whether somebody listens or not.

    Args:
        number: it is told by, 1 to 9.
        up: what it measures while its wearer stands, (3,) in g.
    """

    def __init__(self, air: LocalLink, number: int, up: npt.NDArray[np.float32]) -> None:
        self.name = f"Polar H10 0000000{number}"
        self.address = f"C0:00:00:00:00:0{number}"
        self.frames = 0
        """Sent."""
        self.starts = 0
        self.stops = 0
        self.first_frame_t = 0.0
        """Of the latest stream, in seconds of the monotonic clock."""
        self._fall: npt.NDArray[np.int16] = np.empty((0, 3), np.int16)
        self._fall_at = 0
        self._up = np.rint(up * 1000).astype(np.int16) // COUNTS * COUNTS
        self._worn_t = time.monotonic()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._away = False
        controller = Controller(self.name, link=air)
        address = Address(self.address, Address.RANDOM_DEVICE_ADDRESS)
        configuration = DeviceConfiguration(
            name=self.name, address=address, advertising_interval_min=100, advertising_interval_max=100
        )
        self._device = Device.from_config_with_hci(configuration, controller, controller)
        self._control = Characteristic(
            CONTROL,
            _CAN.READ | _CAN.WRITE | _CAN.INDICATE,
            _MAY.READABLE | _MAY.WRITEABLE,
            CharacteristicValue(read=lambda connection: FEATURES, write=self._written),
        )
        self._data = Characteristic(DATA, _CAN.NOTIFY, _MAY.READABLE, b"\0")
        battery = Characteristic(
            UUID.from_16_bits(0x2A19), _CAN.READ | _CAN.NOTIFY, _MAY.READABLE, bytes([BATTERY_PERCENT])
        )
        self._device.add_services(
            [Service(PMD, [self._control, self._data]), Service(UUID.from_16_bits(0x180F), [battery])]
        )
        fields = [(AdvertisingData.FLAGS, bytes([_FLAGS])), (AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode())]
        self._device.advertising_data = bytes(AdvertisingData(fields))
        self._device.on("connection", self._connected)

    @property
    def streams(self) -> bool:
        return self._task is not None

    async def put_on(self) -> None:
        await self._device.power_on()
        await self._device.start_advertising()

    def falls(self, acc: npt.NDArray[np.float32], rate_hz: float) -> None:
        """From now on its wearer does what was recorded, (n, 3) in g, and then lies."""
        every = round(rate_hz / RATE_HZ)
        means = acc[: len(acc) // every * every].reshape(-1, every, 3).mean(axis=1)
        self._fall = np.rint(means * 1000).astype(np.int16)
        self._fall_at = self._now()

    async def leave(self, seconds: float) -> float:
        """Out of range for so long; gives when it was back, in seconds of the monotonic clock."""
        self._away = True
        if self._connection is not None:
            await self._connection.disconnect()
        await asyncio.sleep(seconds)
        self._away = False
        back = time.monotonic()
        await self._device.start_advertising()
        return back

    def _now(self) -> int:
        """Number of the next sample."""
        return int((time.monotonic() - self._worn_t) * RATE_HZ)

    def _connected(self, connection: Connection) -> None:
        self._connection = connection
        connection.on("disconnection", lambda reason: self._disconnected())

    def _disconnected(self) -> None:
        self._connection = None
        self._end()
        if not self._away:
            self._soon(self._device.start_advertising())

    def _written(self, connection: Connection, data: bytes) -> None:
        told = answer(data, self.streams)
        if data[0] == START and not self.streams:
            self.starts += 1
            self._task = asyncio.create_task(self._stream())
        elif data[0] == STOP:
            self.stops += 1
            self._end()
        self._soon(self._device.indicate_subscribers(self._control, told))

    def _soon(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _stream(self) -> None:
        at = self._now()
        self.first_frame_t = 0.0
        while True:
            at += PER_FRAME
            await asyncio.sleep(max(0.0, self._worn_t + at / RATE_HZ - time.monotonic()))
            samples = np.asarray([self._sample(i) for i in range(at - PER_FRAME, at)])
            last_ns = FIRST_NS + (at - 1) * 1_000_000_000 // RATE_HZ
            await self._device.notify_subscribers(self._data, frame(last_ns, samples))
            self.first_frame_t = self.first_frame_t or time.monotonic()
            self.frames += 1

    def _sample(self, i: int) -> npt.NDArray[np.int16]:
        """(3,) in mg."""
        if not len(self._fall) or i < self._fall_at:
            return self._up + np.asarray([i % COUNTS, i // COUNTS % COUNTS, 0], np.int16)
        beyond = i - self._fall_at - len(self._fall)
        return self._fall[beyond if beyond < 0 else beyond % RATE_HZ - RATE_HZ]
