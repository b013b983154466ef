"""What makes of wearable falld speaks: each module in this folder, registered by being there.

A module holds one driver as `DRIVER`, or several as `DRIVERS`; those whose names begin with an underscore only help.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from falld.errors import FalldError
from falld.sensors.driver import Advertisement, Driver


class UnknownDriver(FalldError):
    """There is no driver of this name."""


@functools.cache
def drivers() -> tuple[Driver, ...]:
    """All of them, by name."""
    found: list[Driver] = []
    for entry in pkgutil.iter_modules(__path__):
        if entry.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{entry.name}")
        if hasattr(module, "DRIVER"):
            found.append(module.DRIVER)
        found.extend(getattr(module, "DRIVERS", ()))
    return tuple(sorted(found, key=lambda driver: driver.name))


def by_name(name: str) -> Driver:
    """The driver that the configuration names.

    Raises:
        UnknownDriver: there is none; lists those that there are.
    """
    for driver in drivers():
        if driver.name == name:
            return driver
    known = ", ".join(driver.name for driver in drivers())
    raise UnknownDriver(f"driver {name!r}", "there is none of this name", f"take one of {known}")


def match(seen: Advertisement) -> Driver | None:
    """The first driver, by name, whose make an advertisement is of."""
    return next((driver for driver in drivers() if driver.matches(seen)), None)
