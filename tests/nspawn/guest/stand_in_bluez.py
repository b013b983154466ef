"""Stands in for bluetoothd, which ends where the kernel has no Bluetooth: it has no adapter and no wearable."""

from __future__ import annotations

import asyncio

from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus


async def main() -> None:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.add_message_handler(_answer)
    await bus.request_name("org.bluez")
    await asyncio.Event().wait()


def _answer(message: Message) -> Message | None:
    if message.member == "GetManagedObjects":
        return Message.new_method_return(message, "a{oa{sa{sv}}}", [{}])
    return None


if __name__ == "__main__":
    asyncio.run(main())
