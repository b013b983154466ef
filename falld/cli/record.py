"""A wearable to a recording."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from pathlib import Path

import click

from falld.alert.clock import boottime
from falld.samples.recording import PLACEMENTS, Meta
from falld.sensors.ble import BleWearable
from falld.sensors.driver import Wish
from falld.sensors.link import Wanted
from falld.sensors.radio import Make, Radio
from falld.sensors.recorder import Recorder
from falld.sensors.source import Button, Samples, SourceError
from falld.sensors.status import Status

ADDRESS = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")


@click.command()
@click.argument("wearable", metavar="ADDRESS|NAME")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv.gz",
    help="Where to; a YAML of the same name is written beside it.",
)
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long; else until Ctrl-C.")
@click.option("--placement", type=click.Choice(PLACEMENTS), default="unknown", help="Where it is worn.")
@click.option("--driver", help="How it is spoken with, not as what it advertises says.")
@click.option("--description", type=click.Path(dir_okay=False, path_type=Path), help="The same, as a YAML description.")
@click.option("--rate", default=50.0, show_default=True, help="Samples a second to ask for.")
@click.option("--range", "range_g", default=16.0, show_default=True, help="Largest acceleration to ask for, in g.")
@click.option("--adapter", metavar="hciN", help="What to listen with, not the first one that is on.")
def command(
    wearable: str,
    output: Path,
    seconds: float | None,
    placement: str,
    driver: str | None,
    description: Path | None,
    rate: float,
    range_g: float,
    adapter: str | None,
) -> None:
    """Record a wearable, known by its address or by the name that it advertises.

    On a terminal the key Enter marks what happens. Buttons of the wearable are kept as cancel and help. If the machine
    goes down, all but the last 5 s are on its disk.
    """
    if driver is not None and description is not None:
        raise click.UsageError("give --driver or --description, not both")
    is_address = ADDRESS.fullmatch(wearable) is not None
    radio = Radio(now=boottime, owner=False)
    source = radio.wearable(
        wearable,
        Wanted(wearable) if is_address else Wanted(name=wearable),
        Make(driver, description),
        Wish(rate_hz=rate, range_g=range_g),
        placement=placement,
        adapter=adapter,
    )
    recorder = Recorder(output)
    asyncio.run(_until_stopped(radio, source, recorder, seconds))
    if not recorder.samples:
        fault = source.status.fault
        raise fault or SourceError(f"wearable {wearable}", "sent no sample", "see what `falld scan` shows")
    click.echo(f"{output}: {summary(recorder.seconds, recorder.samples, source.status)}", err=True)


def summary(seconds: float, samples: int, status: Status) -> str:
    """What was recorded, in words; how far its clock runs away is known after a minute of a connection."""
    told = [f"{seconds:.1f} s, {samples} samples"]
    if status.lost:
        told.append(f"{status.lost} lost on the way")
    if status.ppm is not None:
        told.append(f"its clock runs {status.ppm:+.0f} ppm against this machine's")
    return ", ".join(told)


async def _until_stopped(radio: Radio, source: BleWearable, recorder: Recorder, seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_record(source, recorder, seconds))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: None if work.cancelling() else work.cancel())
    marking = sys.stdin.isatty()
    if marking:
        loop.add_reader(sys.stdin, _mark, recorder)
    serving = asyncio.create_task(radio.run())
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        if marking:
            loop.remove_reader(sys.stdin)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def _record(source: BleWearable, recorder: Recorder, seconds: float | None) -> None:
    told = ""
    try:
        async with contextlib.aclosing(source.readings()) as readings:
            async for reading in readings:
                status = source.status
                now = status.state if status.fault is None else f"{status.state}: {status.fault}"
                if now != told:
                    told = now
                    click.echo(now, err=True)
                match reading:
                    case Samples(block):
                        if not recorder.begun:
                            recorder.begin(float(block.t[0]), _meta(source))
                        recorder.add(block)
                        if recorder.due:
                            await asyncio.to_thread(recorder.save)
                    case Button(t, kind):
                        recorder.mark(t, kind)
                        click.echo(kind, err=True)
                if seconds is not None and recorder.seconds >= seconds:
                    return
    finally:
        recorder.save()


def _meta(source: BleWearable) -> Meta:
    return Meta(
        placement=source.placement,
        sensor=source.status.driver,
        sample_rate_hz=source.clock.rate_hz,
        range_g=source.range_g,
        source="falld record",
    )


def _mark(recorder: Recorder) -> None:
    if sys.stdin.readline():
        recorder.mark(boottime(), "marker")
        click.echo("marked", err=True)
