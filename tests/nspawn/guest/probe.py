"""The home's own alarm: tries what it is not to do in the sandbox of the daemon, and what it is to do."""

from __future__ import annotations

import asyncio
import ctypes
import json
import mmap
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from dbus_fast import BusType, Message
from dbus_fast.aio import MessageBus

from falld.alert.clock import _adjtimex, boot_id

STATE = Path(os.environ["STATE_DIRECTORY"])
BLUETOOTH, NETLINK = 31, 16
WRITTEN = ("/etc/falld/x", "/usr/x", "/opt/falld/x", "/var/lib/x", "/run/x", "/proc/sys/kernel/hostname", "/dev/kmsg")
READ = ("/etc/shadow", "/etc/falld/broker.password", "/proc/1/environ", "/root/trials/trials.py")
NEW_USER_NAMESPACE = 0x10000000


def main() -> None:
    refused: dict[str, Callable[[], object]] = {
        **{f"write {path}": lambda path=path: Path(path).write_text("x") for path in WRITTEN},
        **{f"read {path}": lambda path=path: Path(path).read_text() for path in READ},
        "bluetooth socket": lambda: socket.socket(BLUETOOTH, socket.SOCK_RAW, 1),
        "netlink socket": lambda: socket.socket(NETLINK, socket.SOCK_RAW),
        "setuid": lambda: os.setuid(0),
        "user namespace": lambda: _libc("unshare", NEW_USER_NAMESPACE),
        "memory to write and execute": lambda: mmap.mmap(-1, 4096, prot=7),
        "setuid program": _setuid_program,
        "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
        "device": lambda: os.mknod(STATE / "null", 0o20600, os.makedev(1, 3)),
        "signal to systemd": lambda: os.kill(1, 0),
    }
    allowed: dict[str, Callable[[], object]] = {
        "write the state": lambda: (STATE / "y").write_text("x"),
        "write /tmp": lambda: Path("/tmp/y").write_text("x"),
        "tcp socket": lambda: socket.socket(socket.AF_INET6).close(),
        "id of the boot": boot_id,
        "ask whether the clock is right": _clock,
        "ask BlueZ": lambda: asyncio.run(_bluez()),
    }
    done = {"refused": _outcomes(refused), "allowed": _outcomes(allowed), "environment": sorted(os.environ)}
    done["processes"] = [Path(p, "comm").read_text().strip() for p in Path("/proc").iterdir() if p.name.isdecimal()]
    made = STATE / "probe.tmp"
    made.write_text(json.dumps(done))
    made.rename(STATE / "probe.json")


def _outcomes(attempts: dict[str, Callable[[], object]]) -> dict[str, str]:
    told = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            told[name] = "done"
        except OSError as error:
            told[name] = f"{error.strerror or error}"
    return told


def _libc(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def _setuid_program() -> None:
    (STATE / "x").touch()
    (STATE / "x").chmod(0o4755)


def _clock() -> None:
    if _adjtimex() < 0:
        raise PermissionError(1, "adjtimex")


async def _bluez() -> None:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    interface = "org.freedesktop.DBus.ObjectManager"
    asked = Message(destination="org.bluez", path="/", interface=interface, member="GetManagedObjects")
    told = await bus.call(asked)
    if told is None or told.error_name is not None:
        raise PermissionError(1, f"{told and told.error_name}")


if __name__ == "__main__":
    main()
