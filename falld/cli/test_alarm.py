"""A test alarm on the whole road."""

from __future__ import annotations

from pathlib import Path

import click

from falld.cli.options import config_file
from falld.config.last_good import state_dir
from falld.config.load import load
from falld.config.schema import Config
from falld.daemon.control import ask
from falld.text import printable

MISSING = 1
"""Exit status where a leg is missing."""


@click.command()
@config_file("The configuration of the daemon that runs.", required=True)
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1, 600), metavar="S", help="For each leg; default: alarm.seen_s."
)
def command(path: Path, wait_s: float | None) -> None:
    """Send a test alarm from the running daemon over every route to a person, and tell the time of each leg.

    The exit status is 1 where a leg is missing. The home's own alarm does not sound.
    """
    config = load(path)
    came: set[tuple[str, str | None]] = set()
    for leg in ask(state_dir(config), wait_s or config.alarm.seen_s):
        came.add((leg.leg, leg.route))
        click.echo(f"{leg.after_s:8.3f} s  {leg.leg.replace('_', ' ')}: {printable(leg.text)}")
    missing = missing_of(config, came)
    for what in missing:
        click.echo(f"missing: {what}", err=True)
    if missing:
        raise click.exceptions.Exit(MISSING)


def missing_of(config: Config, came: set[tuple[str, str | None]]) -> list[str]:
    """What of a test alarm's road is not among the legs and their routes that came."""
    needed: dict[tuple[str, str | None], str] = {("committed", None): "nothing was committed on this machine"}
    for route in config.routes:
        where = route.broker.where
        needed["hub_committed", where] = f"no monitoring hub at {where} has committed it"
    needed["acknowledged", None] = "no person has answered it"
    return [what for leg, what in needed.items() if leg not in came]
