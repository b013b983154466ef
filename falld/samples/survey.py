"""What is judged on a whole recording before its first sample is fed: clock and units."""

from __future__ import annotations

from dataclasses import dataclass

from falld.samples.clock import Clock, ClockError, ClockJudge
from falld.samples.recording import Recording, RecordingError
from falld.samples.units import UnitsJudge


@dataclass(frozen=True, slots=True)
class Survey:
    """A recording that can be used, and how."""

    clock: Clock
    rows: int
    duration_s: float
    """Last minus first stamp plus one nominal period, on the clock that is used."""
    warnings: tuple[str, ...]


def name_of(source: str, number: int | None) -> str:
    """How errors and warnings call a recording."""
    return source if number is None else f"{source} recording {number}"


def survey(recording: Recording) -> Survey:
    """Read a recording once, and judge it.

    Raises:
        RecordingError: it cannot be read, is empty, has no clock to go by, or is not in g.
    """
    where = name_of(recording.source, recording.number)
    nominal = recording.meta.sample_rate_hz
    judge = ClockJudge(nominal)
    units = UnitsJudge(nominal) if nominal else None
    for block in recording.blocks():
        judge.add(block)
        if units is not None:
            units.feed(block)
    if not judge.rows:
        raise RecordingError(where, "there are no samples", "record it again, or leave it out")
    try:
        clock = judge.verdict()
    except ClockError as error:
        remedy = "say the nominal rate (sample_rate_hz in the YAML beside it, fs in an index)"
        raise RecordingError(where, str(error), remedy) from error
    if units is None:
        units = UnitsJudge(clock.rate_hz)
        for block in recording.blocks():
            units.feed(block)
    verdict = units.verdict()
    if verdict.kind == "wrong":
        raise RecordingError(where, verdict.what, verdict.remedy)
    warnings = list(recording.meta.warnings)
    if verdict.kind == "odd":
        warnings.append(f"{where}: {verdict.what}; {verdict.remedy}")
    span = judge.last - judge.first if clock.kind == "stamps" else (judge.rows - 1) / clock.rate_hz
    return Survey(clock, judge.rows, span + 1 / (nominal or clock.rate_hz), tuple(warnings))
