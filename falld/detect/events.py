"""What the detector says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Decision:
    """A candidate that was judged. Times in seconds of stream time."""

    event: Literal["fall", "confirmed", "recovered", "candidate"]
    t: float
    """When a live daemon would have known: no sample later than this was used."""
    impact_t: float
    probability: float
    """Of a fall, by the window and by what the minute before held."""
    threshold: float
    placement: str
    model: str
    incomplete: bool = False
    """Cut off by a gap, by silence or by the end, and decided on what there was."""
    why: str = ""
    """A few words for a responder, e.g. `impact 5.2 g, turned by 80°, still since`."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples are missing for longer than can be bridged: the detector was blind."""

    t: float
    from_t: float
    gap_s: float
    """Difference of the neighbouring stamps."""


Event = Decision | Gap
