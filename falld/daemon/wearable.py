"""One wearable: what its source says goes through its detector, what the detector says to the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from falld.daemon.clips import Clips, Cutter
from falld.daemon.heard import Heard, Kind, Observer
from falld.daemon.keeper import Keeper
from falld.daemon.shadow import Shadow
from falld.detect.events import Decision, Event, Gap
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.sensors.source import Button, Ended, Reading, Samples, Silent, Source, TimeMap
from falld.sensors.status import LinkState, Status

State = Literal["starting", "streaming", "silent", "ended", "failed"] | LinkState

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
    status: Callable[[], Status] | None = None
    """Of a live one: how it is now."""


Opener = Callable[[], Awaitable[Opened]]
MakeDetector = Callable[[Source, Learnt], tuple[Detecting, FalldError | None]]
TOLD = 16
"""Alerts whose impacts are known for a person's answer to come: far more than are ever open."""


class Wearable:
    """Listens to one wearable until it ends.

    Args:
        wearer: who wears it.
        name: its id in `sources` of an alert.
        now: seconds of CLOCK_BOOTTIME.
        clips: where those of its impacts go; None: none are made.
        shadow: hears the same samples, and alerts nobody.
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
        clips: Clips | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        self.wearer = wearer
        self.name = name
        self.state: State = "starting"
        self.fault: FalldError | None = None
        self.acting = asyncio.Lock()
        """Held while what it says is done; it is not to be cancelled then."""
        self._detector: Detecting | None = None
        self._open = opener
        self._keeper = keeper
        self._observer = observer
        self._cutter = None if clips is None else Cutter(clips)
        self._shadow = shadow
        self._now = now
        self._since = now()
        self._time = TimeMap(0.0, now())
        self._clock: Clock | None = None
        self._clock_told = False
        self._status: Callable[[], Status] | None = None
        self._samples = 0
        self._last: float | None = None
        self._gaps = 0
        self._impacts: dict[str, float | None] = {}

    async def run(self) -> None:
        """A wearable that fails is told of and stays failed; the others go on."""
        try:
            opened = await self._open()
            source = opened.source
            self._clock = source.clock
            self._status = opened.status
            self._detector = opened.detector
            told = f"clock {source.clock.kind}, {source.clock.rate_hz:.1f} Hz, {source.placement}"
            self._tell("listening", told, clock=source.clock.kind, placement=source.placement)
            for warning in source.warnings:
                log.warning("wearable %s: %s", self.name, warning)
            if opened.fault is not None:
                self._fail(opened.fault)
            async with contextlib.aclosing(source.readings()) as readings:
                async for reading in readings:
                    self._time, self._clock = source.time, source.clock
                    self._look()
                    async with self.acting:
                        await self._take(reading, opened.detector)
                    self._compare(reading, source)
        except FalldError as error:
            if self._cutter is not None:
                await self._cutter.end()
            self._enter("failed")
            self._fail(error)

    async def finish(self) -> None:
        """It was taken off: what waits is decided on what there is."""
        if self._detector is not None:
            await self._act(self._detector.finish())
        if self._cutter is not None:
            await self._cutter.end()

    def impact_of(self, alert_id: str) -> float | None:
        """Stream time of the one impact that an alert told of; None: of several or of none of this wearable's."""
        return self._impacts.get(alert_id)

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
            "shadow": None if self._shadow is None else self._shadow.health(),
        } | self._link_health()

    async def _take(self, reading: Reading, detector: Detecting) -> None:
        match reading:
            case Samples(block):
                if self._status is None:
                    self._enter("streaming")
                self._samples += len(block)
                self._last = self._now()
                self._tell("samples", f"{self._samples}", samples=self._samples)
                await self._act(detector.feed(block))
                if self._cutter is not None and self._clock is not None:
                    await self._cutter.feed(block, self._clock)
            case Silent(t):
                if self.state != "silent" and self._status is None:
                    self._enter("silent")
                    self._tell("silent", "no samples")
                deadline = detector.deadline()
                if deadline is not None and deadline <= t:
                    # As at the deadline itself, so that an event does not depend on how often silence is told.
                    await self._act(detector.advance(deadline))
                if self._cutter is not None:
                    await self._cutter.silent(t)
            case Button(_, "cancel"):
                self._tell("button", "cancel", button="cancel")
                await self._keeper.cancel(self.wearer)
            case Button(_, "help"):
                self._tell("button", "help", button="help")
                await self._keeper.help(self.wearer, self.name)
            case Ended():
                self._enter("ended")
                await self.finish()
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
                    if self._cutter is not None:
                        self._cutter.candidate(event)
                case Decision():
                    await self._decided(event)

    async def _decided(self, decision: Decision) -> None:
        self._tell("decision", _words(decision), at=decision.t, **_data(decision))
        impact = self._time.boottime(decision.impact_t)
        if decision.event == "recovered":
            await self._keeper.recovered(self.wearer, impact)
        else:
            alert_id = await self._keeper.fall(
                self.wearer,
                self.name,
                impact,
                probability=decision.probability,
                model=decision.model,
                why=decision.why,
            )
            if alert_id is not None:
                self._impacts[alert_id] = None if alert_id in self._impacts else decision.impact_t
                self._impacts = dict(list(self._impacts.items())[-TOLD:])
            if self._cutter is not None:
                self._cutter.fall(decision.impact_t, alert_id)

    def _compare(self, reading: Reading, source: Source) -> None:
        """What the shadow makes of it: told and counted, after all that is to be done is done."""
        shadow = self._shadow
        if shadow is None:
            return
        before = shadow.fault
        for decision in shadow.take(reading, source):
            self._tell("shadow", f"{shadow.model}: {_words(decision)}", at=decision.t, **_data(decision))
        if shadow.fault is not before:
            self._tell("shadow", str(shadow.fault), fault=str(shadow.fault))

    def _look(self) -> None:
        """What the link of a live wearable is at."""
        if self._status is None:
            return
        status = self._status()
        if status.state != self.state:
            self._enter(status.state)
            self._tell("wearable", status.state, state=status.state)
        if status.ppm is not None and not self._clock_told:
            self._clock_told = True
            self._tell("clock", f"runs {status.ppm:+.0f} ppm against this machine's", ppm=status.ppm)
        if str(status.fault) != str(self.fault):
            if status.fault is not None:
                self._fail(status.fault)
            else:
                self.fault = None
                self._tell("wearable", "well again", state=status.state)

    def _link_health(self) -> dict[str, Any]:
        if self._status is None:
            return {}
        status = self._status()
        told = ("address", "driver", "rate_hz", "battery", "rssi", "ppm", "lost", "garbage")
        return {key: getattr(status, key) for key in told}

    def _fail(self, fault: FalldError) -> None:
        self.fault = fault
        where = f"wearable {self.name}"
        log.error("%s", fault if fault.where == where else f"{where}: {fault}")
        self._tell("fault", str(fault))

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state, self._since = state, self._now()

    def _tell(self, kind: Kind, text: str, *, at: float | None = None, **data: Any) -> None:
        """`at`: stream time, of what was not just now."""
        when = self._now() if at is None else self._time.boottime(at)
        self._observer(Heard(kind, when, text, {"source": self.name, "wearer": self.wearer, **data}))


def _words(decision: Decision) -> str:
    odds = f"probability {decision.probability:.3f}, threshold {decision.threshold:.2f}"
    cut = ", on incomplete data" if decision.incomplete else ""
    why = f": {decision.why}" if decision.why else ""
    return f"{decision.event}, {odds}{cut}{why}"


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
