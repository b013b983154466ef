"""Files of earlier versions, read as if they had been written today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

VERSION = 1
"""Of the form of the file; a change that a correct file would not survive is a new one, with a migration."""


class Migration(NamedTuple):
    """From one version to the next."""

    change: Callable[[dict[str, Any]], dict[str, Any]]
    """Gives the file's content as the next version has it, but for `version` itself. Pure; what it does not understand
    it leaves as it is, for the checks to tell."""
    remedy: str
    """What the installer changes in the file, that falld never writes."""


MIGRATIONS: Mapping[int, Migration] = {}
"""By the version that each is from."""
