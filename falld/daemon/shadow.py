"""A second detector on a wearable's samples, to be compared with the active one: counted, never alerting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from falld.detect.events import Decision, Event
from falld.errors import FalldError
from falld.samples.clock import Clock
from falld.sensors.source import Ended, Reading, Samples, Silent, Source

if TYPE_CHECKING:
    from falld.daemon.wearable import Detecting

COUNTED = ("fall", "confirmed", "recovered")


class Shadow:
    """That of one wearable.

    Args:
        model: name of its bundle.
        make: its detector for a source; raises a FalldError where there can be none.
        fault: why there is none for any source.
    """

    def __init__(self, model: str, make: Callable[[Source], Detecting], fault: FalldError | None = None) -> None:
        self.model = model
        self.fault = fault
        """Once there is one, nothing more is heard of it."""
        self._make = make
        self._clock: Clock | None = None
        self._detector: Detecting | None = None
        self._counts: Counter[str] = Counter()

    def take(self, reading: Reading, source: Source) -> list[Decision]:
        """What it says to the reading; a failure is kept as `fault`."""
        if self.fault is not None:
            return []
        try:
            events = self._events(reading, source)
        except FalldError as error:
            self.fault, self._detector = error, None
            return []
        decisions = [event for event in events if isinstance(event, Decision) and event.event in COUNTED]
        self._counts.update(decision.event for decision in decisions)
        return decisions

    def health(self) -> dict[str, Any]:
        """What it said so far."""
        counts = {name: self._counts[name] for name in COUNTED}
        return {"model": self.model, **counts, "fault": None if self.fault is None else str(self.fault)}

    def _events(self, reading: Reading, source: Source) -> list[Event]:
        detector = self._detector
        match reading:
            case Samples(block):
                events: list[Event] = []
                if detector is None or self._clock != source.clock:
                    events = [] if detector is None else detector.finish()
                    self._clock = source.clock
                    self._detector = detector = self._make(source)
                return events + detector.feed(block)
            case Silent(t) if detector is not None:
                deadline = detector.deadline()
                return detector.advance(deadline) if deadline is not None and deadline <= t else []
            case Ended() if detector is not None:
                return detector.finish()
            case _:
                return []
