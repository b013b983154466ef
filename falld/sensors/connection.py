"""One connection to one wearable: carries out a driver's dialogs over bleak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Self

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bleak_retry_connector import BleakClientWithServiceCache, clear_cache, establish_connection

from falld.sensors.bluez import FAILURES, unslipped
from falld.sensors.driver import Await, Dialog, DialogError, Read, Step, Subscribe, Write

UNPAIRED = {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION, BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION}
STEP_S = 10.0
"""A step is one or two exchanges of some connection intervals, 50 ms each; ATT itself gives up after 30 s."""

Notified = Callable[[str, bytes, float], None]
"""Characteristic, bytes, and when they came; must not wait or raise."""


class Broken(BleakError):
    """The connection is gone."""


class Connection:
    """Made anew for every connection, with a client of its own: BlueZ turns the notifications of an old one on again.

    Args:
        where: the wearable, in errors.
        notified: takes what no dialog waits for.
        now: when something came, in seconds.
    """

    def __init__(self, where: str, client: BleakClient, notified: Notified, now: Callable[[], float]) -> None:
        self.lost = asyncio.Event()
        self._where = where
        self._client = client
        self._notified = notified
        self._now = now
        self._subscribed: set[str] = set()
        self._talking = False
        self._kept: list[tuple[str, bytes, float]] = []
        """What came in a dialog and may still be waited for."""
        self._came = asyncio.Event()
        self._pairing_tried = False

    @classmethod
    async def open(
        cls, where: str, device: BLEDevice, notified: Notified, *, now: Callable[[], float], within_s: float
    ) -> Self:
        """Connects, and knows the services then.

        Raises:
            BleakError and others in `FAILURES`: it does not come about in time.
        """
        lost = asyncio.Event()
        with unslipped():
            async with asyncio.timeout(within_s):
                client = await establish_connection(
                    BleakClientWithServiceCache, device, where, lambda client: lost.set(), max_attempts=1
                )
        self = cls(where, client, notified, now)
        self.lost = lost
        return self

    async def converse(self, dialog: Dialog, *, done: Callable[[], None] = lambda: None) -> None:
        """Carries a dialog out, and what came meanwhile and was not waited for is handed on in order.

        Args:
            done: called when it went well, before what came after its last step is handed on.

        Raises:
            DialogError, FrameError, TimeoutError: from the dialog, which did not go well.
            BleakError and others in `FAILURES`: the connection is gone or does not answer.
        """
        self._talking = True
        try:
            step = next(dialog)
            while True:
                try:
                    answer = await self._carry_out(step)
                except (DialogError, _NothingCame) as refusal:
                    step = dialog.throw(TimeoutError(str(refusal)) if isinstance(refusal, _NothingCame) else refusal)
                else:
                    step = dialog.send(answer)
        except StopIteration:
            done()
        finally:
            dialog.close()
            self._talking = False
            self._hand_on()

    async def close(self, within_s: float) -> None:
        """Disconnects; also where the connection is gone, as its bus connection is not."""
        with contextlib.suppress(*FAILURES), unslipped():  # it is given up, whatever the wearable makes of it
            async with asyncio.timeout(within_s):
                await self._client.disconnect()

    async def _carry_out(self, step: Step) -> bytes:
        if self.lost.is_set():
            raise Broken("the connection is gone")
        if isinstance(step, Await):
            return await self._next(step)
        self._hand_on()
        try:
            with unslipped():
                async with asyncio.timeout(STEP_S):
                    return await self._securely(step)
        except TimeoutError:
            raise Broken(f"no answer within {STEP_S:g} s") from None

    async def _securely(self, step: Subscribe | Write | Read) -> bytes:
        """A wearable that asks for a pairing gets one, once in a connection."""
        try:
            return await self._exchange(step)
        except BleakError as error:
            if not _asks_for_pairing(error) or self._pairing_tried:
                raise self._refusal(step, error) from error
        self._pairing_tried = True
        try:
            await self._client.pair()
        except BleakDBusError as error:
            raise self._refusal(step, error) from error
        try:
            return await self._exchange(step)
        except BleakError as error:
            raise self._refusal(step, error) from error

    async def _exchange(self, step: Subscribe | Write | Read) -> bytes:
        characteristic = self._client.services.get_characteristic(step.characteristic)
        if characteristic is None:
            # The table of services that BlueZ keeps may be of an older firmware.
            await clear_cache(self._client.address)
            what = f"has no characteristic {step.characteristic}"
            raise DialogError(self._where, what, "check that `driver` names its make, and its firmware")
        match step:
            case Subscribe():
                if step.characteristic not in self._subscribed:
                    await self._client.start_notify(characteristic, self._notify)
                    self._subscribed.add(step.characteristic)
                return b""
            case Write():
                await self._client.write_gatt_char(characteristic, step.data, response=step.response)
                return b""
            case Read():
                value = bytes(await self._client.read_gatt_char(characteristic))
                self._forget_echo(step.characteristic, value)
                return value

    async def _next(self, step: Await) -> bytes:
        try:
            async with asyncio.timeout(step.within_s):
                while True:
                    for i, (characteristic, data, _) in enumerate(self._kept):
                        if characteristic == step.characteristic:
                            del self._kept[i]
                            return data
                    self._came.clear()
                    await first_of(self._came.wait(), self.lost.wait())
                    if self.lost.is_set():
                        raise Broken("the connection is gone")
        except TimeoutError:
            raise _NothingCame(f"nothing came from {step.characteristic} within {step.within_s:g} s") from None

    def _notify(self, characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
        came = characteristic.uuid, bytes(data), self._now()
        if self._talking:
            self._kept.append(came)
            self._came.set()
        else:
            self._notified(*came)

    def _forget_echo(self, characteristic: str, value: bytes) -> None:
        """BlueZ tells what was read as a notification too."""
        for i, (of, data, _) in enumerate(self._kept):
            if (of, data) == (characteristic, value):
                del self._kept[i]
                return

    def _hand_on(self) -> None:
        kept, self._kept = self._kept, []
        for came in kept:
            self._notified(*came)

    def _refusal(self, step: Subscribe | Write | Read, error: BleakError) -> Exception:
        """What the dialog is told: a refusal by the wearable; or the error itself, where the connection is gone."""
        if not isinstance(error, BleakGATTProtocolError) and not _asks_for_pairing(error):
            return error
        what = f"refuses to {type(step).__name__.lower()} {step.characteristic}: {error}"
        remedy = "pair it with `bluetoothctl pair`" if _asks_for_pairing(error) else "check `driver` and its firmware"
        return DialogError(self._where, what, remedy)


class _NothingCame(Exception):
    """Of an `Await`; a TimeoutError of anything else is the connection's."""


def _asks_for_pairing(error: BleakError) -> bool:
    if isinstance(error, BleakGATTProtocolError):
        return error.code in UNPAIRED
    # BlueZ's word for the same where it knows of no key.
    return isinstance(error, BleakDBusError) and error.dbus_error == "org.bluez.Error.NotPermitted"


async def first_of(*waits: Awaitable[Any]) -> None:
    """Until one of them is done."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
