"""The daemon: from wearables to acknowledged alerts."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from functools import partial
from pathlib import Path

import click

from falld.cli.options import config_file, private_files
from falld.config.last_good import load_or_last_good
from falld.config.load import load
from falld.daemon.heard import Heard
from falld.daemon.reload import Reloading
from falld.daemon.run import run
from falld.supervise.notify import Manager

QUIET = {"samples"}
"""Ten a second of every wearable."""
ON_THE_WAY = {"searching", "connecting", "starting"}
"""What a wearable that is lost every few seconds says each time, beside that it streams, or why not."""

log = logging.getLogger("falld")


@click.command()
@config_file("The configuration, as in deploy/falld.example.yaml.", required=True)
@click.option("--check", is_flag=True, help="Only check the configuration.")
def command(path: Path, check: bool) -> None:
    """Listen to the wearables of a home, find falls, and see each alert to the monitoring hub.

    Ends on SIGTERM or SIGINT; alerts that no hub has are sent when it runs again. On SIGHUP the configuration is read
    again. Where it is broken, the one that ran last under this name runs, and log and health tell what is wrong.
    """
    if check:
        load(path)
        click.echo(f"{path}: correct")
        return
    with private_files():
        asyncio.run(_until_stopped(path))


async def _until_stopped(path: Path) -> None:
    config, text, broken = load_or_last_good(path)
    if broken is not None:
        log.error("%s", broken)
    reloading = Reloading(path, text)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloading.ask)
    observer = partial(_heard, reloading)
    manager = Manager.of_environment(os.environ)
    work = asyncio.create_task(
        run(config, config_fault=broken, observer=observer, manager=manager, beside=reloading.run)
    )

    def stop() -> None:
        if not work.cancelling():  # a second signal must not cut the goodbye short
            work.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped")


def _heard(reloading: Reloading, heard: Heard) -> None:
    reloading.runs()
    _log(heard)


def _log(heard: Heard) -> None:
    source = heard.data.get("source")
    text = f"{source}: {heard.text}" if source else heard.text
    log.log(_level(heard), "%s: %s", heard.kind.replace("_", " "), text)


def _level(heard: Heard) -> int:
    """What comes again and again is a detail: a hub that is away for a week has each message sent 5000 times."""
    if heard.kind in QUIET or heard.data.get("attempt", 1) > 1 or heard.data.get("state") in ON_THE_WAY:
        return logging.DEBUG
    return logging.WARNING if heard.data.get("fault") else logging.INFO
