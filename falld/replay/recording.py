"""Recordings through the detector: what a live daemon would have said, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from falld.detect.bundle import Bundle
from falld.detect.detector import Detector
from falld.detect.events import Decision, Event, Gap
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.samples.block import Block
from falld.samples.kept import Kept
from falld.samples.recording import Recording, RecordingError, Unusable
from falld.samples.survey import Survey, name_of, survey

Line = dict[str, Any]
_ROUNDING = 1e-6
"""Of a millisecond: what a float64 of seconds may be off a whole one, and is then not rounded up to the next."""


@dataclass(frozen=True, slots=True)
class Told:
    """All that is said of one recording."""

    lines: list[Line]
    warnings: list[str] = field(default_factory=list)


@dataclass
class Replay:
    """Settings of a replay, and what it has met so far."""

    bundle: Bundle
    placement: str | None = None
    """Overrides what the recordings say."""
    candidates: bool = False
    pace: Callable[[Iterator[Block]], Iterator[Block]] | None = None
    """Lets the blocks through at its own speed."""
    learnt: Learnt | None = None
    """Goes on from one recording to the next; None: nothing adapts."""
    warnings: list[str] = field(default_factory=list)
    """Of the latest recording."""

    def lines(self, recording: Recording | Unusable, judged: Survey | None = None) -> Iterator[Line]:
        """The lines of one recording, `end` last; in order of `t`, then `impact_t`, a gap first among equals.

        Args:
            judged: what `judged` says of it; None: that is found out first.
        """
        self.warnings = []
        try:
            if isinstance(recording, Unusable):
                raise recording.error
            recording = Kept(recording)
            yield from self._run(recording, judged or self.judged(recording))
        except RecordingError as error:
            yield unusable(recording, error)

    def judged(self, recording: Recording) -> Survey:
        """Whether a recording can be used, and how; with warnings of it.

        Raises:
            RecordingError: it cannot.
        """
        judged = survey(recording)
        self.warnings = [*judged.warnings, *self._below_lowest(recording, judged)]
        return judged

    def _below_lowest(self, recording: Recording, judged: Survey) -> list[str]:
        if judged.clock.rate_hz >= self.bundle.lowest_hz:
            return []
        where, rate = name_of(recording.source, recording.number), judged.clock.rate_hz
        return [
            f"{where}: cannot detect: {rate:.1f} Hz is below the {self.bundle.lowest_hz:g} Hz that the bundle needs"
        ]

    def _run(self, recording: Recording, judged: Survey) -> Iterator[Line]:
        placement = self.placement_of(recording)
        detector = Detector(self.bundle, judged.clock, placement, candidates=self.candidates, learnt=self.learnt)
        yield from tell(recording, judged, _events(detector, self._blocks(recording)), lambda: detector.filled)

    def placement_of(self, recording: Recording | Unusable) -> str:
        """Where a recording is taken to be worn."""
        said = "unknown" if isinstance(recording, Unusable) else recording.meta.placement
        return self.placement or said

    def _blocks(self, recording: Recording) -> Iterator[Block]:
        return recording.blocks() if self.pace is None else self.pace(recording.blocks())


def tell(recording: Recording, judged: Survey, events: Iterable[Event], filled: Callable[[], int]) -> Iterator[Line]:
    """The lines of a recording that can be used.

    Args:
        recording: where it is from is told.
        judged: how it was used.
        events: in order of `t`.
        filled: asked after the last of them: grid points that were interpolated over missing samples.
    """
    gaps = 0
    gap_s = 0.0
    for event in _in_order(events):
        if isinstance(event, Gap):
            gaps += 1
            gap_s += event.gap_s
        yield _place(recording) | describe(event)
    yield _end(
        recording,
        samples=judged.rows,
        duration=round(judged.duration_s, 3),
        gaps=gaps,
        gap_s=round(gap_s, 3),
        filled=filled(),
        clock=judged.clock.kind,
    )


def unusable(recording: Recording | Unusable, error: FalldError) -> Line:
    """The one line of a recording that cannot be used."""
    return _end(recording, status="unusable", error=str(error))


def describe(event: Event) -> Line:
    """An event as the contract writes it: `t` rounded up to milliseconds, `impact_t` down."""
    if isinstance(event, Gap):
        return {"event": "gap", "t": _up(event.t), "from": round(event.from_t, 3), "gap_s": round(event.gap_s, 3)}
    line: Line = {
        "event": event.event,
        "t": _up(event.t),
        "impact_t": math.floor(event.impact_t * 1000 + _ROUNDING) / 1000,
        "probability": round(event.probability, 6),
        "placement": event.placement,
        "threshold": event.threshold,
        "model": event.model,
    }
    if event.incomplete:
        line["incomplete"] = True
    if event.why:
        line["why"] = event.why
    return line


def _events(detector: Detector, blocks: Iterable[Block]) -> Iterator[Event]:
    for block in blocks:
        yield from detector.feed(block)
    yield from detector.finish()


def _in_order(events: Iterable[Event]) -> Iterator[Event]:
    """By `t` in milliseconds, then impact, a gap first among equals; events come in order of `t` already."""
    same: list[Event] = []
    for event in events:
        if same and _up(event.t) != _up(same[0].t):
            yield from sorted(same, key=_rank)
            same = []
        same.append(event)
    yield from sorted(same, key=_rank)


def _rank(event: Event) -> tuple[int, float, int]:
    if isinstance(event, Decision):
        return 1, event.impact_t, 0 if event.event == "candidate" else 1
    return 0, event.from_t, 0


def _up(t: float) -> float:
    return math.ceil(t * 1000 - _ROUNDING) / 1000


def _place(recording: Recording | Unusable) -> Line:
    return {"source": recording.source, "recording": recording.number}


def _end(
    recording: Recording | Unusable,
    *,
    samples: int = 0,
    duration: float = 0.0,
    gaps: int = 0,
    gap_s: float = 0.0,
    filled: int = 0,
    clock: str = "stamps",
    status: str = "ok",
    error: str | None = None,
) -> Line:
    line = _place(recording) | {
        "event": "end",
        "samples": samples,
        "duration": duration,
        "gaps": gaps,
        "gap_s": gap_s,
        "filled": filled,
        "clock": clock,
        "status": status,
    }
    return line if error is None else line | {"error": error}
