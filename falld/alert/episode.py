"""One alert as the home knows it, and the table of what can happen to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from falld.alert.draft import Answer, Draft, Kind, Withdrawal, Word

State = Literal["suspected", "quiet", "raised", "closed"]
"""Of an alert at home. Open is suspected (will be raised at its deadline) or raised (until a person closes it);
quiet is withdrawn before it was raised."""
Event = Literal["due", "cancel", "recovery", "call", "same_fall", "further_fall", "close"]
"""`call`: the wearer presses help, or a test alarm is asked for again. `same_fall`: another wearable saw it too."""

TRANSITIONS: Mapping[tuple[State, Event], tuple[Word | None, State]] = {
    ("suspected", "due"): ("raised", "raised"),
    ("suspected", "cancel"): ("cancelled", "quiet"),
    ("suspected", "recovery"): ("recovered", "quiet"),
    ("suspected", "call"): ("raised", "raised"),
    ("suspected", "same_fall"): ("note", "suspected"),
    ("suspected", "further_fall"): ("note", "suspected"),
    ("suspected", "close"): (None, "closed"),
    ("quiet", "same_fall"): ("note", "quiet"),
    ("quiet", "further_fall"): ("note", "suspected"),
    ("quiet", "close"): (None, "closed"),
    ("raised", "cancel"): ("cancelled", "raised"),
    ("raised", "recovery"): ("recovered", "raised"),
    ("raised", "call"): ("note", "raised"),
    ("raised", "same_fall"): ("note", "raised"),
    ("raised", "further_fall"): ("note", "raised"),
    ("raised", "close"): (None, "closed"),
}
"""(state, event) to (message, next state); what is not here does nothing. Every alert begins with the message
`suspected`, in the state of that name; to enter that state, also from quiet, sets the deadline."""

SAME_FALL_S = 30.0
"""Impacts of one wearer's wearables so close are one fall."""
FURTHER_FALL_S = 60.0
"""An impact so soon after the last belongs to the same alert, also to a quiet one."""
SAME_IMPACT_S = 1.0
"""Two reports of one wearable so close are one impact: a `confirmed` after its `fall` has the same impact time."""
REMEMBER_S = FURTHER_FALL_S + 60.0
"""After its last impact a quiet or closed alert is known for so long: a further fall may come 60 s later, and the
report of it another 40 s (the slowest decision) and a stalled link later."""
REPORTS = 64
"""Reports of an alert that are remembered; an alert that stays open for days would gather more. Two
wearables with a fall every 4 s give 60 in REMEMBER_S."""
SOURCES = 8
"""Wearables that an alert can name; it fits in 8 KiB with them. Reports of a ninth are notes all the same."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a message is about: a fall, or a call without one."""

    boot_id: str
    impact_t: float | None
    probability: float | None
    why: str
    model: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """A wearable said that there was an impact."""

    source: str
    impact_t: float
    fall: int
    """The fall's number within the alert, from 1."""


@dataclass(slots=True)
class Episode:
    """The state of one alert."""

    alert_id: str
    wearer: str
    kind: Kind
    cause: Cause
    """The latest fall by impact, or the call."""
    state: State = "suspected"
    seq: int = 0
    deadline: float | None = None
    raised_t: float | None = None
    begun_t: float = 0.0
    begun_seq: int = 1
    """Time and number of the message that began it, or armed it anew after it was withdrawn."""
    sources: list[str] = field(default_factory=list)
    falls: int = 0
    latest: int = 0
    """The number of the latest fall by impact."""
    reports: list[Report] = field(default_factory=list)
    """Of this boot only."""
    withdrawn: list[Withdrawal] = field(default_factory=list)
    """Said since the last fall or call."""
    response: Answer | None = None
    hub: str | None = None
    by: str | None = None

    @property
    def open(self) -> bool:
        return self.state in ("suspected", "raised")

    def matters(self, now: float) -> bool:
        impact_t = self.cause.impact_t
        return self.open or (impact_t is not None and now - impact_t <= REMEMBER_S)

    def apart(self, cause: Cause) -> float:
        """Seconds between the latest fall and another one; infinite where no clock spans both."""
        if self.cause.impact_t is None or cause.impact_t is None or self.cause.boot_id != cause.boot_id:
            return float("inf")
        return abs(cause.impact_t - self.cause.impact_t)

    def takes(self, cause: Cause) -> bool:
        """Whether a fall belongs to this alert."""
        return self.open or (self.state == "quiet" and self.apart(cause) <= FURTHER_FALL_S)

    def knows(self, source: str, impact_t: float) -> bool:
        """Whether this wearable has reported this impact before."""
        return any(r.source == source and abs(r.impact_t - impact_t) < SAME_IMPACT_S for r in self.reports)

    def is_latest(self, source: str, cause: Cause) -> bool:
        """Whether this is the latest fall, seen by another wearable."""
        reported = any(r.source == source and r.fall == self.latest for r in self.reports)
        return self.apart(cause) <= SAME_FALL_S and not reported

    def recovery_counts(self, impact_t: float) -> bool:
        """Whether the recovery from this impact is one from the latest fall; in doubt, no."""
        nearest = min(self.reports, key=lambda r: (abs(r.impact_t - impact_t), r.fall == self.latest), default=None)
        return nearest is not None and nearest.fall == self.latest and abs(nearest.impact_t - impact_t) <= SAME_FALL_S

    def report(self, source: str, cause: Cause, *, further: bool) -> None:
        """Remember what a wearable said, as a further fall or as the latest one seen once more."""
        assert cause.impact_t is not None
        fall = self.latest
        if further:
            self.falls += 1
            fall = self.falls
            self.withdrawn = []
            known = self.apart(cause) < float("inf")
            if not known or cause.impact_t >= (self.cause.impact_t or 0.0):
                self.cause, self.latest = cause, fall
        self.reports = [*self.reports, Report(source, cause.impact_t, fall)][-REPORTS:]
        self.name_source(source)

    def name_source(self, source: str | None) -> None:
        if source is not None and source not in self.sources and len(self.sources) < SOURCES:
            self.sources.append(source)

    def enter(self, state: State, now: float, raise_after_s: float) -> None:
        if self.seq == 0:
            self.begun_t = now
        if state != self.state or self.seq == 0:
            self.deadline = now + raise_after_s if state == "suspected" else None
            self.raised_t = now if state == "raised" else None
        self.state = state

    def arm(self, now: float) -> None:
        """A fall or call, whose message comes next: what the wearer withdrew before counts no more."""
        if self.withdrawn:
            self.withdrawn = []
            self.begun_t, self.begun_seq = now, self.seq + 1

    def draft(self, word: Word, now: float, cause: Cause) -> Draft:
        """The next message of this alert."""
        self.seq += 1
        return Draft(
            alert_id=self.alert_id,
            seq=self.seq,
            wearer=self.wearer,
            sources=tuple(self.sources),
            kind=self.kind,
            state=word,
            # To the millisecond, for (now + 20.0) - now is not always 20.0.
            raise_after_s=None if self.deadline is None else round(max(self.deadline - now, 0.0), 3),
            boot_id=cause.boot_id,
            impact_t=cause.impact_t,
            probability=cause.probability,
            why=cause.why,
            model=cause.model,
            falls=self.falls or None,
        )

    def survive_reboot(self, now: float) -> None:
        """Keep what a reboot leaves: no time of before can be compared, and the home may have died in the fall."""
        self.reports = []
        self.begun_t = now
        if self.state == "suspected":
            self.deadline = now
        else:
            self.raised_t = now
