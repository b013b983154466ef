"""A controller under the kernel's own Bluetooth, and the air that it shares with the wearables."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bumble.controller import Controller
from bumble.hci import LeFeatureMask
from bumble.link import LocalLink
from bumble.transport import open_transport
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER = "/org/bluez/hci0"
POWERED_WITHIN_S = 60


@contextlib.asynccontextmanager
async def radio(transport: str = "vhci") -> AsyncIterator[LocalLink]:
    """An adapter that is turned on."""
    async with await open_transport(transport) as hci:
        air = LocalLink()
        controller = Controller("adapter", host_source=hci.source, host_sink=hci.sink, link=air)
        # What the kernel would use of a controller that says it can, and bumble's cannot well enough.
        controller.le_features &= ~(LeFeatureMask.LL_PRIVACY | LeFeatureMask.LE_EXTENDED_ADVERTISING)
        await _power_on()
        yield air


async def _power_on() -> None:
    """BlueZ shows an adapter some time after the kernel has it."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    turn_on = Message(
        destination="org.bluez",
        path=ADAPTER,
        interface="org.freedesktop.DBus.Properties",
        member="Set",
        signature="ssv",
        body=["org.bluez.Adapter1", "Powered", Variant("b", True)],
    )
    try:
        for _ in range(10 * POWERED_WITHIN_S):
            reply = await bus.call(turn_on)
            if reply is not None and reply.message_type is not MessageType.ERROR:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("BlueZ has no adapter that can be turned on")
    finally:
        bus.disconnect()
