"""The methods by name."""

from __future__ import annotations

from collections.abc import Sequence

from falld.errors import FalldError
from falld.learn.baselines.deviation import SisFallC9
from falld.learn.baselines.forest import Forest
from falld.learn.baselines.impact import Bourke, Magnitude, MinMax
from falld.learn.baselines.method import Method
from falld.learn.baselines.own import Falld
from falld.learn.baselines.posture import Kangas
from falld.learn.baselines.recipe import Recipe
from falld.learn.baselines.scouted import Scouted

PUBLISHED: tuple[Method, ...] = (
    Magnitude(),
    Bourke(),
    MinMax(),
    SisFallC9(),
    Kangas(),
    Kangas(inactivity=True),
    Forest(),
)
SCOUTED: tuple[Scouted, ...] = (Recipe(), Falld())
ALL_PUBLISHED = "published"
"""Stands for the names of all published methods."""


def methods(names: Sequence[str]) -> list[Method | Scouted]:
    """The methods of these names, in this order.

    Raises:
        FalldError: there is none of that name.
    """
    everything: tuple[Method | Scouted, ...] = (*PUBLISHED, *SCOUTED)
    known: dict[str, tuple[Method | Scouted, ...]] = {method.name: (method,) for method in everything}
    known[ALL_PUBLISHED] = PUBLISHED
    for name in names:
        if name not in known:
            raise FalldError("--methods", f"no method is called {name!r}", f"choose of {', '.join(known)}")
    return [method for name in names for method in known[name]]
