"""Who is near."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, replace

import click

from falld.sensors.adapter import Adapter, Seen
from falld.sensors.driver import Advertisement, FrameError
from falld.sensors.drivers import match, ruuvi
from falld.sensors.drivers.bthome import HELP, SERVICE, Buttons

BUTTON = "a button that is heard by its advertisements"
UNHEARD = -999
"""Signal of one that does not tell it, to sort by."""


@dataclass(frozen=True, slots=True)
class Near:
    """One that advertises."""

    address: str
    name: str | None
    rssi: int | None
    """dBm."""
    driver: str | None
    """None: nothing that falld knows."""
    title: str | None
    battery: int | None
    """Percent, where it says so to everybody."""
    can_detect: bool
    why_not: str | None
    says: str | None = None
    """What it says to everybody beside that, for a person."""


@click.command()
@click.option("--seconds", default=10.0, type=click.FloatRange(min=0, min_open=True), show_default=True)
@click.option("--adapter", metavar="hciN", help="What to listen with, not the first one that is on.")
@click.option("--all", "everybody", is_flag=True, help="Also those that falld does not know.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(seconds: float, adapter: str | None, everybody: bool, as_json: bool) -> None:
    """Listen who is near: which driver, how well it is heard, its battery if it tells, and whether it can detect.

    A wearable that is connected to something else, or to falld already, advertises to nobody.
    """
    found = asyncio.run(listen(adapter, seconds))
    near = sorted(map(_near, found), key=lambda each: (each.driver is None, -(each.rssi or UNHEARD), each.address))
    shown = [each for each in near if everybody or each.driver is not None]
    for each in shown:
        click.echo(json.dumps(asdict(each)) if as_json else _words(each))
    if not as_json and len(shown) < len(near):
        click.echo(f"{len(near) - len(shown)} that falld does not know; --all shows them", err=True)
    if not near:
        click.echo("nobody is heard", err=True)


async def listen(name: str | None, seconds: float) -> list[Advertisement]:
    """Who is heard in so long, each with all that it said.

    Raises:
        SourceError: nobody is, and the adapter is at fault.
    """
    adapter = Adapter(name, cycle=None)
    heard: dict[str, Advertisement] = {}

    def look(seen: Seen) -> None:
        new, old = seen.advertisement, heard.get(seen.advertisement.address)
        if old is not None:
            new = replace(new, name=new.name or old.name, rssi=old.rssi if new.rssi is None else new.rssi)
        heard[new.address] = new

    listening = asyncio.create_task(adapter.run())
    with adapter.watch(look):
        await asyncio.wait([listening], timeout=seconds)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    if adapter.fault is not None and not heard:
        raise adapter.fault
    return list(heard.values())


def _near(said: Advertisement) -> Near:
    if SERVICE in said.service_data:
        try:
            pressed = Buttons({said.address: HELP}).seen(said, 0.0)
            why = BUTTON
        except FrameError as error:
            pressed, why = [], f"{BUTTON}, but {error.what}; {error.remedy}"
        battery = pressed[0].battery if pressed else None
        return Near(said.address, said.name, said.rssi, "bthome", "BTHome button", battery, False, why)
    driver = match(said)
    if driver is None:
        return Near(said.address, said.name, said.rssi, None, None, None, False, "of no make that is known")
    why_not = driver.cannot_detect
    return Near(
        said.address, said.name, said.rssi, driver.name, driver.title, None, why_not is None, why_not, _says(said)
    )


def _says(said: Advertisement) -> str | None:
    try:
        told = ruuvi.told(said)
    except FrameError as error:
        return error.what
    return None if told is None else str(told)


def _words(near: Near) -> str:
    signal = "  ?" if near.rssi is None else f"{near.rssi:3d}"
    battery = "" if near.battery is None else f", battery {near.battery} %"
    verdict = "can detect" if near.can_detect else f"cannot detect: {near.why_not}"
    says = "" if near.says is None else f"; it says: {near.says}"
    return f"{near.address}  {signal} dBm  {near.name or '-':24}  {near.driver or '-':10}  {verdict}{battery}{says}"
