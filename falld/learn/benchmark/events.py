"""What a method found in all recordings, held against what happened there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from falld.learn.baselines.method import Features, Found, Learner, Method, Said
from falld.learn.baselines.scouted import Fit, FollowsUp, Scouted
from falld.learn.baselines.trace import Floats, Indices, Mask
from falld.learn.extract import Table, Trial
from falld.learn.score import RECOVERED_S
from falld.learn.truth import EARLY_S, LATE_S

RESPONDER_LATE_S = 40.0
"""What a responder hears counts as about a fall for this long after its impact."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events of many recordings, in order of trial, then `t`."""

    trial: Indices
    """(c,) which trial each is of."""
    impact_t: Floats
    t: Floats
    score: Floats
    hit: Mask
    """(c,) it would be about the trial's fall."""
    delay: Floats
    """(c,) seconds from the impact to `t`; NaN where nobody fell."""
    label: Indices
    """(c,) what it teaches: 1 a fall's impact, 0 none, -1 nothing."""


@dataclass
class Gathered:
    """The events of one method."""

    method: Method | Scouted
    candidates: Events
    """Those with a score below the method's threshold as well."""
    falls: Events | None = None
    """What a method with a mind of its own said; None: those candidates that reach its threshold."""
    heard: Events | None = None
    """What a responder would hear, where such a method can take a fall back or confirm one."""
    study: Callable[[], Fit] | None = None
    """Of a method that learns, what is common to all folds."""
    alarms: Callable[[Floats, Mask], tuple[Mask, Mask]] | None = None
    """Of one that chooses its own thresholds: by scores and tuned trials, what it tells and what a responder hears."""
    back: Mask | None = None
    """(c,) which candidates such a one takes back before a responder hears of them."""
    key: str = ""
    """A digest of all that the candidates were made of, if results are kept."""


def events(trials: Sequence[Trial], found: Sequence[Found], late_s: float = LATE_S) -> Events:
    """What was found in each trial as one."""
    number = np.repeat(np.arange(len(trials)), [len(one.t) for one in found])
    impact_t, t, score = (
        np.concatenate([np.empty(0), *(getattr(one, name) for one in found)]) for name in ("impact_t", "t", "score")
    )
    truths = [trials[i].truth for i in number.tolist()]
    label = np.array([truth.label(at) for truth, at in zip(truths, impact_t.tolist(), strict=True)], np.int64)
    return Events(number, impact_t, t, score, *_about(trials, number, impact_t, t, late_s), label)


def _about(trials: Sequence[Trial], number: Indices, impact_t: Floats, t: Floats, late_s: float) -> tuple[Mask, Floats]:
    """Whether each would be a hit, and its delay."""
    impact = np.array([np.nan if trial.truth.impact_s is None else trial.truth.impact_s for trial in trials])[number]
    return (impact_t >= impact - EARLY_S) & (t <= impact + late_s), t - impact


def gather(method: Method, trials: Sequence[Trial], found: Sequence[Found], key: str) -> Gathered:
    """The events of a method that looks at recordings.

    Args:
        method: which.
        trials: (n,).
        found: what it found in each.
        key: a digest of what that was made of.
    """
    gathered = Gathered(method, events(trials, found), key=key)
    said = [one.said for one in found if one.said is not None]
    if said:
        gathered.falls = events(trials, [_found([one for one in each if one.kind == "fall"]) for each in said])
        gathered.heard = events(trials, [responder_hears(each) for each in said], RESPONDER_LATE_S)
    features = [one.features for one in found if one.features is not None]
    if isinstance(method, Learner) and features:
        gathered.study = partial(_learner, method, gathered.candidates, np.concatenate(features))
    return gathered


def _learner(method: Learner, candidates: Events, features: Features) -> Fit:
    def fit(train: Mask) -> Floats:
        taught = train[candidates.trial] & (candidates.label >= 0)
        return method.fit(features[taught], candidates.label[taught]).score(features)

    return fit


def scouted(method: Scouted, table: Table, key: str) -> Gathered:
    """The events of a method that is shown the candidates."""
    unknown = np.zeros(len(table.trial))
    hit, delay = _about(table.trials, table.trial, table.impact_t, table.t, LATE_S)
    candidates = Events(table.trial, table.impact_t, table.t, unknown, hit, delay, table.label)
    gathered = Gathered(method, candidates, study=partial(method.study, table), key=key)
    if isinstance(method, FollowsUp):
        gathered.alarms, gathered.back = partial(method.alarms, table), method.taken_back(table)
    return gathered


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
