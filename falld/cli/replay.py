"""Run the detector over recordings."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from falld.cli import UNUSABLE
from falld.cli.options import several
from falld.detect.budget import BUDGET_PER_DAY
from falld.detect.bundle import Bundle
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.replay.recording import Line, Replay, Told
from falld.replay.together import together
from falld.resources import shipped_bundle
from falld.samples.archive import SUFFIX, index_path
from falld.samples.atomic import replacing
from falld.samples.block import Block
from falld.samples.catalogue import open_paths
from falld.samples.csvfile import SUFFIXES, CsvRecording, yaml_path
from falld.samples.meta import dump_yaml
from falld.samples.recording import PLACEMENTS, Filed, Unusable

_PACE_S = 0.1
"""Recording time let through at once under `--speed`: about one notification of a wearable."""
_TOLD_EVERY = 16
"""Recordings between two updates of the progress bar."""
_BAR = 30
_log = logging.getLogger(__name__)

Said = Iterable[tuple[Filed | Unusable, Iterable[Line], Told | Replay]]
"""Recordings, the lines of each, and who has its warnings when they are read."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--jsonl", is_flag=True, help="One JSON object a line, for programs.")
@click.option("--candidates", is_flag=True, help="Also every impact that was judged.")
@click.option(
    "--placement", type=click.Choice(PLACEMENTS), help="Where the wearable sits, whatever the recording says."
)
@click.option(
    "--bundle", type=click.Path(file_okay=False, path_type=Path), help="A bundle's folder, not the shipped one."
)
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), metavar="X", help="X times real time; else at once."
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Let the detector adapt to one wearer, over all recordings in this order: begin with what is in the file, if"
    " it exists, and leave there what was learnt.",
)
@several("what is said of each recording")
@click.option("--expect", is_flag=True, help="Write what comes out into each CSV's YAML, as expected from now on.")
def command(
    paths: tuple[str, ...],
    jsonl: bool,
    candidates: bool,
    placement: str | None,
    bundle: Path | None,
    speed: float | None,
    state: Path | None,
    workers: int | None,
    scheduler: str | None,
    work: Path | None,
    expect: bool,
) -> None:
    """Run the detector over recordings: .csv, .csv.gz, .parquet archives, or folders of them.

    Exit status 2 if some input could not be used; the others are done all the same.
    """
    folder = bundle or shipped_bundle()
    screen = _Screen(jsonl, expect, _recordings(paths) if sys.stderr.isatty() and speed is None else None)
    if workers is None and scheduler is None and work is None:
        loaded = Bundle.load(folder)
        learnt = None if state is None else _remembered(state, loaded.name)
        pace = None if speed is None else lambda blocks: _paced(blocks, speed)
        replay = Replay(loaded, placement, candidates, pace, learnt)
        if pace is None and learnt is None:
            screen.show(together(replay, open_paths(paths)), loaded.name)
        else:
            screen.show(((one, replay.lines(one), replay) for one in open_paths(paths)), loaded.name)
        if state is not None and learnt is not None:
            with replacing(state) as target:
                target.write(learnt.to_bytes(loaded.name))
    else:
        if state is not None or speed is not None:
            what = "does not go with --workers, --scheduler or --work"
            why = "each recording depends on those before it" if speed is None else "they have no pace"
            raise FalldError("--state" if speed is None else "--speed", what, f"leave them out: {why}")
        # These take a tenth of a second to load, half of what the detector takes.
        from falld.replay.several import Replays
        from falld.replay.tasks import Settings
        from falld.tasks.cache import Cache
        from falld.tasks.executor import executor

        settings = Settings.of(folder, placement, candidates)
        with executor(workers, scheduler) as who:
            replays = Replays(settings, who, Cache(work))
            told = replays.told(open_paths(paths))
            screen.show(((one, told.lines, told) for one, told in told), settings.loaded().name)
        if work is not None:
            there = screen.recordings - replays.computed
            _log.info("%s: %d recordings computed, %d were there", work, replays.computed, there)
    if screen.unusable:
        raise SystemExit(UNUSABLE)


class _Screen:
    """Prints what is said.

    Args:
        jsonl: for programs.
        expect: also write it into each CSV's YAML.
        total: about how many recordings there are, for a progress bar; None: no bar.
    """

    def __init__(self, jsonl: bool, expect: bool, total: int | None) -> None:
        self._jsonl = jsonl
        self._expect = expect
        self._total = total
        self._hours = 0.0
        self.recordings = 0
        self.unusable = 0

    def show(self, said: Said, model: str) -> None:
        """Until there is no more. A bundle's name goes into what is expected."""
        for recording, lines, warned in said:
            told = []
            for line in lines:
                if self._total is not None:
                    _clear()
                click.echo(json.dumps(line) if self._jsonl else _words(line))
                told.append(expected(line, model))
            self._count(told[-1])
            if self._expect and isinstance(recording, CsvRecording):
                with replacing(Path(yaml_path(recording.source))) as file:
                    file.write(dump_yaml(replace(recording.meta, expected=tuple(told))).encode())
            for warning in warned.warnings:
                click.echo(f"warning: {warning}", err=True)
            if self._total is not None and self.recordings % _TOLD_EVERY == 0:
                click.echo(_bar(self.recordings, self._total, self._hours), nl=False, err=True)
        if self._total is not None:
            _clear()

    def _count(self, end: dict[str, Any]) -> None:
        self.recordings += 1
        self.unusable += end["status"] != "ok"
        self._hours += end["duration"] / 3600


def _remembered(path: Path, model: str) -> Learnt:
    """What a file holds, or what is known of nobody, with all that a home lets adapt."""
    learnt = Learnt.empty(calibrate=True, budget_per_day=BUDGET_PER_DAY)
    if path.exists():
        learnt.read(path.read_bytes(), model)
    return learnt


def expected(line: dict[str, Any], model: str) -> dict[str, Any]:
    """A line as a recording's YAML keeps it: without the place, with the bundle that said it.

    Probabilities keep three digits, as far as processors agree on them.
    """
    kept = {key: value for key, value in line.items() if key not in ("source", "recording")} | {"model": model}
    return kept | {"probability": round(kept["probability"], 3)} if "probability" in kept else kept


def _paced(blocks: Iterator[Block], speed: float) -> Iterator[Block]:
    """The same samples, let through as time goes by."""
    pause = threading.Event()
    for block in blocks:
        start = 0
        while start < len(block):
            stop = start + max(1, int((block.t[start:] < block.t[start] + _PACE_S).sum()))
            pause.wait(max(0.0, float(block.t[stop - 1] - block.t[start])) / speed)
            yield Block(block.t[start:stop], block.acc[start:stop])
            start = stop


def _recordings(paths: tuple[str, ...]) -> int:
    """About how many there are, by the lines of the indexes."""
    total = 0
    for path in map(Path, paths):
        for file in path.iterdir() if path.is_dir() else (path,):
            index = Path(index_path(str(file)))
            if file.suffix == SUFFIX and index.is_file():
                with index.open("rb") as lines:
                    total += sum(1 for _ in lines) - 1
            elif file.name.endswith(SUFFIXES):
                total += 1
    return total


def _bar(done: int, total: int, hours: float) -> str:
    filled = min(_BAR, _BAR * done // max(total, 1))
    return f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {done} of {total} recordings, {hours:.1f} h"


def _clear() -> None:
    click.echo("\r\x1b[K", nl=False, err=True)


def _words(line: dict[str, Any]) -> str:
    where = line["source"] if line["recording"] is None else f"{line['source']} recording {line['recording']}"
    event = line["event"]
    if event == "end":
        if line["status"] != "ok":
            return f"{where}: unusable: {line['error']}"
        gaps = f", {line['gaps']} gaps ({line['gap_s']:.1f} s)" if line["gaps"] else ""
        by = ", by the nominal rate: its stamps are no clock" if line["clock"] == "nominal" else ""
        return f"{where}: end: {line['samples']} samples, {line['duration']:.1f} s{gaps}{by}"
    if event == "gap":
        return f"{where}: {line['t']:.1f} s: blind for {line['gap_s']:.1f} s"
    cut = ", cut off" if "incomplete" in line else ""
    why = f": {line['why']}" if "why" in line else ""
    return f"{where}: {line['t']:.1f} s: {event} at {line['impact_t']:.1f} s, {line['probability']:.0%}{cut}{why}"
