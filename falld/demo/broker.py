"""An MQTT broker inside this program."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator

from falld.errors import FalldError


class DemoError(FalldError):
    """The demonstration cannot begin."""


@contextlib.asynccontextmanager
async def embedded_broker() -> AsyncIterator[int]:
    """amqtt on a free port of the loopback; gives the port. It speaks MQTT 3.1.1 alone.

    Raises:
        DemoError: amqtt is not installed.
    """
    try:
        from amqtt.broker import Broker
    except ImportError:
        raise DemoError("amqtt", "is not installed", "pip install 'falld[demo]'") from None
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    port = _free_port()
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
