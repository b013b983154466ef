"""A recording that is read once for all who look at it, as far as it is short."""

from __future__ import annotations

from collections.abc import Iterator

from falld.samples.block import Block
from falld.samples.recording import Meta, Recording

KEPT_ROWS = 1 << 20
"""Longest that is kept: 21 MB at 20 bytes a sample, and most of three hours at 100 Hz."""


class Kept:
    """Another recording, whose samples are kept after the first reading if there are at most `KEPT_ROWS`."""

    def __init__(self, of: Recording) -> None:
        self.source = of.source
        self.number = of.number
        self.meta: Meta = of.meta
        self._of = of
        self._blocks: list[Block] | None = None

    def blocks(self) -> Iterator[Block]:
        """The samples from the start; see `Recording`."""
        if self._blocks is not None:
            yield from self._blocks
            return
        kept: list[Block] = []
        rows = 0
        for block in self._of.blocks():
            rows += len(block)
            if rows <= KEPT_ROWS:
                kept.append(block)
            else:
                kept.clear()
            yield block
        if rows <= KEPT_ROWS:
            self._blocks = kept
