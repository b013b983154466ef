"""What becomes of somebody after an impact: up and walking again, or not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from falld.detect.events import Decision
from falld.detect.explain import before_impact
from falld.detect.walk import LENGTH, Looks
from falld.samples.recording import TRUNK

WAIT = 1500
"""30 s of watching after an impact: who walks by then needs no help, who does not may."""
_SETTLED = 125
"""A look must begin 2.5 s after the impact: before, the fall itself may still swing."""
_UPRIGHT = 0.7
"""Cosine between gravity before the impact and while walking: 45 degrees."""

Vector = list[float]


def stance(placement: str, window: npt.NDArray[np.float32]) -> Vector | None:
    """How the wearer stood before the impact, to be held against how they walk later.

    Args:
        placement: where the wearable sits.
        window: (PRE + 1 + POST, 3) in g.

    Returns:
        Mean acceleration in g, or None where the placement does not show the posture.
    """
    found: Vector = before_impact(window).tolist()
    return found if placement in TRUNK else None


def walks(looks: Looks, i: int, at: int, stood: Vector | None) -> bool:
    """Whether look `i` shows somebody up and walking after an impact.

    Args:
        looks: of the impact's segment.
        i: which of them.
        at: number of the impact's point in the segment.
        stood: what `stance` gave.
    """
    if looks.done[i] < at + _SETTLED + LENGTH or not looks.walking[i]:
        return False
    if stood is None:
        return True
    now: Vector = looks.posture[i].tolist()
    return _dot(now, stood) > _UPRIGHT * math.sqrt(_dot(now, now) * _dot(stood, stood))


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@dataclass(frozen=True, slots=True)
class Watch:
    """An impact that is followed up."""

    decision: Decision
    """A `fall`, or a doubtful `candidate`, of which nothing was said yet."""
    at: int
    """Number of its point in the segment."""
    stood: Vector | None
    silent: bool = False
    """A doubtful one that nobody is to hear of: followed up only to know what would have been told."""

    @property
    def doubtful(self) -> bool:
        return self.decision.event == "candidate"

    def confirmed(self, t: float, *, incomplete: bool) -> Decision:
        """The doubtful candidate is certain now: nobody walked."""
        cut = incomplete or self.decision.incomplete
        return replace(self.decision, event="confirmed", t=t, why=f"{self.decision.why}, not up since", incomplete=cut)


@dataclass(frozen=True, slots=True)
class Ended:
    """A watch is over."""

    watch: Watch
    t: float
    """When that was known."""
    walked: bool
    incomplete: bool = False
    """Cut off before its time."""

    @property
    def said(self) -> Decision | None:
        """What is to be told of it."""
        if self.walked and not self.watch.doubtful:
            return replace(self.watch.decision, event="recovered", t=self.t, why="up and walking")
        if not self.walked and self.watch.doubtful and not self.watch.silent:
            return self.watch.confirmed(self.t, incomplete=self.incomplete)
        return None


@dataclass
class Watches:
    """All impacts that are followed up in a segment."""

    active: list[Watch] = field(default_factory=list)

    def busy(self, since: float, *, silent: bool) -> bool:
        """Whether a further doubtful candidate belongs to an impact that was decided after `since`.

        A silent one hides no other: it makes room.
        """
        near = [watch for watch in self.active if watch.decision.t > since]
        if silent or not all(watch.silent for watch in near):
            return bool(near)
        self.active = [watch for watch in self.active if watch not in near]
        return False

    def begin(self, decision: Decision, at: int, window: npt.NDArray[np.float32], *, silent: bool = False) -> None:
        """Follow up a fall, or a doubtful candidate. A fall makes the doubts before it idle: somebody is told."""
        if decision.event == "fall":
            self.active = [watch for watch in self.active if not watch.doubtful]
        self.active.append(Watch(decision, at, stance(decision.placement, window), silent))

    def see(self, looks: Looks, i: int) -> list[Ended]:
        """What look `i` tells."""
        ended = []
        for watch in self.active:
            walked = walks(looks, i, watch.at, watch.stood)
            if walked or looks.done[i] >= watch.at + WAIT:
                ended.append(Ended(watch, float(looks.t[i]), walked))
        if ended:
            over = [each.watch for each in ended]
            self.active = [watch for watch in self.active if watch not in over]
        return ended

    def cut_off(self, t: float) -> list[Ended]:
        """The segment has ended, which was known at `t`: doubtful ones are decided on what there is."""
        ended = [Ended(watch, t, walked=False, incomplete=True) for watch in self.active]
        self.active = []
        return ended

    def dump(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [
            {
                "decision": {name: getattr(watch.decision, name) for name in Decision.__slots__},
                "at": watch.at,
                "stood": watch.stood,
                "silent": watch.silent,
            }
            for watch in self.active
        ]

    @classmethod
    def restore(cls, saved: list[dict[str, Any]]) -> Watches:
        """What `dump` gave."""
        return cls(
            [Watch(Decision(**watch["decision"]), watch["at"], watch["stood"], watch["silent"]) for watch in saved]
        )
