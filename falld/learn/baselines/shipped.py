"""A bundle under the rule of the published methods: streamed through the detector that runs in a home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision
from falld.learn.baselines.method import Found, Said
from falld.learn.baselines.trace import Trace
from falld.replay.tasks import same_bundle


@dataclass(frozen=True, slots=True)
class Shipped:
    """A bundle with its own thresholds."""

    bundle: Bundle
    sums: str = ""
    """The checksums of its files."""
    folder: str = ""
    """Where they are, absolute; needed where it is to be given to another process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.folder, self.sums)

    @property
    def name(self) -> str:
        return self.bundle.name

    @property
    def source(self) -> str:
        """Which bundle, and which of the data sets it was trained on, as its card says."""
        taught = self.bundle.card.get("trained_on")
        if not isinstance(taught, dict):
            return f"falld's bundle {self.name}; its card does not say what it was trained on."
        return f"falld's bundle {self.name}, trained on {', '.join(sorted(taught))}."

    def taught_on(self, datasets: set[str]) -> set[str]:
        """Those of the data sets whose people the bundle saw, or all where its card does not say."""
        taught = self.bundle.card.get("trained_on")
        return datasets & set(taught) if isinstance(taught, dict) else datasets

    def threshold(self, placement: str) -> float:
        return self.bundle.threshold(placement)

    def found(self, trace: Trace) -> Found:
        detector = Detector(self.bundle, trace.clock, trace.placement, candidates=True)
        events = [event for block in trace.recording.blocks() for event in detector.feed(block)]
        decisions = [event for event in [*events, *detector.finish()] if isinstance(event, Decision)]
        judged = [decision for decision in decisions if decision.event == "candidate"]
        said = tuple(Said(d.event, d.impact_t, d.t) for d in decisions if d.event != "candidate")
        impact_t, t, score = (
            np.array([getattr(decision, name) for decision in judged], np.float64)
            for name in ("impact_t", "t", "probability")
        )
        return Found(impact_t, t, score, said=said)


def _arrived(folder: str, sums: str) -> Shipped:
    return Shipped(same_bundle(folder, sums), sums, folder)
