"""The published methods by name."""

from __future__ import annotations

from falld.errors import FalldError
from falld.learn.baselines.deviation import SisFallC9
from falld.learn.baselines.forest import Forest
from falld.learn.baselines.impact import Bourke, Magnitude, MinMax
from falld.learn.baselines.method import Method
from falld.learn.baselines.posture import Kangas

PUBLISHED: tuple[Method, ...] = (
    Magnitude(),
    Bourke(),
    MinMax(),
    SisFallC9(),
    Kangas(),
    Kangas(inactivity=True),
    Forest(),
)


def published(names: list[str]) -> list[Method]:
    """The methods of these names, in this order.

    Raises:
        FalldError: there is none of that name.
    """
    known = {method.name: method for method in PUBLISHED}
    for name in names:
        if name not in known:
            raise FalldError("--methods", f"no method is called {name!r}", f"choose of {', '.join(known)}")
    return [known[name] for name in names]
