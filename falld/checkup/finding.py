"""What came of looking at one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from falld.errors import FalldError

Verdict = Literal["pass", "do", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    """`do`: there is something to do; `skip`: it could not be looked at, for the reason that is told."""
    what: str
    remedy: str | None = None


def tried(check: str, look: Callable[[], str | None]) -> Finding:
    """What `look` says is well; None: there is nothing to look at."""
    try:
        well = look()
    except FalldError as error:
        return ill(check, error)
    return Finding(check, "skip", "not needed here") if well is None else Finding(check, "pass", well)


def ill(check: str, error: FalldError) -> Finding:
    """It failed."""
    return Finding(check, "do", f"{error.where}: {error.what}", error.remedy)
