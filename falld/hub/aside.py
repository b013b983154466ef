"""A damaged store is kept beside the new one, and told of until somebody has moved it away."""

from __future__ import annotations

from pathlib import Path

from falld.hub.database import StoreError

ASIDE_MAX = 8
"""Damaged files that are kept; of more, the last in place of the one before."""


def set_aside(path: Path) -> Path:
    """Where it is now, its log with it.

    Raises:
        StoreError: it cannot be moved.
    """
    aside = next((one for one in _places(path) if not one.exists()), _places(path)[-1])
    try:
        for end in ("-wal", "-shm", ""):  # the log first: with a new file it must never be
            part, place = path.with_name(path.name + end), aside.with_name(aside.name + end)
            place.unlink(missing_ok=True)
            if part.exists():
                part.replace(place)
    except OSError as error:
        what = f"is damaged and cannot be set aside: {error.strerror}"
        raise StoreError(str(path), what, "let this user write its folder") from None
    return aside


def damaged(path: Path) -> StoreError | None:
    """What is to be told while one lies there."""
    there = [place for place in _places(path) if place.exists()]
    if not there:
        return None
    what = "is a damaged store, so alerts that were acknowledged may be in no list"
    return StoreError(str(there[-1]), what, "see what homes hold open with `falld hub homes`, then move it away")


def _places(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}.damaged-{n}") for n in range(1, ASIDE_MAX + 1)]
