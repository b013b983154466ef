"""What an installer tried in a home: how each trial is judged, and what is kept of it with its date. Pure but for the
file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falld.checkup.finding import Finding
from falld.errors import FalldError
from falld.samples.atomic import replacing

KEPT = "commissioned.json"
Step = Literal["walk", "drop", "button", "test-alarm"]
STEPS: tuple[Step, ...] = get_args(Step)
TITLES: Mapping[Step, str] = {"walk": "walk test", "drop": "drop test", "button": "cancel button",
                              "test-alarm": "test alarm"}  # fmt: skip
ROOMS = 64
ROOM_NAME = 40
MOST_LOST = 0.05
"""Gaps to 0.25 s are filled, and a fall is found over them; what loses more has no room left for a body in the way."""
MOST_AGE_S = 3.0
"""From the last sample: a wearable gathers samples for 1 s, and 1 s of retransmissions is radio weather."""


class Look(NamedTuple):
    """How a wearable was at one moment, of the daemon's health."""

    state: str
    samples: int
    lost: int
    gaps: int
    age_s: float | None
    """From its last sample; None: there was none."""
    rssi: int | None

    @classmethod
    def of(cls, wearable: Mapping[str, Any]) -> Look:
        """From an entry of `wearables`."""
        age_s, lost = wearable["last_sample_age_s"], wearable.get("lost") or 0
        return cls(wearable["state"], wearable["samples"], lost, wearable["gaps"], age_s, wearable.get("rssi"))


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Room(_Kept):
    """What came of a wearable in one room."""

    name: str = Field(max_length=ROOM_NAME)
    wearable: str
    lost: float = Field(ge=0, le=1)
    """Part of the samples."""
    rssi: int | None
    """dBm, of its last advertisement: a wearable that is connected tells no newer one."""
    fault: str | None
    """Why it is not well there."""

    def __str__(self) -> str:
        signal = "" if self.rssi is None else f", {self.rssi} dBm"
        return f"{self.name}: {100 * self.lost:.1f} % lost{signal}" + (f", {self.fault}" if self.fault else "")


class Trial(_Kept):
    """One step that was done."""

    utc: datetime
    well: bool
    what: str
    rooms: tuple[Room, ...] = Field(default=(), max_length=ROOMS)


class Commissioning(_Kept):
    """All that were done last."""

    trials: dict[Step, Trial] = {}


def room(name: str, wearable: str, looks: Sequence[Look]) -> Room:
    """Judges what was seen of a wearable in a room, the first look to the last."""
    first, last = looks[0], looks[-1]
    came, lost = max(last.samples - first.samples, 0), max(last.lost - first.lost, 0)
    part = lost / (came + lost) if came + lost else 1.0
    fault = None
    if any(look.state != "streaming" for look in looks):
        fault = "the connection did not hold"
    elif not came or any(look.age_s is None or look.age_s > MOST_AGE_S for look in looks):
        fault = f"no sample came for {MOST_AGE_S:g} s"
    elif last.gaps > first.gaps:
        fault = "samples were missing for longer than can be filled"
    elif part > MOST_LOST:
        fault = f"more than {100 * MOST_LOST:g} % were lost"
    return Room(name=name[:ROOM_NAME], wearable=wearable, lost=part, rssi=last.rssi, fault=fault)


def weakest(rooms: Iterable[Room]) -> Room:
    """Where a fall is missed first."""
    return max(rooms, key=lambda each: (each.fault is not None, each.lost, -(each.rssi or 0)))


def walk(utc: datetime, rooms: Sequence[Room]) -> Trial:
    """Well where every room is."""
    kept = tuple(rooms[:ROOMS])
    well = bool(kept) and all(each.fault is None for each in kept)
    return Trial(utc=utc, well=well, what=f"weakest {weakest(kept)}" if kept else "no room was walked", rooms=kept)


def drop(utc: datetime, heard: Iterable[Mapping[str, Any]], within_s: float) -> Trial:
    """Well where a candidate was seen and no alert came of it.

    Args:
        heard: what the daemon told meanwhile, of the wearable and of alerts.
    """
    impacts = [each for each in heard if each["kind"] == "impact"]
    alerts = [each for each in heard if each["kind"] == "committed" and each["data"]["kind"] == "fall"]
    if alerts:
        return Trial(utc=utc, well=False, what="it was taken for a fall; use a thicker cushion")
    if not impacts:
        return Trial(utc=utc, well=False, what=f"no impact was seen in {within_s:g} s")
    probability = impacts[0]["data"]["probability"]
    return Trial(utc=utc, well=True, what=f"the impact was seen, probability {probability:.3f}, and nothing was raised")


def button(utc: datetime, heard: Iterable[Mapping[str, Any]], within_s: float) -> Trial:
    """Well where the wearer's word was heard."""
    presses = [each for each in heard if each["kind"] == "button" and each["data"]["button"] == "cancel"]
    if not presses:
        return Trial(utc=utc, well=False, what=f"no press of a cancel button was heard in {within_s:g} s")
    source = presses[0]["data"].get("source", "the command line")
    return Trial(utc=utc, well=True, what=f"a press was heard from {source}")


def answered(utc: datetime, missing: Sequence[str], after_s: float) -> Trial:
    """Well where nothing of a test alarm's road is missing.

    Args:
        after_s: from its beginning to the person.
    """
    if missing:
        return Trial(utc=utc, well=False, what=", ".join(missing))
    return Trial(utc=utc, well=True, what=f"a person saw it after {after_s:.1f} s")


def kept(folder: Path) -> Commissioning | None:
    """None: nothing is, or nothing that can be read."""
    try:
        return Commissioning.model_validate_json((folder / KEPT).read_bytes())
    except (OSError, ValidationError):
        return None


def keep(folder: Path, done: Mapping[Step, Trial]) -> None:
    """Beside what was kept of the other steps, for the folder's owner.

    Raises:
        FalldError: it cannot be written.
    """
    before = kept(folder)
    whole = Commissioning(trials={**({} if before is None else before.trials), **done})
    try:
        with replacing(folder / KEPT) as file:
            file.write(whole.model_dump_json(indent=1).encode())
        owner = folder.stat()
        if os.geteuid() == 0:
            os.chown(folder / KEPT, owner.st_uid, owner.st_gid)
    except OSError as error:
        where = str(folder / KEPT)
        raise FalldError(where, f"cannot be written: {error.strerror}", "run it as the user of the service") from None


def finding(folder: Path) -> Finding:
    """For the doctor."""
    found = kept(folder)
    if found is None or not found.trials:
        return Finding("commissioning", "skip", "nobody has walked the rooms yet", "do it with `falld commission`")
    told = [f"{TITLES[step]} {trial.utc:%Y-%m-%d}: {trial.what}" for step, trial in found.trials.items()]
    undone = [step for step in STEPS if step not in found.trials or not found.trials[step].well]
    if undone:
        steps = " ".join(f"--step {step}" for step in undone)
        return Finding("commissioning", "do", "; ".join(told), f"`falld commission {steps}`")
    return Finding("commissioning", "pass", "; ".join(told))


def today() -> datetime:
    """To the second."""
    return datetime.now(UTC).replace(microsecond=0)
