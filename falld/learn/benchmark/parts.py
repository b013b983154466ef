"""What methods are compared on: all that is judged, and each data set, with and without falls that none could see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from falld.learn.baselines.trace import Mask
from falld.learn.benchmark.counts import Facts

CLEANED = ("smartfallmm",)
"""Data sets of whose falls many have no impact in the recording, or end with it, or have several."""
COMPARED = ("trunk", "wrist")
"""Groups of placements of which falls are compared; the third holds what is left."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of what is judged; (n,) trials."""

    name: str
    falls: Mask
    lab: Mask

    def at(self, facts: Facts, group: str) -> Part:
        """What of it is of a group of placements."""
        here = facts.group == group
        return replace(self, falls=self.falls & here, lab=self.lab & here)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is judged: everything, with and without the cleaning, and each data set."""

    whole: list[Part]
    scripted: list[Part]
    """The same falls, held to the hours of all that is scripted; none, where only the lab is."""
    datasets: list[Part]
    left_out: str
    """How many falls the cleaning leaves out."""

    @classmethod
    def of(cls, facts: Facts, clean: Mask, tested: Mask) -> Parts:
        """Of the tested trials, `clean` (n,) the falls that the cleaning rule keeps."""
        falls, lab = facts.fell & tested, facts.lab & tested
        dirty = np.isin(facts.dataset, CLEANED) & falls & ~clean
        names = ", ".join(name for name in CLEANED if name in facts.with_falls)
        datasets = [
            Part(n, falls & (facts.dataset == n), lab & (facts.dataset == n)) for n in facts.with_falls.tolist()
        ]
        if not dirty.any():
            return cls._held([Part("all", falls, lab)], facts.scripted & tested, datasets, "")
        datasets += [
            Part(f"{part.name}, cleaned", part.falls & ~dirty, part.lab) for part in datasets if part.name in CLEANED
        ]
        kept = [
            f"{_n(dirty, facts, g)} of {_n(np.isin(facts.dataset, CLEANED) & falls, facts, g)} ({g})" for g in COMPARED
        ]
        said = (
            f"Cleaned: {' and '.join(kept)} falls of {names} would teach nothing or have a second impact; their "
            "recordings are not judged. "
        )
        judged = [Part(f"all, {names} cleaned", falls & ~dirty, lab), Part("all", falls, lab)]
        return cls._held(judged, facts.scripted & tested, datasets, said)

    @classmethod
    def _held(cls, whole: list[Part], scripted: Mask, datasets: list[Part], left_out: str) -> Parts:
        more = [replace(part, lab=scripted) for part in whole if (part.lab != scripted).any()]
        return cls(whole, more, datasets, left_out)


def _n(mask: Mask, facts: Facts, group: str) -> int:
    return int(np.count_nonzero(mask & (facts.group == group)))
