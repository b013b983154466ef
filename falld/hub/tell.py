"""The command that reaches a responder."""

from __future__ import annotations

from collections.abc import Sequence

from falld.command import run_command
from falld.errors import FalldError


class TellError(FalldError):
    """A responder could not be told; names the responder."""


async def tell(responder: str, command: Sequence[str], about: bytes, timeout_s: float) -> None:
    """Run it to its end, with `about` on its standard input.

    Raises:
        TellError: it cannot be started, was killed for its length, or failed.
    """
    await run_command(
        command,
        TellError,
        f"responder {responder}",
        who="the hub",
        timeout_s=timeout_s,
        timeout_key="its timeout_s",
        said=about,
        withhold=["FALLD_MQTT_PASSWORD"],
    )
