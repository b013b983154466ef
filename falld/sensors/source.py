"""The source role: what a wearable says, in the order in which it says it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from falld.errors import FalldError
from falld.samples.block import Block
from falld.samples.clock import Clock


class SourceError(FalldError):
    """A wearable cannot be heard; names the wearable and what to do."""


@dataclass(frozen=True, slots=True)
class Samples:
    block: Block
    """What came at once, in stream time."""


@dataclass(frozen=True, slots=True)
class Button:
    """The wearer pressed something."""

    t: float
    """Stream time."""
    kind: Literal["cancel", "help"]


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing came for a while: no sample is stamped after the last one and before `t`."""

    t: float
    """Stream time."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come."""


Reading = Samples | Button | Silent | Ended


@dataclass(frozen=True, slots=True)
class TimeMap:
    """Stream time to CLOCK_BOOTTIME, in seconds: `boot0` is the host's time at stream time `t0`."""

    t0: float
    boot0: float
    speed: float = 1.0
    """Stream seconds in one second."""

    def boottime(self, t: float) -> float:
        return self.boot0 + (t - self.t0) / self.speed


class Source(Protocol):
    """A wearable that is listened to."""

    @property
    def clock(self) -> Clock:
        """What its stamps are worth."""
        ...

    @property
    def placement(self) -> str:
        """Where it is worn."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about it, for a person."""
        ...

    @property
    def time(self) -> TimeMap:
        """How its stream time maps to the host's, as known now."""
        ...

    def readings(self) -> AsyncGenerator[Reading, None]:
        """What it says, as it comes; `Ended` is the last.

        Raises:
            SourceError: it cannot be heard any more.
        """
        ...
