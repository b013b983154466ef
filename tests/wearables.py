"""Wearables for the stand-in of BlueZ."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import numpy.typing as npt
from bluez import Peripheral
from h10 import BATTERY_PERCENT, CONTROL, DATA, FEATURES, FIRST_NS, PMD, START, STOP, answer, frame

from falld.resources import recordings_dir
from falld.samples.csvfile import CsvRecording

BATTERY_SERVICE = "0000180f-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
PER_FRAME = 5


def recorded(name: str, start_s: float, end_s: float) -> tuple[npt.NDArray[np.float32], float]:
    """Part of a recording that comes with falld, (n, 3) in g, and its rate."""
    recording = CsvRecording(recordings_dir() / f"{name}.csv.gz")
    blocks = list(recording.blocks())
    t = np.concatenate([block.t for block in blocks])
    acc = np.concatenate([block.acc for block in blocks])
    assert recording.meta.sample_rate_hz is not None
    return acc[(t >= start_s) & (t < end_s)], recording.meta.sample_rate_hz


class PolarStrap(Peripheral):
    """An H10: says its settings, streams, and goes on until it is told to stop or loses the connection.

    Args:
        acc: (n, 3) in g, said in a circle from the first start on; None: standing still.
        send_hz: samples a second, whatever it is asked for.
    """

    def __init__(
        self,
        address: str,
        name: str = "Polar H10 0A1B2C3D",
        acc: npt.NDArray[np.float32] | None = None,
        send_hz: float = 50.0,
    ) -> None:
        super().__init__(
            address,
            name,
            {
                PMD: {CONTROL: ["read", "write", "indicate"], DATA: ["notify"]},
                BATTERY_SERVICE: {BATTERY: ["read", "notify"]},
            },
        )
        self.acc = np.tile(np.asarray([0, 0, 1], np.float32), (PER_FRAME, 1)) if acc is None else acc
        self.mute = False
        self.send_hz = send_hz
        self.wants_pairing = False
        self.starts: list[bytes] = []
        self.stops = 0
        self.sent = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def streams(self) -> bool:
        return self._task is not None

    def read(self, characteristic: str) -> bytes:
        return FEATURES if characteristic == CONTROL else bytes([BATTERY_PERCENT])

    def write(self, characteristic: str, data: bytes) -> str | None:
        if self.wants_pairing and not self.paired:
            return "Operation failed with ATT error: 0x05 (Insufficient Authentication)"
        told = answer(data, self.streams)
        if data[0] == START and not self.streams:
            self.starts.append(data)
            self._task = asyncio.create_task(self._stream())
        elif data[0] == STOP:
            self.stops += 1
            self.end()
        asyncio.get_running_loop().call_soon(self.notify, CONTROL, told)
        return None

    def on_connection(self, up: bool) -> None:
        if not up:
            self.end()

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _stream(self) -> None:
        began = time.monotonic()
        at = self.sent
        while True:
            self.sent += PER_FRAME
            passed = (self.sent - at) / self.send_hz
            await asyncio.sleep(max(0.0, began + passed - time.monotonic()))
            if self.mute:
                continue
            rows = np.arange(self.sent - PER_FRAME, self.sent) % len(self.acc)
            self.notify(DATA, frame(FIRST_NS + int(passed * 1e9), self.acc[rows] * 1000))
