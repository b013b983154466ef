"""A paho client on the event loop, without the thread that paho would have for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast

from paho.mqtt.client import Client

MISC_S = 1.0
"""How often paho looks whether a ping is due or its answer is missing, as in its own loop."""


class Pump:
    """Reads and writes when the client's socket is ready.

    A thread for each connection would wait for the interpreter's lock at every call of the kernel, of which paho makes
    five a message, whenever the loop has much to do.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._misc: asyncio.TimerHandle | None = None
        self._writing = False

    def start(self) -> None:
        """The client has sent its CONNECT. Its callbacks come from within the loop from now on."""
        self._socket = self._own()
        if self._socket is None:
            return  # lost already, and told
        # An alert that follows another message does not wait for its TCP acknowledgement, 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.on_socket_close = self._closing
        self._loop.add_reader(self._socket, self._read)
        self._look()
        self._read()  # what came with the end of the handshake makes no socket ready

    def flush(self) -> None:
        """Call after the client was given something to send: what its socket does not take at once follows."""
        want = self._client.want_write()
        if self._socket is None or want == self._writing:
            return
        self._writing = want
        if want:
            self._loop.add_writer(self._socket, self._write)
        else:
            self._loop.remove_writer(self._socket)

    def stop(self) -> None:
        """Closes the connection; the broker publishes the last will if it was not told goodbye."""
        connection = self._own()
        self._forget()
        self._client.on_socket_close = None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _own(self) -> socket.socket | None:
        return cast("socket.socket | None", self._client.socket())

    def _read(self) -> None:
        self._client.loop_read()
        while self._socket is not None and getattr(self._socket, "pending", int)():  # TLS has read ahead
            self._client.loop_read()
        self.flush()

    def _write(self) -> None:
        self._client.loop_write()
        self.flush()

    def _look(self) -> None:
        self._misc = self._loop.call_later(MISC_S, self._look)
        self._client.loop_misc()
        self.flush()

    def _closing(self, client: Client, userdata: Any, connection: Any) -> None:
        self._forget()

    def _forget(self) -> None:
        """Before a socket is closed; its number may be another's at once."""
        if self._misc is not None:
            self._misc.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket, self._misc, self._writing = None, None, False
