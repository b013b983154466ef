"""What BlueZ is asked beside what bleak does: D-Bus calls to org.bluez, each over a bus connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from bleak.exc import BleakError
from dbus_fast import AuthError, BusType, Message, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus

from falld.sensors.source import SourceError

ANSWER_S = 10.0
"""bluetoothd answers in milliseconds; powering an adapter takes 1 to 3 s with its firmware to load."""
OFF_S = 0.5
"""How long an adapter stays off, so that its controller is reset and not only told twice."""
FAILURES = (BleakError, OSError, TimeoutError)
"""What comes out of bleak where the radio, bluetoothd or the bus is in trouble; see `unslipped`."""

ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"


@contextlib.contextmanager
def unslipped() -> Iterator[None]:
    """What bleak and dbus-fast say when the bus dies or an object goes under their hands, as a `BleakError`: they use
    what is no longer there."""
    try:
        yield
    except (AssertionError, AttributeError, AuthError, EOFError, KeyError) as error:
        raise BleakError(f"{type(error).__name__} {error}".strip()) from error


async def power_cycle(adapter: str | None) -> None:
    """Turns an adapter off and on: `Powered` of org.bluez.Adapter1 over D-Bus, which needs no more rights than a scan.

    Args:
        adapter: as `hci0`; None: the first one.

    Raises:
        SourceError: there is none, or it does not come on.
    """
    where = f"adapter {adapter or 'of this machine'}"
    try:
        async with asyncio.timeout(2 * ANSWER_S), _bus() as bus:
            objects = await _objects(bus)
            paths = sorted(path for path, interfaces in objects.items() if ADAPTER in interfaces)
            path = f"/org/bluez/{adapter}" if adapter is not None else next(iter(paths), None)
            if path not in paths:
                raise SourceError(where, "is not there", "plug it in, or name another one as `adapter`")
            await _set(bus, path, "Powered", False)
            await asyncio.sleep(OFF_S)
            await _set(bus, path, "Powered", True)
    except FAILURES as error:
        what = f"cannot be turned off and on: {said(error)}"
        raise SourceError(where, what, "try `rfkill unblock bluetooth`, and look at `bluetoothctl show`") from error


async def powered() -> dict[str, bool]:
    """Which adapters there are, and whether each is on.

    Raises:
        SourceError: the bus or bluetoothd does not answer.
    """
    try:
        async with asyncio.timeout(ANSWER_S), _bus() as bus:
            objects = await _objects(bus)
    except FAILURES as error:
        remedy = "`systemctl status bluetooth`; is bluez installed, and may this user ask it over D-Bus?"
        raise SourceError("BlueZ", f"does not answer: {said(error)}", remedy) from error
    adapters = {path: interfaces[ADAPTER] for path, interfaces in objects.items() if ADAPTER in interfaces}
    return {path.rsplit("/", 1)[-1]: bool(adapter.get("Powered")) for path, adapter in adapters.items()}


async def release(wanted: Callable[[str, str | None], bool]) -> None:
    """Disconnects wearables to which a program that died has left a connection: they advertise to nobody.

    Args:
        wanted: whether one with this address and this name is meant.
    """
    async with asyncio.timeout(2 * ANSWER_S), _bus() as bus:
        for path, interfaces in (await _objects(bus)).items():
            device = interfaces.get(DEVICE, {})
            if device.get("Connected") and wanted(device["Address"], device.get("Name")):
                await _call(bus, path, DEVICE, "Disconnect")


def said(error: BaseException) -> str:
    """In a few words, for a person; a time-out says nothing by itself."""
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


@contextlib.asynccontextmanager
async def _bus() -> AsyncIterator[MessageBus]:
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        with unslipped():
            await bus.connect()
        yield bus
    finally:
        bus.disconnect()


async def _objects(bus: MessageBus) -> dict[str, dict[str, dict[str, Any]]]:
    """Properties by object path and interface."""
    found = await _call(bus, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    return {path: unpack_variants(interfaces) for path, interfaces in found[0].items()}


async def _set(bus: MessageBus, path: str, name: str, value: bool) -> None:
    body = [ADAPTER, name, Variant("b", value)]
    await _call(bus, path, "org.freedesktop.DBus.Properties", "Set", "ssv", body)


async def _call(
    bus: MessageBus, path: str, interface: str, member: str, signature: str = "", body: list[Any] | None = None
) -> list[Any]:
    message = Message(
        destination="org.bluez", path=path, interface=interface, member=member, signature=signature, body=body or []
    )
    with unslipped():
        reply = await bus.call(message)
    if reply is None or reply.message_type is MessageType.ERROR:
        raise BleakError(f"{member}: {reply.body[0] if reply is not None and reply.body else 'no answer'}")
    return list(reply.body)
