"""Recordings to candidates, by the very code that runs in a home."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from falld.detect.gate import Candidates, End
from falld.detect.scout import Scout
from falld.detect.walk import Looks
from falld.detect.watch import WAIT, stance, walks
from falld.detect.window import POST, PRE
from falld.errors import FalldError
from falld.learn.groups import person
from falld.learn.truth import Truth, teaches, truth
from falld.samples.catalogue import open_paths
from falld.samples.recording import Filed, Meta, Recording, RecordingError, Unusable
from falld.samples.survey import Survey, survey
from falld.tasks.batches import Batch, grouped, start
from falld.tasks.executor import Executor, Here, Known, Promise, in_order


@dataclass(frozen=True, slots=True)
class Trial:
    """One usable recording."""

    dataset: str
    person: str
    """Unique over all data sets: the unit of every split."""
    meta: Meta
    truth: Truth
    hours: float


@dataclass(frozen=True, slots=True)
class Table:
    """Candidates of many recordings, in order."""

    trials: list[Trial]
    trial: npt.NDArray[np.int64]
    """(c,) which trial each is of."""
    impact_t: npt.NDArray[np.float64]
    t: npt.NDArray[np.float64]
    acc: npt.NDArray[np.float32]
    """(c, PRE + 1 + POST, 3) windows."""
    label: npt.NDArray[np.int64]
    """(c,) 1 a fall's impact, 0 none, -1 teaches nothing."""
    hit: npt.NDArray[np.bool_]
    """(c,) an event at this candidate would be a hit."""
    walk_t: npt.NDArray[np.float64]
    """(c,) when the wearer was seen to walk again, within the time that an impact is followed up; inf: not."""

    def followed_by(self, other: Table) -> Table:
        """Both; this one's trials keep their numbers."""
        columns = {
            each.name: np.concatenate((getattr(self, each.name), getattr(other, each.name)))
            for each in fields(self)
            if each.name not in ("trials", "trial")
        }
        trial = np.concatenate((self.trial, other.trial + len(self.trials)))
        return replace(self, trials=[*self.trials, *other.trials], trial=trial, **columns)


def dataset_of(recording: Recording) -> str:
    """The data set that a recording is of; its path, where it does not say."""
    return recording.meta.source or recording.source


def trial_of(recording: Recording, judged: Survey) -> Trial:
    """What is known of a recording that was found usable.

    Raises:
        RecordingError: it cannot be read.
    """
    clock, dataset = judged.clock, dataset_of(recording)
    what = truth(recording.meta, recording.blocks(), clock.rate_hz, nominal=clock.kind == "nominal")
    who = person(dataset, recording.meta.subject)
    return Trial(dataset, who, recording.meta, what, judged.duration_s / 3600)


def _as_it_is(recording: Recording) -> Recording:
    return recording


Alter = Callable[[Recording], Recording]


def extract(
    paths: Iterable[str], progress: Callable[[str], None], alter: Alter = _as_it_is, who: Executor | None = None
) -> Table:
    """Every candidate of every usable recording.

    Args:
        paths: archives or folders of them.
        progress: told a line for each archive.
        alter: what to take instead of a recording.
        who: looks at the recordings; None: this process.

    Raises:
        FalldError: there is none.
    """
    paths = list(paths)
    who = who or Here()
    trials: list[Trial] = []
    number: list[int] = []
    parts: list[_Extracted] = []
    before = 0, 0
    for found in in_order(_promises(paths, alter, who), who.ahead):
        if isinstance(found, _End):
            progress(f"{found.path}: {len(trials) - before[0]} recordings, {len(number) - before[1]} candidates")
            before = len(trials), len(number)
            continue
        for one in found:
            if isinstance(one, FalldError):
                progress(f"left out: {one}")
                continue
            number += [len(trials)] * len(one.t)
            trials.append(one.trial)
            parts.append(one)
    if not number:
        what = "no impact in any usable recording"
        raise FalldError(", ".join(paths) or "no archive", what, "name archives with falls and other activities")
    columns = {
        each.name: np.concatenate([getattr(part, each.name) for part in parts])
        for each in fields(Table)
        if each.name not in ("trials", "trial")
    }
    return Table(trials, np.array(number, np.int64), **columns)


@dataclass(frozen=True, slots=True)
class _Extracted:
    """The candidates of one recording, as a table has them."""

    trial: Trial
    impact_t: npt.NDArray[np.float64]
    t: npt.NDArray[np.float64]
    acc: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]
    hit: npt.NDArray[np.bool_]
    walk_t: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _End:
    path: str


def _promises(
    paths: Sequence[str], alter: Alter, who: Executor
) -> Iterator[Promise[_End | Sequence[_Extracted | FalldError]]]:
    """Of each path what was found in its recordings, and then its end."""
    for path in paths:
        for group in grouped(open_paths([path])):
            yield from _started(group, alter, who)
        yield Known(_End(path))


def _started(
    group: list[Filed | Unusable], alter: Alter, who: Executor
) -> Iterator[Promise[Sequence[_Extracted | FalldError]]]:
    batch: Batch[Alter] = Batch(alter, [], [])
    for one in group:
        try:
            if isinstance(one, Unusable):
                raise one.error
            batch.digests.append(one.digest())
            batch.recordings.append(one)
        except RecordingError as error:
            yield Known([error])
    if batch.recordings:
        yield start(who, extract_batch, batch)


def extract_batch(batch: Batch[Alter]) -> list[_Extracted | FalldError]:
    """What is found in each recording, or why it is left out."""
    found: list[_Extracted | FalldError] = []
    for one in batch.checked():
        try:
            found.append(_extracted(batch.how(one)))
        except RecordingError as error:
            found.append(error)
    return found


def _extracted(recording: Recording) -> _Extracted:
    judged = survey(recording)
    trial = trial_of(recording, judged)
    truth, clock = trial.truth, judged.clock
    rows: list[tuple[float, float, int, bool, float]] = []
    windows = [np.empty((0, PRE + 1 + POST, 3), np.float32)]
    for item, walk_t in _followed(Scout(clock), recording):
        windows.append(item.windows.acc)
        for impact_t, t, walked in zip(item.impact_t.tolist(), item.t.tolist(), walk_t, strict=True):
            whole = teaches(truth, impact_t, incomplete=item.incomplete, clock=clock.kind)
            rows.append((impact_t, t, truth.label(impact_t) if whole else -1, truth.hit(impact_t, t), walked))
    impact_ts, ts, labels, hits, walks_ts = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return _Extracted(
        trial,
        np.array(impact_ts, np.float64),
        np.array(ts, np.float64),
        np.concatenate(windows),
        np.array(labels, np.int64),
        np.array(hits, bool),
        np.array(walks_ts, np.float64),
    )


def _followed(scout: Scout, recording: Recording) -> list[tuple[Candidates, list[float]]]:
    """The candidates of a recording, each batch with when its wearers were seen to walk again."""
    found: list[tuple[Candidates, list[float]]] = []
    segment: list[tuple[Candidates, list[float]]] = []
    looks: list[Looks] = []
    for item in [e for block in recording.blocks() for e in scout.feed(block)] + scout.finish():
        if isinstance(item, Candidates):
            segment.append((item, []))
        elif isinstance(item, Looks):
            looks.append(item)
        elif isinstance(item, End):
            for candidates, walk_t in segment:
                walk_t += [_walk_t(candidates, i, looks, recording.meta.placement) for i in range(len(candidates))]
            found += segment
            segment, looks = [], []
    return found


def _walk_t(candidates: Candidates, i: int, looks: list[Looks], placement: str) -> float:
    at = int(candidates.at[i])
    stood = stance(placement, candidates.windows.acc[i])
    for look in looks:
        near = (look.done >= candidates.done[i]) & (look.done <= at + WAIT) & look.walking
        for j in np.flatnonzero(near).tolist():
            if walks(look, j, at, stood):
                return float(look.t[j])
    return float("inf")
