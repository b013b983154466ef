"""What a recording is: numbered samples with what is known about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from falld.errors import FalldError
from falld.samples.block import Block

PLACEMENTS = ("wrist", "waist", "hip", "chest", "thigh", "ankle", "neck", "upper_arm", "unknown")
TRUNK = ("waist", "hip", "chest", "thigh", "neck")
"""Where a wearable turns with the body, so that its posture tells upright from lying."""


class RecordingError(FalldError):
    """A recording that cannot be used; names file and line, or file and recording."""


@dataclass(frozen=True, slots=True)
class FallSpan:
    """A fall that is known to be in a recording, in seconds on its clock."""

    onset_s: float | None
    impact_s: float | None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the wearer did by hand: pressed cancel or help, or set a marker."""

    t_s: float
    kind: Literal["cancel", "help", "marker"]


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known about a recording; everything may be missing."""

    placement: str = "unknown"
    sensor: str | None = None
    sample_rate_hz: float | None = None
    """Nominal rate."""
    range_g: float | None = None
    subject: str | None = None
    age: float | None = None
    sex: str | None = None
    source: str | None = None
    """Who made it: the data set, or the program."""
    licence: str | None = None
    simulated: bool = False
    activity: str | None = None
    is_fall: bool | None = None
    """None: not said."""
    group: str | None = None
    falls: tuple[FallSpan, ...] = ()
    events: tuple[Mark, ...] = ()
    expected: tuple[dict[str, Any], ...] | None = None
    """Events that a replay must give, with the bundle that gave them; None: not said."""
    warnings: tuple[str, ...] = field(default=())
    """What was odd about the description, e.g. a placement taken as unknown."""


class Recording(Protocol):
    """Samples that can be read more than once, in bounded memory."""

    @property
    def source(self) -> str:
        """The path as the caller gave it."""
        ...

    @property
    def number(self) -> int | None:
        """The recording's number in its archive; None for a CSV."""
        ...

    @property
    def meta(self) -> Meta: ...

    def blocks(self) -> Iterator[Block]:
        """The samples from the start, in blocks of any size.

        Raises:
            RecordingError: a row that cannot be read, with its line or recording.
        """
        ...


class Filed(Recording, Protocol):
    """A recording in a file. It can be pickled, and read by another process that sees the file at the same place."""

    @property
    def rows(self) -> int:
        """How many samples it has; of a CSV about, by its size."""
        ...

    def digest(self) -> str:
        """A name for its samples and for what is known about it.

        Raises:
            RecordingError: the file cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Unusable:
    """A recording, or with `number` None a whole file, that cannot be opened."""

    source: str
    number: int | None
    error: RecordingError
