"""A stand-in for org.bluez on a private bus, with adapters and wearables that do what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.bluezdbus import manager
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
PROPERTIES = "org.freedesktop.DBus.Properties"
FAILED = "org.bluez.Error.Failed"
ABORTED = "le-connection-abort-by-local"
CONFIG = """\
<busconfig>
  <type>private</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""


class Peripheral:
    """A wearable as BlueZ shows it.

    Args:
        services: flags of each characteristic, by service and characteristic.
    """

    def __init__(self, address: str, name: str | None, services: dict[str, dict[str, list[str]]] | None = None) -> None:
        self.address = address
        self.name = name
        self.services = services or {}
        self.bluez: Bluez
        self.path = ""
        self.advertises = True
        self.service_data: dict[str, bytes] = {}
        self.manufacturer: dict[int, bytes] = {}
        self.uuids: list[str] = []
        self.connected = False
        self.paired = False
        self.cached = False
        """Whether BlueZ keeps the table of services when the connection is gone."""
        self.connect_errors: list[str] = []
        """What the next connects fail with, first to last; `hang` never answers."""
        self.hangs = False
        """Whether it never confirms what is written."""
        self.connects = 0
        self.subscribed: list[str] = []
        self.subscriptions = 0
        self.written: list[tuple[str, bytes]] = []

    def read(self, characteristic: str) -> bytes:
        return b""

    def write(self, characteristic: str, data: bytes) -> str | None:
        """Returns an ATT error's text, or None."""
        return None

    def on_connection(self, up: bool) -> None:
        """The connection came or went."""

    def notify(self, characteristic: str, data: bytes) -> None:
        """To whoever is subscribed."""
        if self.connected and characteristic in self.subscribed:
            self.bluez.changed(self.at(characteristic), CHARACTERISTIC, Value=Variant("ay", data))

    def drop(self) -> None:
        """As out of range."""
        self.bluez.disconnect(self)

    def at(self, characteristic: str) -> str:
        return next(path for path, uuid in self.paths().items() if uuid == characteristic)

    def paths(self) -> dict[str, str]:
        """UUID of each characteristic, by path."""
        return {
            f"{self.path}/service{s:04x}/char{s + 1 + c:04x}": uuid
            for s, (_, characteristics) in zip(range(0x10, 0x1000, 0x10), self.services.items(), strict=False)
            for c, uuid in enumerate(characteristics)
        }

    def objects(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """Its table of services."""
        out: dict[str, dict[str, dict[str, Variant]]] = {}
        for s, (uuid, characteristics) in zip(range(0x10, 0x1000, 0x10), self.services.items(), strict=False):
            service = f"{self.path}/service{s:04x}"
            out[service] = {
                SERVICE: {
                    "UUID": Variant("s", uuid),
                    "Device": Variant("o", self.path),
                    "Primary": Variant("b", True),
                    "Includes": Variant("ao", []),
                }
            }
            for c, (of, flags) in enumerate(characteristics.items()):
                out[f"{service}/char{s + 1 + c:04x}"] = {
                    CHARACTERISTIC: {
                        "UUID": Variant("s", of),
                        "Service": Variant("o", service),
                        "Flags": Variant("as", flags),
                        "Notifying": Variant("b", False),
                        "MTU": Variant("q", 247),
                    }
                }
        return out


class Bluez:
    """org.bluez, on the test's own event loop."""

    def __init__(self, adapters: tuple[str, ...] = ("hci0",)) -> None:
        self.bus: MessageBus
        self.tree: dict[str, dict[str, dict[str, Variant]]] = {}
        self.peripherals: dict[str, Peripheral] = {}
        self.scanning: dict[tuple[str, str], asyncio.Task[None]] = {}
        """By adapter and by whose it is."""
        self.scans = 0
        self.deaf = False
        self.powered: list[bool] = []
        """What the adapters were turned to."""
        self.turned_off: set[str] = set()
        """Adapters that ever were."""
        self.on_power: Callable[[bool], None] = lambda on: None
        self.scan_errors: list[str] = []
        self.overlaps: list[str] = []
        """Connects that came while a scan or another connect was on."""
        self._connecting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        for i, name in enumerate(adapters):
            self.tree[f"/org/bluez/{name}"] = {
                ADAPTER: {
                    "Address": Variant("s", f"00:AA:BB:CC:DD:0{i}"),
                    "Powered": Variant("b", True),
                    "Discovering": Variant("b", False),
                    "Roles": Variant("as", ["central", "peripheral"]),
                }
            }

    def add(self, peripheral: Peripheral, adapter: str = "hci0", *, connected: bool = False) -> None:
        """From now on it is there; with `connected` a program that died has left its connection."""
        peripheral.bluez = self
        peripheral.path = f"/org/bluez/{adapter}/dev_{peripheral.address.replace(':', '_')}"
        self.peripherals[peripheral.path] = peripheral
        if connected:
            peripheral.connected = True
            self.tree[peripheral.path] = self._device(peripheral)

    def changed(self, path: str, interface: str, **values: Variant) -> None:
        self.tree[path][interface].update(values)
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, values, []])

    def disconnect(self, peripheral: Peripheral) -> None:
        was, peripheral.connected = peripheral.connected, False
        peripheral.subscribed.clear()
        if was:
            peripheral.on_connection(False)
        false = Variant("b", False)
        if not peripheral.cached:
            for path in [p for p in self.tree if p.startswith(f"{peripheral.path}/")]:
                interfaces = list(self.tree.pop(path))
                self._signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas", [path, interfaces])
        self.changed(peripheral.path, DEVICE, Connected=false, ServicesResolved=false)

    async def start(self) -> None:
        self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        self.bus.add_message_handler(self._handle)
        await self.bus.request_name("org.bluez")

    async def stop(self) -> None:
        tasks = [*self._tasks, *self.scanning.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for peripheral in self.peripherals.values():
            peripheral.on_connection(False)
        self.bus.disconnect()

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        message = Message(
            message_type=MessageType.SIGNAL,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        self.bus.send(message)

    def _add(self, path: str, interfaces: dict[str, dict[str, Variant]]) -> None:
        self.tree[path] = interfaces
        self._signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def _device(self, peripheral: Peripheral) -> dict[str, dict[str, Variant]]:
        named = {} if peripheral.name is None else {"Name": Variant("s", peripheral.name)}
        return {
            DEVICE: {
                "Address": Variant("s", peripheral.address),
                "Alias": Variant("s", peripheral.name or peripheral.address.replace(":", "-")),
                "Paired": Variant("b", False),
                "Connected": Variant("b", peripheral.connected),
                "ServicesResolved": Variant("b", peripheral.connected),
                "UUIDs": Variant("as", peripheral.uuids),
                "Adapter": Variant("o", peripheral.path.rpartition("/")[0]),
                "RSSI": Variant("n", -55),
                "ServiceData": self._service_data(peripheral),
                "ManufacturerData": Variant(
                    "a{qv}", {company: Variant("ay", data) for company, data in peripheral.manufacturer.items()}
                ),
            }
            | named
        }

    def _service_data(self, peripheral: Peripheral) -> Variant:
        return Variant("a{sv}", {uuid: Variant("ay", data) for uuid, data in peripheral.service_data.items()})

    async def _discover(self, adapter: str) -> None:
        while True:
            for path, peripheral in self.peripherals.items():
                heard = peripheral.advertises and not peripheral.connected and not self.deaf
                if not heard or not path.startswith(f"{adapter}/"):
                    continue
                if path not in self.tree:
                    self._add(path, self._device(peripheral))
                else:
                    told = {"RSSI": Variant("n", -50 - int(time.monotonic() * 10) % 10)}
                    if peripheral.service_data:
                        told["ServiceData"] = self._service_data(peripheral)
                    self.changed(path, DEVICE, **told)
            await asyncio.sleep(0.02)

    async def _connect(self, message: Message, peripheral: Peripheral) -> None:
        adapter = peripheral.path.rpartition("/")[0]
        if any(of == adapter for of, _ in self.scanning):
            self.overlaps.append("scan")
        if any(path.startswith(f"{adapter}/") for path in self._connecting):
            self.overlaps.append("connect")
        self._connecting.add(peripheral.path)
        try:
            peripheral.connects += 1
            await asyncio.sleep(0.02)
            if peripheral.connect_errors:
                error = peripheral.connect_errors.pop(0)
                if error == "hang":
                    await asyncio.sleep(3600)
                if error == ABORTED:
                    self.changed(peripheral.path, DEVICE, Connected=Variant("b", True))
                self.bus.send(Message.new_error(message, FAILED, error))
                await asyncio.sleep(0.02)
                self.changed(peripheral.path, DEVICE, Connected=Variant("b", False))
                return
            peripheral.connected = True
            self.changed(peripheral.path, DEVICE, Connected=Variant("b", True))
            self.bus.send(Message.new_method_return(message))
            await asyncio.sleep(0.02)
            for path, interfaces in peripheral.objects().items():
                if path not in self.tree:
                    self._add(path, interfaces)
            self.changed(peripheral.path, DEVICE, ServicesResolved=Variant("b", True))
            peripheral.on_connection(True)
        finally:
            self._connecting.discard(peripheral.path)

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        path = message.path or ""
        owner = next((p for p in self.peripherals.values() if path == p.path or path.startswith(f"{p.path}/")), None)
        match message.member:
            case "GetManagedObjects":
                return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.tree])
            case "Set":
                return self._set(message)
            case "StartDiscovery" | "StopDiscovery" | "SetDiscoveryFilter":
                return self._scan(message, path)
        if owner is None or path not in self.tree:
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", path)
        match message.member:
            case "Connect":
                task = asyncio.create_task(self._connect(message, owner))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return True
            case "Disconnect":
                if not owner.connected:
                    return Message.new_error(message, "org.bluez.Error.NotConnected", "Not Connected")
                self.disconnect(owner)
                return Message.new_method_return(message)
            case "Pair":
                owner.paired = True
                self.changed(owner.path, DEVICE, Paired=Variant("b", True))
                return Message.new_method_return(message)
        return self._gatt(message, owner, owner.paths()[path])

    def _set(self, message: Message) -> Message:
        interface, name, value = message.body
        if interface == ADAPTER:
            self.powered.append(value.value)
            if not value.value:
                self.turned_off.add((message.path or "").rpartition("/")[2])
            self.on_power(value.value)
        self.changed(message.path or "", interface, **{name: value})
        return Message.new_method_return(message)

    def _scan(self, message: Message, adapter: str) -> Message:
        whose = adapter, message.sender or ""
        if message.member == "StartDiscovery":
            self.scans += 1
            if self.scan_errors:
                return Message.new_error(message, FAILED, self.scan_errors.pop(0))
            if whose in self.scanning:
                return Message.new_error(message, "org.bluez.Error.InProgress", "Operation already in progress")
            self.scanning[whose] = asyncio.create_task(self._discover(adapter))
        elif message.member == "StopDiscovery" and whose in self.scanning:
            self.scanning.pop(whose).cancel()
        return Message.new_method_return(message)

    def _gatt(self, message: Message, owner: Peripheral, characteristic: str) -> Message | bool:
        path = message.path or ""
        match message.member:
            case "ReadValue":
                value = owner.read(characteristic)
                self.changed(path, CHARACTERISTIC, Value=Variant("ay", value))
                return Message.new_method_return(message, "ay", [value])
            case "WriteValue" if owner.hangs:
                return True
            case "WriteValue":
                data = bytes(message.body[0])
                owner.written.append((characteristic, data))
                refusal = owner.write(characteristic, data)
                if refusal is not None:
                    return Message.new_error(message, FAILED, refusal)
            case "StartNotify":
                if characteristic in owner.subscribed:
                    return Message.new_error(message, "org.bluez.Error.InProgress", "Already notifying")
                owner.subscribed.append(characteristic)
                owner.subscriptions += 1
            case "StopNotify":
                owner.subscribed.remove(characteristic)
        return Message.new_method_return(message)


def listens(address: Path) -> bool:
    """A socket is there a moment before it can be spoken with."""
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(address)) == 0


@contextlib.contextmanager
def private_bus(exe: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bus that this process and its children take for the system's."""
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has 107 characters at most
        address = Path(folder) / "bus"
        config = Path(folder) / "bus.conf"
        config.write_text(CONFIG.format(socket=address))
        with subprocess.Popen([exe, "--nofork", f"--config-file={config}"]) as process:
            give_up = time.monotonic() + 30
            while not listens(address):
                assert process.poll() is None, "dbus-daemon ended"
                assert time.monotonic() < give_up, "dbus-daemon does not listen"
                time.sleep(0.01)
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={address}")
            try:
                yield
            finally:
                process.terminate()


@contextlib.asynccontextmanager
async def running(*adapters: str) -> AsyncIterator[Bluez]:
    """A stand-in that runs; afterwards bleak's own connection to the bus is closed, which outlives a scan."""
    bluez = Bluez(adapters or ("hci0",))
    await bluez.start()
    try:
        yield bluez
    finally:
        await bluez.stop()
        instance = manager._global_instances.pop(asyncio.get_running_loop(), None)
        if instance is not None and instance._bus is not None:
            instance._bus.disconnect()
            watcher = instance._bus_watcher_task
            if watcher is not None:
                await asyncio.wait([watcher], timeout=5)
