"""Wearables for the stand-in of BlueZ."""

from __future__ import annotations

import asyncio
import struct
import time

import numpy as np
import numpy.typing as npt
from bluez import Peripheral

from falld.resources import recordings_dir
from falld.samples.csvfile import CsvRecording

PMD = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
BATTERY_SERVICE = "0000180f-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
FEATURES = bytes.fromhex("0f05000000000000000000000000000000")
SETTINGS = bytes.fromhex("0004190032006400c800010110000203020004000800")
"""25, 50, 100 and 200 Hz; 16 bits; 2, 4 and 8 g."""
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
        return FEATURES if characteristic == CONTROL else bytes([87])

    def write(self, characteristic: str, data: bytes) -> str | None:
        if self.wants_pairing and not self.paired:
            return "Operation failed with ATT error: 0x05 (Insufficient Authentication)"
        answer = bytes([0xF0, data[0], data[1], 0, 0])
        match data[0]:
            case 1:
                answer += SETTINGS
            case 2 if self.streams:
                answer = bytes([0xF0, data[0], data[1], 6, 0])
            case 2:
                self.starts.append(data)
                self._task = asyncio.create_task(self._stream())
            case 3:
                self.stops += 1
                self.end()
        asyncio.get_running_loop().call_soon(self.notify, CONTROL, answer)
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
        tick = 599_000_000_000_000_000
        at = self.sent
        while True:
            self.sent += PER_FRAME
            passed = (self.sent - at) / self.send_hz
            await asyncio.sleep(max(0.0, began + passed - time.monotonic()))
            if self.mute:
                continue
            rows = np.arange(self.sent - PER_FRAME, self.sent) % len(self.acc)
            counts = np.rint(self.acc[rows] * 1000).astype("<i2")
            self.notify(DATA, struct.pack("<BQB", 2, tick + int(passed * 1e9), 1) + counts.tobytes())
