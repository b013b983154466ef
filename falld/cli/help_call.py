"""A wearer needs help."""

from __future__ import annotations

from pathlib import Path

import click

from falld.cli.options import config_file, wearer_of
from falld.config.last_good import state_dir
from falld.config.load import load
from falld.daemon.control import say


@click.command()
@config_file("The configuration of the daemon that runs.", required=True)
@click.argument("wearer", required=False)
def command(path: Path, wearer: str | None) -> None:
    """Call for help, as the help button does: for a wearer who cannot press it, or to try the road with a real alert.
    WEARER is an id of the configuration; it may be left out where there is one.
    """
    config = load(path)
    alert_id = say(state_dir(config), "help", wearer_of(config, wearer))
    click.echo(f"called: alert {alert_id}")
