"""A long recording in stretches: impact gate and features of each anywhere, decisions on them in order.

Time line and gaps are found in one pass. A stretch takes the gate along as it stood before it, with the points that
overlap, so what is found in it is what the stream would have found, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from falld.detect.bundle import Bundle
from falld.detect.gate import Candidates, Finding, Gate
from falld.detect.walk import Looks
from falld.detect.window import GRID_HZ
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.resample import Grid
from falld.samples.timeline import Break, TimeLine


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a stream, 20 bytes a point of the grid."""

    gate: dict[str, Any]
    """As it stood before."""
    pieces: list[Grid | Break]
    end: float | None
    """When the stream ended, of the last one; else None."""
    filled: int
    """Grid points up to its end that were interpolated over missing samples."""


def stretches(clock: Clock, blocks: Iterable[Block], points: int) -> Iterator[Stretch]:
    """A stream in stretches.

    Args:
        clock: what its stamps are worth.
        blocks: all of its samples, at least one.
        points: length of a stretch on the grid, rounded up to whole blocks.
    """
    line, gate = TimeLine(clock, GRID_HZ), Gate()
    pieces: list[Grid | Break] = []

    def cut(end: float | None) -> Stretch:
        before = gate.dump()
        gate.pass_over(pieces)
        return Stretch(before, pieces, end, gate.filled)

    for block in blocks:
        pieces += line.feed(block)
        if sum(len(piece) for piece in pieces if isinstance(piece, Grid)) >= points:
            yield cut(None)
            pieces = []
    end = line.last_t
    pieces += line.flush()
    yield cut(end)


def findings(stretch: Stretch, bundle: Bundle, placement: str) -> list[Finding]:
    """What is found in a stretch, for `Judge.judge`, each candidate with its probability."""
    gate = Gate.restore(stretch.gate)
    found = gate.take(stretch.pieces)
    if stretch.end is not None:
        found += gate.cut_off(stretch.end)

    def judged(item: Finding) -> Finding:
        if isinstance(item, Candidates):
            return replace(item, probabilities=bundle.probabilities(item.windows, placement))
        return item.settled() if isinstance(item, Looks) else item

    return [judged(item) for item in found]
