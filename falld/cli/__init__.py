"""The command line: one module a verb, imported when it is asked for."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from typing import Any

import click

import falld
from falld.errors import FalldError
from falld.text import printable

VERBS = {
    "benchmark": "Judge detectors beside published methods.",
    "cancel": "A wearer needs no help: take the alert back.",
    "commission": "Try a home with its wearer's things: rooms, drop, button, test alarm.",
    "config": "Check, make and describe the configuration file.",
    "demo": "A fall on its way to an acknowledged alert, on this machine.",
    "doctor": "What keeps this machine from being a fall alarm, and what to do.",
    "help-call": "A wearer needs help: call for it.",
    "hub": "The monitoring hub: receive, commit, acknowledge, list.",
    "learn": "Train and judge detectors.",
    "record": "A wearable to a recording.",
    "replay": "Run the detector over recordings.",
    "run": "The daemon: from wearables to acknowledged alerts.",
    "scan": "Which wearables are near.",
    "simulate": "Make recordings from a simulated body.",
    "support-bundle": "What somebody who is to help needs to know, in one file.",
    "test-alarm": "From the running daemon to a person, with the time of each leg.",
}
"""Each is `command` in the module of its name; told here too, so that help imports none of them."""
UNUSABLE = 2
"""Exit status where something was asked for that cannot be done, as click's for a wrong option."""


class Verbs(click.Group):
    """Knows its verbs by name alone: numpy, ONNX and the rest cost seconds on a small computer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = _import(f"falld.cli.{cmd_name.replace('-', '_')}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"falld.cli.{cmd_name}.command is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """A `FalldError` is one line a problem on stderr, and no traceback."""
        try:
            return super().invoke(ctx)
        except FalldError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {printable(line)}", err=True)
            ctx.exit(UNUSABLE)


class OneLine(logging.Formatter):
    """What others say, a name in the air or an answer of a hub, begins no line of its own in the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))


def _import(module: str) -> Any:
    """Without looking for garbage meanwhile or in it later: what an import makes stays, and the search through it
    takes a sixth of a start, and some 50 ms of a running daemon again and again. Without looking for plugins of
    pydantic either, for which it reads a file of each package that is installed."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(falld.__version__, prog_name="falld")
@click.option("-v", "--verbose", count=True, help="Log every detail.")
@click.option("-q", "--quiet", count=True, help="Log less; twice: only what went wrong.")
def main(verbose: int, quiet: int) -> None:
    """A fall alarm: samples of a wearable in, acknowledged alerts out."""
    levels = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
    level = levels[max(0, min(len(levels) - 1, 2 + verbose - quiet))]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
