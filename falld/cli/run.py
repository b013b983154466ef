"""The daemon: from wearables to acknowledged alerts."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from falld.config.load import load
from falld.config.schema import Config
from falld.daemon.heard import Heard
from falld.daemon.run import run

QUIET = {"samples"}
"""Ten a second of every wearable."""

log = logging.getLogger("falld")


@click.command()
@click.option(
    "-c",
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The configuration, as in deploy/falld.example.yaml.",
)
@click.option("--check", is_flag=True, help="Only check the configuration.")
def command(path: Path, check: bool) -> None:
    """Listen to the wearables of a home, find falls, and see each alert to the monitoring hub.

    Ends on SIGTERM or SIGINT; alerts that no hub has are sent when it runs again.
    """
    config = load(path)
    if check:
        click.echo(f"{path}: correct")
        return
    asyncio.run(_until_stopped(config))


async def _until_stopped(config: Config) -> None:
    work = asyncio.create_task(run(config, observer=_log))

    def stop() -> None:
        if not work.cancelling():  # a second signal must not cut the goodbye short
            work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped")


def _log(heard: Heard) -> None:
    level = logging.DEBUG if heard.kind in QUIET else logging.WARNING if heard.data.get("fault") else logging.INFO
    source = heard.data.get("source")
    log.log(level, "%s: %s%s", heard.kind.replace("_", " "), f"{source}: " if source else "", heard.text)
