"""One wearable: what its source says goes through its detector, what the detector says to the keeper."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from falld.alert.outbox import OutboxError
from falld.daemon.heard import Heard, Kind, Observer
from falld.daemon.keeper import Keeper
from falld.detect.events import Decision, Event, Gap
from falld.errors import FalldError
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.sensors.source import Button, Ended, Reading, Samples, Silent, Source, TimeMap

State = Literal["starting", "streaming", "silent", "ended", "failed"]

log = logging.getLogger(__name__)


class Detecting(Protocol):
    """What of a detector is used."""

    def feed(self, block: Block) -> list[Event]: ...
    def advance(self, t: float) -> list[Event]: ...
    def deadline(self) -> float | None: ...
    def finish(self) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that can be listened to, with its detector."""

    source: Source
    detector: Detecting
    fault: FalldError | None
    """Why falls may not be found by these two; buttons work all the same."""


Opener = Callable[[], Awaitable[Opened]]


class Wearable:
    """Listens to one wearable until it ends.

    Args:
        wearer: who wears it.
        name: its id in `sources` of an alert.
        now: seconds of CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        wearer: str,
        name: str,
        opener: Opener,
        keeper: Keeper,
        *,
        observer: Observer,
        now: Callable[[], float],
    ) -> None:
        self.wearer = wearer
        self.name = name
        self.state: State = "starting"
        self.fault: FalldError | None = None
        self._open = opener
        self._keeper = keeper
        self._observer = observer
        self._now = now
        self._since = now()
        self._time = TimeMap(0.0, now())
        self._clock: Clock | None = None
        self._samples = 0
        self._last: float | None = None
        self._gaps = 0

    async def run(self) -> None:
        """A wearable that fails is told of and stays failed; the others go on.

        Raises:
            OutboxError: the disk does not do its part.
        """
        try:
            opened = await self._open()
            source = opened.source
            self._clock = source.clock
            told = f"clock {source.clock.kind}, {source.clock.rate_hz:.1f} Hz, {source.placement}"
            self._tell("listening", told, clock=source.clock.kind, placement=source.placement)
            for warning in source.warnings:
                log.warning("wearable %s: %s", self.name, warning)
            if opened.fault is not None:
                self._fail(opened.fault)
            async with contextlib.aclosing(source.readings()) as readings:
                async for reading in readings:
                    self._time = source.time
                    await self._take(reading, opened.detector)
        except OutboxError:
            raise
        except FalldError as error:
            self._enter("failed")
            self._fail(error)

    def health(self) -> dict[str, Any]:
        """What is known of it; `since_s` is for how long it is in its state."""
        return {
            "source": self.name,
            "wearer": self.wearer,
            "state": self.state,
            "since_s": self._now() - self._since,
            "samples": self._samples,
            "last_sample_age_s": None if self._last is None else self._now() - self._last,
            "gaps": self._gaps,
            "clock": None if self._clock is None else self._clock.kind,
            "fault": None if self.fault is None else str(self.fault),
        }

    async def _take(self, reading: Reading, detector: Detecting) -> None:
        match reading:
            case Samples(block):
                self._enter("streaming")
                self._samples += len(block)
                self._last = self._now()
                self._tell("samples", f"{self._samples}", samples=self._samples)
                await self._act(detector.feed(block))
            case Silent(t):
                if self.state != "silent":
                    self._enter("silent")
                    self._tell("silent", "no samples")
                deadline = detector.deadline()
                if deadline is not None and deadline <= t:
                    # As at the deadline itself, so that an event does not depend on how often silence is told.
                    await self._act(detector.advance(deadline))
            case Button(_, "cancel"):
                self._tell("button", "cancel", button="cancel")
                await self._keeper.cancel(self.wearer)
            case Button(_, "help"):
                self._tell("button", "help", button="help")
                await self._keeper.help(self.wearer, self.name)
            case Ended():
                self._enter("ended")
                await self._act(detector.finish())
                self._tell("ended", f"{self._samples} samples", samples=self._samples)

    async def _act(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Gap():
                    self._gaps += 1
                    self._tell("gap", f"{event.gap_s:.2f} s without samples", at=event.t, gap_s=event.gap_s)
                case Decision(event="candidate"):
                    what = f"a candidate, probability {event.probability:.3f}"
                    self._tell("impact", what, at=event.impact_t, **_data(event))
                case Decision():
                    await self._decided(event)

    async def _decided(self, decision: Decision) -> None:
        odds = f"probability {decision.probability:.3f}, threshold {decision.threshold:.2f}"
        cut = ", on incomplete data" if decision.incomplete else ""
        why = f": {decision.why}" if decision.why else ""
        self._tell("decision", f"{decision.event}, {odds}{cut}{why}", at=decision.t, **_data(decision))
        impact = self._time.boottime(decision.impact_t)
        if decision.event == "recovered":
            await self._keeper.recovered(self.wearer, impact)
        else:
            await self._keeper.fall(
                self.wearer,
                self.name,
                impact,
                probability=decision.probability,
                model=decision.model,
                why=decision.why,
            )

    def _fail(self, fault: FalldError) -> None:
        self.fault = fault
        log.error("wearable %s: %s", self.name, fault)
        self._tell("fault", str(fault))

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state, self._since = state, self._now()

    def _tell(self, kind: Kind, text: str, *, at: float | None = None, **data: Any) -> None:
        """`at`: stream time, of what was not just now."""
        when = self._now() if at is None else self._time.boottime(at)
        self._observer(Heard(kind, when, text, {"source": self.name, "wearer": self.wearer, **data}))


def _data(decision: Decision) -> dict[str, Any]:
    return {
        "event": decision.event,
        "t": decision.t,
        "impact_t": decision.impact_t,
        "probability": decision.probability,
        "threshold": decision.threshold,
        "incomplete": decision.incomplete,
        "model": decision.model,
        "why": decision.why,
    }
