"""What worse sensors and links cost: `python -m falld.learn.robust ARCHIVE... [--bundle FOLDER]`.

The same falls as they are and degraded, by models that never saw their people, at the bundle's thresholds.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from falld.detect.bundle import Bundle
from falld.learn.benchmark.bootstrap import ratio, sensitivity_difference
from falld.learn.calibrate import Calibration
from falld.learn.extract import Alter, Table, extract
from falld.learn.forks import Forks
from falld.learn.groups import group
from falld.learn.score import outcomes
from falld.learn.train import Examples, Features, as_features, as_smoothed, fit
from falld.learn.validate import Split, by_person, by_placement
from falld.learn.weighed import weighed
from falld.resources import shipped_bundle
from falld.samples.block import Block
from falld.samples.recording import Meta, Recording

LOSS = 0.05
GAP_S, GAP_EVERY_S = 0.2, 4.0
"""One gap in 4 s: about one in each candidate's window."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """A recording as a worse sensor, or a worse link, would have given it; the same each time."""

    of: Recording
    how: str

    @property
    def source(self) -> str:
        return self.of.source

    @property
    def number(self) -> int | None:
        return self.of.number

    @property
    def meta(self) -> Meta:
        rate = self.of.meta.sample_rate_hz
        return replace(self.of.meta, sample_rate_hz=rate / self._every) if rate is not None else self.of.meta

    @property
    def _every(self) -> int:
        """Of how many samples one is kept."""
        rate = self.of.meta.sample_rate_hz
        return max(1, round(rate / 25.0)) if self.how == "25 Hz" and rate is not None else 1

    def blocks(self) -> Iterator[Block]:
        rng = np.random.default_rng(zlib.crc32(f"{self.meta.source} {self.number}".encode()))
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
        seen = 0
        for block in self.of.blocks():
            t, acc = block.t, block.acc
            match self.how:
                case "±2 g":
                    acc = np.clip(acc, -2, 2)
                case "25 Hz":
                    kept = (np.arange(seen, seen + len(t)) % self._every) == 0
                    t, acc = t[kept], acc[kept]
                case "5 % lost":
                    kept = rng.random(len(t)) >= LOSS
                    t, acc = t[kept], acc[kept]
                case "gaps of 0.2 s":
                    # Spread over the spans by the golden ratio, so that blocks do not matter.
                    span = np.floor(t / GAP_EVERY_S)
                    start = (span + 0.9 * (span * 0.618034 % 1)) * GAP_EVERY_S
                    kept = (t < start) | (t >= start + GAP_S)
                    t, acc = t[kept], acc[kept]
                case "turned":
                    acc = np.ascontiguousarray(acc) @ turn.T
            seen += len(block)
            if len(t):
                yield Block(t, np.ascontiguousarray(acc, np.float32))


WAYS = ("±2 g", "25 Hz", "5 % lost", "gaps of 0.2 s", "turned")


def altered(plain: Table, archives: Iterable[str], alter: Alter, progress: Callable[[str], None]) -> Table:
    """The candidates of recordings that something was done to; when who fell is as it was.

    Args:
        plain: of the same recordings as they are.
        archives: where they are.
        alter: what to take instead of a recording.
        progress: told a line for each archive.
    """
    table = extract(archives, progress, alter)
    truths = [trial.truth for trial in plain.trials]
    hit = [truths[i].hit(at, t) for i, at, t in zip(table.trial, table.impact_t, table.t, strict=True)]
    return replace(table, hit=np.array(hit, bool))


def judged(examples: Examples, tables: list[Table], workers: int) -> list[npt.NDArray[np.float64]]:
    """The (c,) probabilities of each table's candidates, by models that never saw their people.

    Args:
        examples: what is learnt from; its first trials are those of the tables.
        tables: of the same recordings, in different ways.
        workers: processes that fit at once.
    """
    found = [np.zeros(len(table.trial)) for table in tables]
    seen = [(table, as_features(table), as_features(as_smoothed(table))) for table in tables]
    with Forks((examples, seen), workers) as forks:
        for promise in [forks.start(_judge, split) for split in by_person(examples.table)]:
            for all_of_it, (which, part) in zip(found, promise.get(), strict=True):
                all_of_it[which] = part
    return found


def _judge(
    shared: tuple[Examples, list[tuple[Table, Features, Features]]], split: Split
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    examples, seen = shared
    model = fit(examples, np.flatnonzero(split.train[examples.table.trial]))
    out = []
    for table, x, smooth in seen:
        which = np.flatnonzero(split.test[table.trial])
        out.append((which, model.probability(x[which], smooth[which])))
    return out


def compare(
    plain: Table, worse: Table, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], bundle: Bundle
) -> dict[str, dict[str, object]]:
    """Hits and false alarms of the same trials, by group of placements.

    Args:
        plain: candidates of the recordings as they are.
        worse: of the same recordings, degraded.
        before: (c,) probabilities of the former.
        after: of the latter.
        bundle: whose thresholds are taken.
    """
    people = {name: i for i, name in enumerate(dict.fromkeys(trial.person for trial in plain.trials))}
    person = np.array([people[trial.person] for trial in plain.trials])
    fell = np.array([trial.truth.impact_s is not None for trial in plain.trials])
    groups = np.array([group(trial.meta.placement) for trial in plain.trials])
    hours = np.array([trial.hours for trial in plain.trials])
    hit, alarms = outcomes(plain, np.flatnonzero(before >= by_placement(plain, bundle.threshold)))
    worse_hit, worse_alarms = outcomes(worse, np.flatnonzero(after >= by_placement(worse, bundle.threshold)))
    said: dict[str, dict[str, object]] = {}
    for place in ("trunk", "wrist"):
        here = groups == place
        falls = here & fell
        if not falls.any():
            continue
        lost = sensitivity_difference(hit, worse_hit, falls, person)
        share = ratio(worse_alarms[here], alarms[here], person[here])
        said[place] = {
            "falls": int(falls.sum()),
            "hits": [int((hit & falls).sum()), int((worse_hit & falls).sum())],
            "points_lost": [round(100 * each, 2) for each in lost],
            "hours": round(float(hours[here & ~fell].sum()), 2),
            "false_alarms": [int(alarms[here].sum()), int(worse_alarms[here].sum())],
            "times_as_many": [round(each, 2) for each in share],
        }
    return said


@click.command()
@click.argument("archives", nargs=-1, required=True)
@click.option("--also", multiple=True, help="An archive that is learnt from but not judged. Repeatable.")
@click.option("--bundle", type=click.Path(path_type=Path), default=None, help="Whose thresholds; else the shipped one.")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes that fit at once.")
def main(archives: tuple[str, ...], also: tuple[str, ...], bundle: Path | None, workers: int) -> None:
    """Prints one JSON object a line for each way of being worse."""

    def progress(line: str) -> None:
        click.echo(line, err=True)

    taken = Bundle.load(bundle or shipped_bundle())
    plain = extract(archives, progress)
    everything = plain.followed_by(extract(also, progress)) if also else plain
    worse = []
    for how in WAYS:
        progress(how)
        worse.append(altered(plain, archives, partial(Degraded, how=how), progress))
    calibration = Calibration(**taken.card["calibration"]["sigmoid"])
    found = judged(Examples(everything), [plain, *worse], workers)
    before, *after = (weighed(table, calibration(alone)) for table, alone in zip([plain, *worse], found, strict=True))
    for how, table, weighted in zip(WAYS, worse, after, strict=True):
        said = {"how": how, "thresholds_of": taken.name, **compare(plain, table, before, weighted, taken)}
        click.echo(json.dumps(said, ensure_ascii=False))


if __name__ == "__main__":
    main()
