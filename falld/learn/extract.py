"""Recordings to candidates, by the very code that runs in a home."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from falld.detect.gate import Candidates, End
from falld.detect.scout import Scout
from falld.detect.walk import Looks
from falld.detect.watch import WAIT, stance, walks
from falld.errors import FalldError
from falld.learn.groups import person
from falld.learn.truth import Truth, teaches, truth
from falld.samples.catalogue import open_paths
from falld.samples.recording import Meta, Recording, RecordingError, Unusable
from falld.samples.survey import Survey, survey


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


def extract(
    paths: Iterable[str], progress: Callable[[str], None], alter: Callable[[Recording], Recording] = _as_it_is
) -> Table:
    """Every candidate of every usable recording.

    Args:
        paths: archives or folders of them.
        progress: told a line for each archive.
        alter: what to take instead of a recording.

    Raises:
        FalldError: there is none.
    """
    paths = list(paths)
    trials: list[Trial] = []
    rows: list[tuple[int, float, float, int, bool, float]] = []
    windows: list[npt.NDArray[np.float32]] = []
    for path in paths:
        before = len(trials), len(rows)
        for one in open_paths([path]):
            if isinstance(one, Unusable):
                progress(f"left out: {one.error}")
                continue
            try:
                recording = alter(one)
                judged = survey(recording)
            except RecordingError as error:
                progress(f"left out: {error}")
                continue
            clock = judged.clock
            trials.append(trial_of(recording, judged))
            found = trials[-1].truth
            scout = Scout(clock)
            for item, walk_t in _followed(scout, recording):
                windows.append(item.windows.acc)
                for impact_t, t, walked in zip(item.impact_t.tolist(), item.t.tolist(), walk_t, strict=True):
                    whole = teaches(found, impact_t, incomplete=item.incomplete, clock=clock.kind)
                    label = found.label(impact_t) if whole else -1
                    rows.append((len(trials) - 1, impact_t, t, label, found.hit(impact_t, t), walked))
        progress(f"{path}: {len(trials) - before[0]} recordings, {len(rows) - before[1]} candidates")
    if not rows:
        what = "no impact in any usable recording"
        raise FalldError(", ".join(paths) or "no archive", what, "name archives with falls and other activities")
    columns = list(zip(*rows, strict=True))
    return Table(
        trials,
        np.array(columns[0], np.int64),
        np.array(columns[1]),
        np.array(columns[2]),
        np.concatenate(windows),
        np.array(columns[3], np.int64),
        np.array(columns[4], bool),
        np.array(columns[5]),
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
