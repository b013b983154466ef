"""Tells on the terminal what happens."""

from __future__ import annotations

from collections.abc import Callable

import click

from falld.daemon.heard import Heard

COLOURS = {
    "impact": "yellow",
    "decision": "yellow",
    "committed": "cyan",
    "published": "cyan",
    "hub_committed": "green",
    "acknowledged": "green",
    "fault": "red",
}
SAMPLES_EVERY_S = 1.0
TAIL = 6
"""Digits of an alert's id that are told: its last are random."""


class Story:
    """One line for each thing, with the seconds since the scene began. Colours on a terminal alone.

    Args:
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begin = now()
        self._samples_told = 0.0

    def scene(self, number: int, title: str, recording: str) -> None:
        click.secho(f"\nScene {number}: {title} ({recording})", bold=True)
        self._begin = self._samples_told = self._now()

    def hear(self, heard: Heard) -> None:
        text = heard.text
        if heard.kind == "samples":
            if heard.boottime - self._samples_told < SAMPLES_EVERY_S:
                return
            self._samples_told = heard.boottime
            text = f"{text} so far"
        elif heard.kind == "impact":
            text = f"{text}; judged {self._now() - heard.boottime:.2f} s later"
        alert_id = heard.data.get("alert_id")
        if alert_id is not None:
            text = text.replace(alert_id, f"…{alert_id[-TAIL:]}")
        self.line(heard.boottime, heard.kind.replace("_", " "), text, COLOURS.get(heard.kind))

    def line(self, boottime: float, what: str, text: str, colour: str | None = None) -> None:
        seconds = max(boottime - self._begin, 0.0)
        click.echo(f"{seconds:7.2f} s  {click.style(what.ljust(13), fg=colour)}  {text}")

    def verdict(self, must: str, *, holds: bool) -> None:
        mark = click.style("yes", fg="green") if holds else click.style("NO ", fg="red", bold=True)
        click.echo(f"  {mark}  {must}")
