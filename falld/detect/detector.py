"""The detector: blocks of samples in, falls and gaps out. Pure: no clock, no thread, no I/O."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falld.detect.bundle import Bundle
from falld.detect.events import Decision, Event, Gap
from falld.detect.explain import explain
from falld.detect.features import features
from falld.detect.scout import Candidates, End, Finding, Scout
from falld.detect.state import pack, unpack
from falld.detect.walk import Looks
from falld.detect.watch import Watches
from falld.samples.block import Block
from falld.samples.clock import Clock

REFRACTORY_S = 10.0
"""After a `fall`, further impacts for this long belong to it: rebounds, and the first attempts to get up."""


class Detector:
    """One wearable's detector. The events do not depend on how its stream was cut into blocks.

    Args:
        bundle: the classifier.
        clock: what the stream's stamps are worth.
        placement: where the wearable sits.
        candidates: also tell of every impact that was judged.
        state: what `save` gave, to go on from there.

    Raises:
        StateError: the state cannot be gone on with.
    """

    def __init__(
        self, bundle: Bundle, clock: Clock, placement: str, *, candidates: bool = False, state: bytes | None = None
    ) -> None:
        self._bundle = bundle
        self._placement = placement
        self._threshold = bundle.threshold(placement)
        self._candidates = candidates
        self._scout = Scout(clock)
        self._doubt = bundle.doubt(placement)
        self._last_fall_t = -float("inf")
        self._watches = Watches()
        if state is not None:
            saved = unpack(state, bundle.name)
            self._scout.restore(saved["scout"])
            self._last_fall_t = saved["last_fall_t"]
            self._watches = Watches.restore(saved["watches"])

    @property
    def filled(self) -> int:
        """Grid samples interpolated over missing ones so far."""
        return self._scout.filled

    def feed(self, block: Block) -> list[Event]:
        """The next samples; what they decide, in order of `t`."""
        return self._judge(self._scout.feed(block))

    def advance(self, t: float) -> list[Event]:
        """No sample came until stream time `t`: what waited for one too long is decided on what there is."""
        return self._judge(self._scout.advance(t))

    def deadline(self) -> float | None:
        """The stream time at which `advance` decides something, if no sample comes."""
        return self._scout.deadline()

    def finish(self) -> list[Event]:
        """The stream has ended; what waits is decided on what there is."""
        return self._judge(self._scout.finish())

    def save(self) -> bytes:
        """The state, to be given to another detector with the same bundle."""
        state = {
            "scout": self._scout.dump(),
            "last_fall_t": self._last_fall_t,
            "watches": self._watches.dump(),
        }
        return pack(state, self._bundle.name)

    def _judge(self, found: list[Finding]) -> list[Event]:
        """What the findings come to. Candidates and looks of one piece of grid are taken by their last points."""
        events: list[Event] = []
        candidates: Candidates | None = None
        for item in found:
            if isinstance(item, Looks):
                events += self._follow(candidates, item)
                candidates = None
                continue
            events += self._follow(candidates, None)
            candidates = item if isinstance(item, Candidates) else None
            if isinstance(item, Gap):
                events.append(item)
            elif isinstance(item, End):
                events += self._watches.cut_off(item.t)
        return events + self._follow(candidates, None)

    def _follow(self, candidates: Candidates | None, looks: Looks | None) -> list[Event]:
        events: list[Event] = []
        seen = 0
        if candidates is not None:
            rows, _ = features(candidates.windows, self._placement)
            for i, row in enumerate(rows):
                if looks is not None:
                    until = int(np.searchsorted(looks.done, candidates.done[i]))
                    events += self._watches.see(looks, seen, until)
                    seen = until
                events += self._decide(candidates, i, self._bundle.probability(row))
        if looks is not None:
            events += self._watches.see(looks, seen, len(looks.done))
        return events

    def _decide(self, found: Candidates, i: int, probability: float) -> list[Event]:
        t = float(found.t[i])
        candidate = Decision(
            event="candidate",
            t=t,
            impact_t=float(found.impact_t[i]),
            probability=probability,
            threshold=self._threshold,
            placement=self._placement,
            model=self._bundle.name,
            incomplete=found.incomplete,
        )
        events: list[Event] = [candidate] if self._candidates else []
        if probability < self._doubt or t < self._last_fall_t + REFRACTORY_S:
            return events
        fall = probability >= self._threshold
        if fall:
            self._last_fall_t = t
        elif any(t < watch.decision.t + REFRACTORY_S for watch in self._watches.active):
            return events
        window = found.windows.acc[i]
        decision = replace(candidate, event="fall" if fall else "candidate", why=explain(window))
        self._watches.begin(decision, int(found.at[i]), window)
        return [*events, decision] if fall else events
