"""What the benchmark asks of a method, be it published, trained here or shipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from falld.learn.baselines.trace import Floats, Trace

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Said:
    """An event that a method with a mind of its own gave out; times in seconds of the recording."""

    kind: Literal["fall", "confirmed", "recovered"]
    impact_t: float
    t: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a method found in one recording, in order of `t`.

    Each is an alarm where its score reaches the threshold; so raising the threshold draws the method's curve.
    """

    impact_t: Floats
    t: Floats
    """(c,) when it was known: no sample later than this was used."""
    score: Floats
    features: Features | None = None
    """(c, d) of a method that learns, whose scores come later."""
    said: tuple[Said, ...] | None = None
    """Its very events, where they are more than scores above a threshold."""


class Named(Protocol):
    """A way to find falls, whatever it looks at."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str:
        """Who published it, and what was taken from there and what was not."""
        ...

    def threshold(self, placement: str) -> float:
        """The score from which it raises an alarm, as published."""
        ...


class Method(Named, Protocol):
    """One that looks at recordings by itself."""

    def found(self, trace: Trace) -> Found: ...


class Model(Protocol):
    """A classifier that was fitted."""

    def score(self, features: Features) -> Floats:
        """(c,) of (c, d)."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A method that is trained anew for each fold, on its own features of people that the fold does not judge."""

    def fit(self, features: Features, label: npt.NDArray[np.int64]) -> Model:
        """Learn from what was found.

        Args:
            features: (c, d).
            label: (c,) 1 a fall's impact, 0 none.
        """
        ...


def gather(parts: Iterable[tuple[Floats, Floats, Floats]]) -> Found:
    """The findings (impact, time, score) of the segments of a recording as one, in order of time."""
    columns = list(zip(*parts, strict=True))
    if not columns:
        return Found(np.empty(0), np.empty(0), np.empty(0))
    impact_t, t, score = (np.concatenate(column) for column in columns)
    order = np.argsort(t, kind="stable")
    return Found(impact_t[order], t[order], score[order])
