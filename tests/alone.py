"""Imports each module of a package as if it were the first one; says which cannot be imported so, and why.

    python tests/alone.py PACKAGE

Each is imported with no other module of the package in sight, but what it asks for is executed only once for all: it is
imported alone before, and then handed out, with what it brought along and with nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Alone(MetaPathFinder, Loader):
    """Imports modules of one package alone.

    Args:
        names: the package's, and of those in it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.faults: dict[str, str] = {}
        """Why it cannot be, by module."""
        self._names = names
        self._tried: set[str] = set()
        self._good: dict[str, tuple[ModuleType, ModuleSpec | None, list[str]]] = {}
        """Modules that can be, with their own specs and the names of what they bring along."""

    def try_it(self, name: str) -> None:
        if name in self._tried:
            return
        self._tried.add(name)
        others = self._hide()
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001
            self.faults[name] = traceback.format_exc()
        else:
            brought = [each for each in self._in_sight() if each != name]
            # Where modules ask for each other, each is executed anew for the other, as it is in earnest.
            if all(each in self._good for each in brought):
                module = sys.modules[name]
                self._good[name] = module, module.__spec__, brought
        finally:
            self._hide()
            for each, module in others.items():
                sys.modules[each] = module
                _tell_parent(each, module)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in self._names:
            self.try_it(name)
        return ModuleSpec(name, self) if name in self._good else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._good[spec.name][0]

    def exec_module(self, module: ModuleType) -> None:
        _, module.__spec__, brought = self._good[module.__name__]
        for name in brought:
            importlib.import_module(name)

    def _in_sight(self) -> list[str]:
        return [name for name in sys.modules if name in self._names]

    def _hide(self) -> dict[str, ModuleType]:
        """All that was in sight, in order."""
        hidden = {name: sys.modules.pop(name) for name in self._in_sight()}
        for name, module in hidden.items():
            parent, _, last = name.rpartition(".")
            if parent in hidden and vars(hidden[parent]).get(last) is module:
                delattr(hidden[parent], last)
        return hidden


def _tell_parent(name: str, module: ModuleType) -> None:
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, module)


def main(package: str) -> int:
    """How many cannot be; those that are programs are left out."""
    folder = importlib.import_module(package).__path__
    found = [each.name for each in pkgutil.walk_packages(folder, f"{package}.", onerror=lambda name: None)]
    names = [package, *(name for name in found if not name.endswith("__main__"))]
    alone = Alone(names)
    sys.meta_path.insert(0, alone)
    for name in names:
        alone.try_it(name)
    for name, fault in alone.faults.items():
        sys.stderr.write(f"{name} cannot be imported alone:\n{fault}\n")
    return len(alone.faults)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 100))
