"""One pass over the recordings: what happened in each, and what every method found there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from falld.errors import FalldError
from falld.learn.baselines.method import Features, Found, Method, Said
from falld.learn.baselines.trace import Floats, Trace, trace
from falld.learn.benchmark.aftermath import aftermath
from falld.learn.extract import Trial, dataset_of, trial_of
from falld.learn.score import RECOVERED_S
from falld.learn.truth import EARLY_S, LATE_S
from falld.samples.catalogue import open_paths
from falld.samples.recording import Recording, RecordingError, Unusable
from falld.samples.survey import survey

RESPONDER_LATE_S = 40.0
"""What a responder hears counts as about a fall for this long after its impact."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events of many recordings, in order of trial, then `t`."""

    trial: npt.NDArray[np.int64]
    """(c,) which trial each is of."""
    impact_t: Floats
    t: Floats
    score: Floats
    hit: npt.NDArray[np.bool_]
    """(c,) it would be about the trial's fall."""
    delay: Floats
    """(c,) seconds from the impact to `t`; NaN where nobody fell."""
    label: npt.NDArray[np.int64]
    """(c,) what it teaches: 1 a fall's impact, 0 none, -1 nothing."""
    features: Features | None = None


@dataclass
class Gathered:
    """The events of one method."""

    method: Method
    candidates: Events
    """Those with a score below the method's threshold as well."""
    falls: Events | None
    """Where the method has a mind of its own: what it said, else those candidates that reach its threshold."""
    heard: Events | None
    """What a responder would hear, where the method can take a fall back or confirm one."""


@dataclass
class Harvest:
    """Trials and events."""

    trials: list[Trial]
    aftermath: list[str]
    """Of each trial: `stays down`, `walks away`, `cannot be told`; empty where nobody fell."""
    methods: list[Gathered]
    left_out: list[str]


@dataclass
class _Collector:
    """Events of one method while they come in."""

    late_s: float
    rows: list[tuple[npt.NDArray[np.int64], Floats, Floats, Floats, npt.NDArray[np.bool_], Floats]] = field(
        default_factory=list
    )
    labels: list[npt.NDArray[np.int64]] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)

    def add(self, number: int, trial: Trial, found: Found) -> None:
        impact = np.nan if trial.truth.impact_s is None else trial.truth.impact_s
        hit = (found.impact_t >= impact - EARLY_S) & (found.t <= impact + self.late_s)
        index = np.full(len(found.t), number, np.int64)
        self.rows.append((index, found.impact_t, found.t, found.score, hit, found.t - impact))
        self.labels.append(np.array([trial.truth.label(at) for at in found.impact_t.tolist()], np.int64))
        if found.features is not None:
            self.features.append(found.features)

    def events(self) -> Events:
        columns = [np.concatenate(column) for column in zip(*self.rows, strict=True)]
        trial, impact_t, t, score, hit, delay = columns
        features = np.concatenate(self.features) if self.features else None
        return Events(trial, impact_t, t, score, hit, delay, np.concatenate(self.labels), features)


def harvest(
    paths: Iterable[str],
    methods: Sequence[Method],
    progress: Callable[[str], None],
    *,
    only: Sequence[str] = (),
) -> Harvest:
    """Run every method over every usable recording.

    Args:
        paths: recordings, archives, or folders of them.
        methods: at least one.
        progress: told a line for each path.
        only: data sets to keep to; all, if empty.

    Raises:
        FalldError: there is nothing to judge.
    """
    found = Harvest([], [], [], [])
    candidates = [_Collector(LATE_S) for _ in methods]
    falls = [_Collector(LATE_S) for _ in methods]
    heard = [_Collector(RESPONDER_LATE_S) for _ in methods]
    for path in paths:
        before = len(found.trials)
        for recording in open_paths([path]):
            if isinstance(recording, Unusable):
                found.left_out.append(str(recording.error))
                continue
            if only and dataset_of(recording) not in only:
                continue
            try:
                trial, course = _open(recording)
            except RecordingError as error:
                found.left_out.append(str(error))
                continue
            number = len(found.trials)
            found.trials.append(trial)
            found.aftermath.append(aftermath(course, trial.truth.impact_s))
            for i, method in enumerate(methods):
                one = method.found(course)
                candidates[i].add(number, trial, one)
                if one.said is not None:
                    falls[i].add(number, trial, _falls(one.said))
                    heard[i].add(number, trial, responder_hears(one.said))
        progress(f"{path}: {len(found.trials) - before} recordings")
    if not found.trials:
        raise FalldError(", ".join(paths), "holds no recording to judge", "name other data, or look at --only")
    for method, all_of_them, said, told in zip(methods, candidates, falls, heard, strict=True):
        spoken = bool(said.rows)
        found.methods.append(
            Gathered(method, all_of_them.events(), said.events() if spoken else None, told.events() if spoken else None)
        )
    return found


def _open(recording: Recording) -> tuple[Trial, Trace]:
    judged = survey(recording)
    return trial_of(recording, judged), trace(recording, judged.clock)


def _falls(said: Sequence[Said]) -> Found:
    return _found([one for one in said if one.kind == "fall"])


def responder_hears(said: Sequence[Said]) -> Found:
    """Each `fall` that no `recovered` takes back within `RECOVERED_S` of its `t`, and each `confirmed`."""
    recovered = [one for one in said if one.kind == "recovered"]

    def taken_back(fall: Said) -> bool:
        return any(one.impact_t == fall.impact_t and fall.t <= one.t <= fall.t + RECOVERED_S for one in recovered)

    return _found([one for one in said if one.kind == "confirmed" or (one.kind == "fall" and not taken_back(one))])


def _found(said: Sequence[Said]) -> Found:
    ordered = sorted(said, key=lambda one: (one.t, one.impact_t))
    return Found(
        np.array([one.impact_t for one in ordered], np.float64),
        np.array([one.t for one in ordered], np.float64),
        np.ones(len(ordered)),
    )
