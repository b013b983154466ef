"""Wearers through a detector that adapts to them, beside one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from falld.detect.budget import STEPS, Budget
from falld.detect.bundle import Bundle
from falld.detect.events import Decision, Event
from falld.detect.gate import End, Finding
from falld.detect.judge import Judge
from falld.detect.learnt import Learnt
from falld.detect.scout import Scout
from falld.detect.walk import Looks
from falld.learn.extract import Trial, trial_of
from falld.learn.groups import group
from falld.learn.score import RECOVERED_S
from falld.samples.block import Block
from falld.samples.catalogue import open_paths
from falld.samples.recording import Recording, RecordingError, Unusable
from falld.samples.survey import survey

FIRST_S = 3600.0
"""The hour in which no fall may be missed for what adapts."""
_PIECE_S = 60.0
"""Recordings are taken in so much at once, so that the hour has an end in them."""
HEARD_S = 40.0
"""After the impact: what is confirmed by then counts as heard."""
SETTINGS = {"as shipped": (False, False), "calibrated": (True, False), "capped": (False, True), "both": (True, True)}
"""Which calibrates, and which has a budget."""

_MANY = 1000
"""Alarms that are beyond any budget."""

Bundles = Callable[[str], Bundle]
"""By data set."""


@dataclass(frozen=True)
class Scouted:
    """A recording as far as nothing adapts yet."""

    trial: Trial
    findings: list[Finding]

    def pieces(self) -> Iterator[list[Finding]]:
        """Candidates with the looks of their piece of grid, one piece after another."""
        piece: list[Finding] = []
        for item in self.findings:
            piece.append(item)
            if isinstance(item, Looks | End):
                yield piece
                piece = []
        if piece:
            yield piece


@dataclass
class Life:
    """The second half of one wearer's time, and what was learnt until when."""

    told: int = 0
    """`fall` events."""
    heard: int = 0
    """Those that nobody walked away from within 20 s, and what was confirmed."""
    first_hour: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)


@dataclass
class Wearer:
    """One wearer's time under each setting."""

    dataset: str
    person: str
    group: str
    hours: float
    """Of the second half."""
    lives: dict[str, Life]


def scouted(path: str, progress: Callable[[str], None], *, falls: bool) -> Iterator[Scouted]:
    """The usable recordings of an archive in which somebody falls, or those in which nobody does."""
    for recording in open_paths([path]):
        if isinstance(recording, Unusable):
            progress(f"left out: {recording.error}")
        elif bool(recording.meta.is_fall or recording.meta.falls) == falls:
            try:
                yield _scouted(recording)
            except RecordingError as error:
                progress(f"left out: {error}")


def _scouted(recording: Recording) -> Scouted:
    judged = survey(recording)
    scout = Scout(judged.clock)
    rows = round(_PIECE_S * judged.clock.rate_hz)
    found: list[Finding] = []
    for block in recording.blocks():
        for start in range(0, len(block), rows):
            some = slice(start, start + rows)
            found += scout.feed(Block(block.t[some], block.acc[some]))
    found += scout.finish()
    return Scouted(trial_of(recording, judged), [e.settled() if isinstance(e, Looks) else e for e in found])


def has_falls(path: str) -> bool:
    """Whether somebody falls anywhere in an archive, by its index."""
    return any(not isinstance(each, Unusable) and (each.meta.is_fall or each.meta.falls) for each in open_paths([path]))


def wearers(recordings: Iterable[Scouted], bundles: Bundles, budget: float) -> list[Wearer]:
    """Each person at each place, through all settings."""
    by_person: dict[tuple[str, str, str], list[Scouted]] = {}
    for each in recordings:
        by_person.setdefault((each.trial.dataset, each.trial.person, each.trial.meta.placement), []).append(each)
    found = []
    for (dataset, who, placement), own in by_person.items():
        lives = {}
        for name, (calibrate, cap) in SETTINGS.items():
            learnt = Learnt.empty(calibrate=calibrate, budget_per_day=budget if cap else None)
            lives[name] = live(own, bundles(dataset), placement, learnt)
        hours = sum(each.trial.hours for each in own) / 2
        found.append(Wearer(dataset, who, group(placement), hours, lives))
    return found


def live(recordings: Sequence[Scouted], bundle: Bundle, placement: str, learnt: Learnt) -> Life:
    """One wearer's recordings, one after another."""
    life = Life(first_hour=learnt.dump())
    half = sum(each.trial.hours for each in recordings) * 1800
    offset = 0.0
    for each in recordings:
        judge = Judge(bundle, placement, candidates=False, learnt=learnt)
        events: list[Event] = []
        start = each.trial.truth.start_s - offset
        for piece in each.pieces():
            events += judge.judge(piece)
            last = piece[-1]
            if isinstance(last, Looks) and last.t[-1] - start <= FIRST_S:
                life.first_hour = learnt.dump()
        late = [event for event in events if isinstance(event, Decision) and event.t - start >= half]
        life.told += sum(event.event == "fall" for event in late)
        life.heard += len(audible(late))
        offset += each.trial.hours * 3600
    life.end = learnt.dump()
    return life


def audible(events: Sequence[Decision]) -> list[Decision]:
    """What a responder hears of these."""
    up = {event.impact_t: event.t for event in events if event.event == "recovered"}
    return [
        event
        for event in events
        if event.event == "confirmed"
        or (event.event == "fall" and up.get(event.impact_t, float("inf")) > event.t + RECOVERED_S)
    ]


def raised(learnt: dict[str, Any], per_day: float) -> int:
    """Steps that a dumped budget of so many alarms raises the limits by."""
    budget = Budget(per_day)
    budget.restore(learnt["budget"])
    return budget.raised


def raised_by(steps: int) -> dict[str, Any]:
    """What is learnt of somebody so restless that the limits rise by this much."""
    budget = Budget(1.0)
    for i in range(_MANY):
        budget.count(float(i), 0.5, [0.0] * steps + [1.0] * (STEPS + 1 - steps))
    return Learnt(None, budget).dump()


def catch(fall: Scouted, bundle: Bundle, state: dict[str, Any] | None, budget: float) -> tuple[bool, bool]:
    """Whether a fall is told at once, and whether it is told or confirmed, by a detector that has learnt this."""
    learnt = Learnt.empty(calibrate=False, budget_per_day=None if state is None else budget)
    if state is not None:
        learnt.restore(state)
    judge = Judge(bundle, fall.trial.meta.placement, candidates=False, learnt=learnt)
    told = [event for event in judge.judge(fall.findings) if isinstance(event, Decision)]
    truth = fall.trial.truth
    at_once = any(event.event == "fall" and truth.hit(event.impact_t, event.t) for event in told)
    early = HEARD_S - 10.0
    return at_once, at_once or any(
        event.event in ("fall", "confirmed") and truth.hit(event.impact_t, event.t - early) for event in told
    )
