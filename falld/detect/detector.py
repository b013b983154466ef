"""The detector: blocks of samples in, falls and gaps out. Pure: no clock, no thread, no I/O."""

from __future__ import annotations

from falld.detect.bundle import Bundle
from falld.detect.events import Decision, Event, Gap
from falld.detect.explain import explain
from falld.detect.features import features
from falld.detect.scout import Candidates, Scout
from falld.detect.state import pack, unpack
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
        self._last_fall_t = -float("inf")
        if state is not None:
            saved = unpack(state, bundle.name)
            self._scout.restore(saved["scout"])
            self._last_fall_t = saved["last_fall_t"]

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
        return pack({"scout": self._scout.dump(), "last_fall_t": self._last_fall_t}, self._bundle.name)

    def _judge(self, found: list[Candidates | Gap]) -> list[Event]:
        events: list[Event] = []
        for item in found:
            if isinstance(item, Gap):
                events.append(item)
            else:
                events += self._decide(item)
        return events

    def _decide(self, found: Candidates) -> list[Event]:
        events: list[Event] = []
        rows, _ = features(found.windows, self._placement)
        for i, row in enumerate(rows):
            probability = self._bundle.probability(row)
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
            if self._candidates:
                events.append(candidate)
            if probability >= self._threshold and t >= self._last_fall_t + REFRACTORY_S:
                self._last_fall_t = t
                events.append(candidate.as_fall(explain(found.windows.acc[i])))
        return events
