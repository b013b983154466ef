"""A fall on its way to an acknowledged alert, on this machine."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

import click

from falld.alert.clock import boottime
from falld.demo.broker import embedded_broker
from falld.demo.scenes import RAISE_AFTER_S, SPEED
from falld.demo.stage import play
from falld.demo.story import Story

UNTRUE = 1
"""Exit status where something did not happen that must."""


@click.command()
def command() -> None:
    """Play three recordings through detector, outbox, broker, hub and responder, and tell what happens.

    Takes half a minute, needs no hardware and leaves nothing behind. Exit status 0 only if all of it happened. The
    recordings are simulated: this shows that the road works, not how well falls are found.
    """
    logging.getLogger("falld").setLevel(logging.ERROR)  # the story tells of it
    began = boottime()
    story = Story(boottime)
    with tempfile.TemporaryDirectory(prefix="falld-demo-") as folder:
        well = asyncio.run(_play(Path(folder), story))
    took = boottime() - began
    if not well:
        click.secho(f"\nNot all of it happened ({took:.0f} s).", fg="red", bold=True)
        raise SystemExit(UNTRUE)
    click.secho(f"\nAll of it happened ({took:.0f} s).", bold=True)


async def _play(folder: Path, story: Story) -> bool:
    async with embedded_broker() as port:
        click.echo(f"Broker on 127.0.0.1:{port}; recordings at {SPEED:g} times their speed; a suspected fall is raised")
        click.echo(f"after {RAISE_AFTER_S:g} s (20 s where somebody lives). Times are seconds since the scene began.")
        return await play(folder, port, story)
