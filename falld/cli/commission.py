"""An installer's trials in a home, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from falld.checkup.commissioning import (
    ROOM_NAME,
    ROOMS,
    STEPS,
    TITLES,
    Look,
    Room,
    Step,
    Trial,
    answered,
    button,
    drop,
    keep,
    room,
    today,
    walk,
)
from falld.cli.options import config_file, private_files
from falld.cli.test_alarm import missing_of
from falld.config.last_good import state_dir
from falld.config.load import DEFAULT_PATH, load
from falld.config.schema import Config
from falld.daemon.control import WATCHING, ask, ask_health, watch
from falld.text import printable

NOT_WELL = 1
"""Exit status where a step is not well."""
TRY_S = 30.0
"""To let a wearable fall, or to press a button."""
SETTLE_S = 35.0
"""After an impact: a doubtful one may be confirmed 30 s later."""


@click.command()
@config_file("The configuration of the daemon that runs.", default=DEFAULT_PATH, show_default=True)
@click.option("--step", "steps", type=click.Choice(STEPS), multiple=True, help="Only this one; may be given again.")
@click.option("--room", "rooms", multiple=True, metavar="NAME", help="Of the walk test; else they are asked for.")
@click.option("--seconds", default=20.0, type=click.FloatRange(2, 600), show_default=True, help="In each room.")
@click.option("--yes", is_flag=True, help="Begin each step without waiting for a key.")
def command(path: Path, steps: tuple[Step, ...], rooms: tuple[str, ...], seconds: float, yes: bool) -> None:
    """Try a home with the daemon that runs there: walk through the rooms, let a wearable fall onto a cushion, press the
    cancel button, and have a person see a test alarm. What came of it is kept with its date; `falld doctor` shows it.

    Exit status: 0, all is well; 1, a step is not.
    """
    config = load(path)
    folder = state_dir(config)
    ask_health(folder)
    doing: Mapping[Step, Callable[[], Trial]] = {
        "walk": lambda: _walk(folder, rooms, seconds, yes),
        "drop": lambda: _drop(folder, yes),
        "button": lambda: _button(folder, yes),
        "test-alarm": lambda: _test_alarm(config, folder, yes),
    }
    well = True
    for step in STEPS:
        if steps and step not in steps:
            continue
        click.echo(f"\n{TITLES[step]}")
        trial = doing[step]()
        with private_files():
            keep(folder, {step: trial})
        click.echo(f"{'ok' if trial.well else '!!'}  {printable(trial.what)}")
        well = well and trial.well
    if not well:
        raise SystemExit(NOT_WELL)


def _walk(folder: Path, given: tuple[str, ...], seconds: float, yes: bool) -> Trial:
    """Each wearable in each room, worn as it is meant to be."""
    rooms: list[Room] = []
    names = iter(given) if given else iter(_next_room, "")
    for name in names:
        _begin(f"Go to {name} with every wearable on, and walk about.", yes)
        looks: dict[str, list[Look]] = {}
        for each in watch(folder, seconds):
            if each["kind"] == WATCHING:
                for wearable in ask_health(folder)["wearables"]:
                    looks.setdefault(wearable["source"], []).append(Look.of(wearable))
        for source, seen in looks.items():
            rooms.append(room(name, source, seen))
            click.echo(f"{'!!' if rooms[-1].fault else 'ok'}  {source}  {printable(str(rooms[-1]))}")
        if len(rooms) >= ROOMS:
            break
    return walk(today(), rooms)


def _next_room() -> str:
    return str(click.prompt("Room (empty: no more)", default="", show_default=False))[:ROOM_NAME]


def _drop(folder: Path, yes: bool) -> Trial:
    """No alert that comes of it is taken back: it may be another's."""
    _begin("Take a wearable off and hold it a metre above a cushion.", yes)
    heard: list[dict[str, Any]] = []
    end = 0.0
    for each in watch(folder, TRY_S + SETTLE_S):
        if not end:
            end = time.monotonic() + TRY_S
            click.echo(f"Let it fall, within {TRY_S:g} s, and leave it there.")
        if each["kind"] == "impact" and not any(before["kind"] == "impact" for before in heard):
            end = time.monotonic() + SETTLE_S
            click.echo(f"The impact was seen. Wait for {SETTLE_S:g} s: it may still be taken for a fall.")
        heard.append(each)
        if each["kind"] == "committed" and each["data"]["kind"] == "fall":
            wearer = each["data"]["wearer"]
            click.echo(f"It is taken for a fall of {wearer}. If nobody fell, `falld cancel {wearer}` takes it back.")
            break
        if time.monotonic() > end:
            break
    return drop(today(), heard, TRY_S)


def _button(folder: Path, yes: bool) -> Trial:
    _begin("Have the cancel button at hand.", yes)
    heard: list[dict[str, Any]] = []
    for each in watch(folder, TRY_S):
        if not heard:
            click.echo(f"Press it, within {TRY_S:g} s.")
        heard.append(each)
        if each["kind"] == "button" and each["data"]["button"] == "cancel":
            break
    return button(today(), heard, TRY_S)


def _test_alarm(config: Config, folder: Path, yes: bool) -> Trial:
    _begin("Tell the person at the monitoring hub that a test alarm comes, and ask them to answer it.", yes)
    came: set[tuple[str, str | None]] = set()
    after_s = 0.0
    for leg in ask(folder, config.alarm.seen_s):
        came.add((leg.leg, leg.route))
        after_s = leg.after_s
        click.echo(f"{leg.after_s:8.3f} s  {leg.leg.replace('_', ' ')}: {printable(leg.text)}")
    return answered(today(), missing_of(config, came), after_s)


def _begin(what: str, yes: bool) -> None:
    click.echo(what)
    if not yes:
        click.pause("Press a key.")
