"""A home, a broker and a hub in a machine whose power is cut, as its only program.

What the home has committed goes over a serial line to the machine's host, who writes it down.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import sqlite3
import struct
import subprocess
import termios
import time
import tty
from pathlib import Path
from typing import Any

from generator import Order, Restless

import falld.alert.outbox
import falld.cli.hub
from falld.alert.database import open_database
from falld.cli import main

PORT = 18830
STATE = Path("/state")
BROKER = f"user root\nlistener {PORT} 127.0.0.1\nallow_anonymous true\npersistence false\n"
IFREQ, SIOCSIFFLAGS, IFF_UP = "16sh14x", 0x8914, 0x1


class Line:
    """To the host. What was written has left the machine when `write` returns."""

    def __init__(self, path: str = "/dev/ttyS1") -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._file)

    def write(self, *lines: dict[str, Any]) -> None:
        os.write(self._file, "".join(json.dumps(line) + "\n" for line in lines).encode())
        termios.tcdrain(self._file)

    def read(self) -> dict[str, Any]:
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self._file, 1)
        told: dict[str, Any] = json.loads(text)
        return told


class Victim(Restless):
    """A home whose ledger is outside of the machine."""

    def __init__(self, order: Order, line: Line) -> None:
        super().__init__(order)
        self._accepted = line  # type: ignore[assignment]


def lax(path: Path) -> sqlite3.Connection:
    """An outbox that leaves it to the system when it is written."""
    db = open_database(path)
    db.execute("PRAGMA synchronous = OFF")
    return db


def loopback() -> None:
    """Up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as request:
        fcntl.ioctl(request, SIOCSIFFLAGS, struct.pack(IFREQ, b"lo", IFF_UP))


def hub(after_s: float) -> None:
    """In a process of its own."""
    if os.fork() == 0:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        time.sleep(after_s)
        main(["hub", "--broker", f"mqtt://127.0.0.1:{PORT}", "--name", "hub1", "--store", str(STATE / "hub.db")])


def begin() -> None:
    """What the host asks for, until the power is cut."""
    loopback()
    conf = Path("/tmp/mosquitto.conf")
    conf.write_text(BROKER)
    line = Line()
    line.write({"ready": True})
    asked = line.read()
    if not asked["synchronous"]:
        falld.alert.outbox.open_database = lax
    subprocess.Popen(["mosquitto", "-c", str(conf)])
    if asked["hub_after_s"] is not None:
        hub(asked["hub_after_s"])
    order = Order(Path("/tmp"), "h1", PORT, asked["seed"], asked["alerts"], asked["apart_s"], state_in=STATE)
    order.state.mkdir(exist_ok=True)
    asyncio.run(Victim(order, line).run())


if __name__ == "__main__":
    begin()
