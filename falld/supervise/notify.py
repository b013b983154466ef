"""What a service tells systemd, and that it is alive: sd_notify(3), without a library."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Self

STATUS_BYTES = 500
"""systemd takes 4 KiB a message; `systemctl status` shows one line."""

log = logging.getLogger(__name__)


class Manager:
    """systemd, or nobody, who is told the same.

    Args:
        address: a datagram socket: a path, or a name that begins with @ and is no file. None: nobody listens.
        watchdog_s: a service that is silent for longer is killed. None: it never is.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = f"\0{address[1:]}" if address is not None and address.startswith("@") else address
        self._deaf = False

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str]) -> Self:
        """What systemd has said to this process; taken out, for what it starts is not the service."""
        address, usec, pid = (
            environment.pop(name, None) for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        )
        watched = usec is not None and usec.isdecimal() and pid in (None, str(os.getpid()))
        return cls(address, int(usec) / 1e6 if usec is not None and watched else None)

    @property
    def listens(self) -> bool:
        return self._address is not None

    def ready(self, status: str) -> None:
        """The service does its part, for the first time or again."""
        self._tell("READY=1", _status(status))

    def alive(self, status: str) -> None:
        """The service still does its part."""
        self._tell("WATCHDOG=1", _status(status))

    def reloading(self) -> None:
        """The configuration is read again; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service ends by itself or was told to."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        """Never waits and never fails: what systemd does not hear it takes for silence."""
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.setblocking(False)
                link.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._deaf:
                log.warning("systemd cannot be told how it is: %s", error.strerror)
            self._deaf = True
        else:
            self._deaf = False


NOBODY = Manager()


def _status(status: str) -> str:
    """One line, cut between characters."""
    return f"STATUS={' '.join(status.split())}".encode()[:STATUS_BYTES].decode(errors="ignore")
