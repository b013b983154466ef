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
    if not looks.walking[i] or looks.done[i] < at + _SETTLED + LENGTH:
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

    @property
    def doubtful(self) -> bool:
        return self.decision.event == "candidate"

    def confirmed(self, t: float, *, incomplete: bool) -> Decision:
        """The doubtful candidate is certain now: nobody walked."""
        cut = incomplete or self.decision.incomplete
        return replace(self.decision, event="confirmed", t=t, why=f"{self.decision.why}, not up since", incomplete=cut)


@dataclass
class Watches:
    """All impacts that are followed up in a segment."""

    active: list[Watch] = field(default_factory=list)

    def begin(self, decision: Decision, at: int, window: npt.NDArray[np.float32]) -> None:
        """Follow up a fall, or a doubtful candidate. A fall makes the doubts before it idle: somebody is told."""
        if decision.event == "fall":
            self.active = [watch for watch in self.active if not watch.doubtful]
        self.active.append(Watch(decision, at, stance(decision.placement, window)))

    def see(self, looks: Looks, start: int, stop: int) -> list[Decision]:
        """What looks `start` to `stop` tell."""
        said: list[Decision] = []
        for i in range(start, stop):
            if not self.active:
                break
            t = float(looks.t[i])
            for watch in list(self.active):
                if walks(looks, i, watch.at, watch.stood):
                    self.active.remove(watch)
                    if not watch.doubtful:
                        said.append(replace(watch.decision, event="recovered", t=t, why="up and walking"))
                elif looks.done[i] >= watch.at + WAIT:
                    self.active.remove(watch)
                    if watch.doubtful:
                        said.append(watch.confirmed(t, incomplete=False))
        return said

    def cut_off(self, t: float) -> list[Decision]:
        """The segment has ended, which was known at `t`: doubtful ones are decided on what there is."""
        said = [watch.confirmed(t, incomplete=True) for watch in self.active if watch.doubtful]
        self.active = []
        return said

    def dump(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [
            {"decision": {name: getattr(w.decision, name) for name in Decision.__slots__}, "at": w.at, "stood": w.stood}
            for w in self.active
        ]

    @classmethod
    def restore(cls, saved: list[dict[str, Any]]) -> Watches:
        """What `dump` gave."""
        return cls([Watch(Decision(**watch["decision"]), watch["at"], watch["stood"]) for watch in saved])
