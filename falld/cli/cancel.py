"""A wearer needs no help."""

from __future__ import annotations

from pathlib import Path

import click

from falld.cli.options import config_file, wearer_of
from falld.config.last_good import state_dir
from falld.config.load import load
from falld.daemon.control import say

NOTHING = 1
"""Exit status where there was nothing to cancel."""


@click.command()
@config_file("The configuration of the daemon that runs.", required=True)
@click.argument("wearer", required=False)
def command(path: Path, wearer: str | None) -> None:
    """Take back a wearer's alert, as the cancel button does. WEARER is an id of the configuration; it may be left out
    where there is one.

    Exit status: 0, an alert was taken back; 1, there was none.
    """
    config = load(path)
    wearer = wearer_of(config, wearer)
    alert_id = say(state_dir(config), "cancel", wearer)
    if alert_id is None:
        click.echo(f"{wearer} has no alert that could be cancelled, or it was cancelled before", err=True)
        raise click.exceptions.Exit(NOTHING)
    click.echo(f"cancelled: alert {alert_id}")
