"""Joining wall time to a draft, once: from here on a message never changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from falld.alert.draft import Draft
from falld.alert.message import MODEL_MAX, SOURCE_MAX, WHY_MAX
from falld.alert.wire import Alert
from falld.text import printable


@dataclass(frozen=True, slots=True)
class Wall:
    """Wall time at one moment of a boot; with it the impacts of that boot have a wall time after a reboot too."""

    t: float
    """CLOCK_BOOTTIME of that boot."""
    utc: datetime
    synced: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """A message as the outbox keeps it. When it was committed, the outbox adds."""

    alert_id: str
    seq: int
    body: str
    """The JSON of the message, with stand-ins for `age_s`, `attempt` and `late`."""
    boot_id: str
    """The boot of `impact_t`."""
    impact_t: float | None
    wall: Wall | None
    """Where wall time was read for this message in the boot of its impact."""
    routes: tuple[str, ...] = ()
    """Each of these is to have the alert, also where a hub elsewhere has it."""


_NO_WALLS: Mapping[str, Wall] = MappingProxyType({})


def join(
    draft: Draft,
    *,
    boot_id: str,
    now: float,
    utc_now: datetime,
    clock_synced: bool,
    walls: Mapping[str, Wall] = _NO_WALLS,
    routes: Sequence[str] = (),
) -> Committed:
    """Give a draft its wall time.

    Args:
        boot_id: the current boot, in which `now`, `utc_now` and `clock_synced` were read together.
        walls: what the outbox knows of earlier boots: `Outbox.walls()`. An impact in a boot that is not there
            has no wall time.
        routes: all that there are. A test alarm goes over each, to show that it is open.

    Raises:
        pydantic.ValidationError: the wearer or a boot id is not an id. Texts are cut to their bounds and a
            probability is brought into [0, 1]: no alert is refused for them.
    """
    wall: Wall | None = Wall(now, utc_now, clock_synced)
    if draft.boot_id != boot_id:
        wall = walls.get(draft.boot_id)
    impact_utc = None
    if wall is not None and draft.impact_t is not None:
        impact_utc = wall.utc - timedelta(seconds=wall.t - draft.impact_t)
    alert = Alert(
        alert_id=draft.alert_id,
        seq=draft.seq,
        wearer=draft.wearer,
        sources=tuple(_text(source, SOURCE_MAX) for source in draft.sources),
        kind=draft.kind,
        state=draft.state,
        raise_after_s=draft.raise_after_s,
        boot_id=draft.boot_id,
        impact_utc=impact_utc,
        age_s=None,
        attempt=1,
        late=False,
        clock_synced=clock_synced if wall is None else wall.synced,
        probability=_probability(draft.probability),
        why=_text(draft.why, WHY_MAX),
        model=None if draft.model is None else _text(draft.model, MODEL_MAX),
        falls=draft.falls,
    )
    new = wall if impact_utc is not None and draft.boot_id == boot_id else None
    each = tuple(routes) if draft.kind == "test" else ()
    return Committed(draft.alert_id, draft.seq, alert.payload().decode(), draft.boot_id, draft.impact_t, new, each)


def _text(text: str, limit: int) -> str:
    """As UTF-8 and JSON can carry it, and not longer than the wire allows."""
    return printable(text[:limit])


def _probability(p: float | None) -> float | None:
    """A sum of float32 may pass 1 by a rounding."""
    if p is None or math.isnan(p):
        return None
    return min(max(p, 0.0), 1.0)
