"""Many short recordings through the detector: what is found in some of them is judged in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from falld.detect.bundle import Bundle
from falld.detect.gate import Candidates, Finding
from falld.detect.judge import Judge
from falld.detect.learnt import Learnt
from falld.detect.scout import Scout
from falld.detect.window import Windows
from falld.replay.recording import Line, Replay, Told, tell, unusable
from falld.samples.kept import Kept
from falld.samples.recording import Filed, RecordingError, Unusable
from falld.samples.survey import Survey

TOGETHER_ROWS = 1 << 18
"""Samples from which no further recording is waited for; one with more goes alone, block by block. A call for the
features of one candidate takes as long as for ten; some hundred are found in so many samples, in 10 MB."""


@dataclass(slots=True)
class _Found:
    """A recording before anything in it is decided."""

    recording: Filed | Unusable
    error: RecordingError | None = None
    judged: Survey | None = None
    warnings: list[str] = field(default_factory=list)
    findings: list[Finding] | None = None
    """None of a long one."""
    filled: int = 0

    @property
    def rows(self) -> int:
        return 0 if self.judged is None else self.judged.rows

    def interpolated(self) -> int:
        """Grid points."""
        return self.filled


def together(
    replay: Replay, recordings: Iterable[Filed | Unusable]
) -> Iterator[tuple[Filed | Unusable, Iterable[Line], Told]]:
    """What `replay.lines` says of each, in their order, with its warnings. Nothing adapts, and there is no pace."""
    batch: list[_Found] = []
    rows = 0
    for recording in recordings:
        batch.append(_found(replay, recording))
        rows += batch[-1].rows
        if rows >= TOGETHER_ROWS:
            yield from _told(replay, batch)
            batch, rows = [], 0
    yield from _told(replay, batch)


def _found(replay: Replay, recording: Filed | Unusable) -> _Found:
    if isinstance(recording, Unusable):
        return _Found(recording, recording.error)
    kept = Kept(recording)
    try:
        judged = replay.judged(kept)
    except RecordingError as error:
        return _Found(recording, error)
    found = _Found(recording, None, judged, replay.warnings)
    if judged.rows <= TOGETHER_ROWS:
        scout = Scout(judged.clock)
        found.findings = [item for block in kept.blocks() for item in scout.feed(block)] + scout.finish()
        found.filled = scout.filled
    return found


def _told(replay: Replay, batch: list[_Found]) -> Iterator[tuple[Filed | Unusable, Iterable[Line], Told]]:
    placements = [replay.placement_of(each.recording) for each in batch]
    likely = with_probabilities(replay.bundle, placements, [each.findings or [] for each in batch])
    for each, placement, findings in zip(batch, placements, likely, strict=True):
        lines: Iterable[Line]
        if each.judged is None or isinstance(each.recording, Unusable):
            assert each.error is not None
            lines = [unusable(each.recording, each.error)]
        elif each.findings is None:
            lines = replay.lines(each.recording, each.judged)
        else:
            judge = Judge(replay.bundle, placement, candidates=replay.candidates, learnt=Learnt())
            lines = list(tell(each.recording, each.judged, judge.judge(findings), each.interpolated))
        yield each.recording, lines, Told([], each.warnings)


def with_probabilities(
    bundle: Bundle, placements: Sequence[str], found: Sequence[list[Finding]]
) -> list[list[Finding]]:
    """Findings at some placements, their candidates with probabilities, which are worked out together."""
    told: dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
    for placement in set(placements):
        here = [findings for findings, at in zip(found, placements, strict=True) if at == placement]
        candidates = [item for findings in here for item in findings if isinstance(item, Candidates)]
        if candidates:
            windows = Windows(np.concatenate([each.windows.acc for each in candidates]))
            ends = np.cumsum([len(each) for each in candidates])[:-1]
            parts = np.split(bundle.probabilities(windows, placement), ends)
            told |= {id(each): part for each, part in zip(candidates, parts, strict=True)}
    return [
        [replace(item, probabilities=told[id(item)]) if isinstance(item, Candidates) else item for item in findings]
        for findings in found
    ]
