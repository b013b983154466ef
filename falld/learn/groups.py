"""Who counts as whom: placements that share a threshold, and data sets that share people."""

from __future__ import annotations

from falld.samples.recording import TRUNK

GROUPS = ("trunk", "wrist", "other")
HOME = "home"
"""The data set that `falld learn collect` writes. It teaches, but no threshold is chosen on it: all of it was recorded
because a detector had alarmed, so its false alarms an hour say nothing."""
_SAME_PEOPLE = {"smartfallmm_raw_old": "smartfallmm"}
"""Data sets whose people are those of another one."""


def group(placement: str) -> str:
    """Placements that share a threshold."""
    return "trunk" if placement in TRUNK else "wrist" if placement == "wrist" else "other"


def person(dataset: str, subject: str | None) -> str:
    """A name that is unique over all data sets: the unit of every split."""
    return f"{_SAME_PEOPLE.get(dataset, dataset)}/{subject}"
