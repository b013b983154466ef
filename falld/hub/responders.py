"""Who is told of an alert, and when it is the next one's turn. Pure, but for reading the file that names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falld.alert.message import Name
from falld.alert.wire import Alert
from falld.errors import FalldError
from falld.hub.standing import EXTRA_S, USUAL_S, Standing

SEEN_S = 120.0
"""Without a response for so long it is the next responder's turn."""
TIMEOUT_S = 30.0
"""A page or a call is placed within seconds; a command that hangs must not take the time of the next responder."""
COMMIT_S, DECIDE_S = 20.0, 10.0
"""A hub is to commit within the first; between an impact and its alert lies at most the second."""


class RosterError(FalldError):
    """The file that names the responders cannot be used."""


class Responder(BaseModel):
    """A person or a desk."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Name
    """Opaque."""
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = None
    """Program and arguments that reach them, with the alert as JSON on its standard input; no shell reads it. None:
    they look at the hub's screen."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = TIMEOUT_S
    """What runs longer is killed, and has failed."""


class Roster(BaseModel):
    """The responders in the order of their turns, round and round."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    responders: Annotated[tuple[Responder, ...], Field(max_length=100)] = ()
    seen_s: Annotated[float, Field(gt=0, le=3600)] = SEEN_S

    def named(self, responder: str) -> Responder | None:
        return next((one for one in self.responders if one.id == responder), None)

    def after(self, last: str | None) -> Responder:
        """Whose turn it is; `last` None, or no longer among them: the first one's."""
        ids = [one.id for one in self.responders]
        return self.responders[(ids.index(last) + 1) % len(ids) if last in ids else 0]

    def wait_s(self, failures: int) -> float:
        """Seconds from a turn to the next, where so many have failed since the last that did not: none, until all
        have been tried."""
        return 0.0 if 0 < failures < len(self.responders) else self.seen_s


@dataclass(frozen=True, slots=True)
class Turn:
    """An alert was passed to a responder."""

    home: str
    alert_id: str
    number: int
    """1, 2, … within the alert."""
    responder: str
    utc: datetime
    outcome: Literal["told", "failed"] | None = None
    """None: the command runs, or the hub ended meanwhile."""


def came_late(alert: Alert, before: Standing | None) -> bool:
    """Whether the home has waited too long for a hub's commit, so that more than one responder's time is lost.

    Args:
        before: the standing without this message, which tells how long the home itself waited.
    """
    own_s = USUAL_S if before is None or before.wait_s is None else before.wait_s - EXTRA_S
    return alert.late or (alert.age_s is not None and alert.age_s > DECIDE_S + own_s + COMMIT_S)


def read_roster(path: Path) -> Roster:
    """Raises:
    RosterError: the file cannot be read, or says something that it must not.
    """
    remedy = "write `responders:`, a list where each has an `id` and, if you like, a `command`; see docs/hub.md"
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        roster = Roster.model_validate(said)
    except OSError as error:
        raise RosterError(str(path), f"cannot be read: {error.strerror}", "name another file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RosterError(str(path), f"is no YAML: {' '.join(str(error).split())[:200]}", remedy) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RosterError(f"{path}: {place}" if place else str(path), first["msg"], remedy) from None
    _once(path, [one.id for one in roster.responders])
    return roster


def _once(path: Path, ids: Sequence[str]) -> None:
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise RosterError(str(path), f"{twice[0]!r} is there twice", "give each responder an id of its own")
