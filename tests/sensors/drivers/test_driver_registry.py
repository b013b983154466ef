"""Drivers are registered by being there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falld.sensors import drivers as package
from falld.sensors.driver import Advertisement
from falld.sensors.drivers import UnknownDriver, by_name, drivers, match

STAND_IN = """
class StandIn:
    title = "Stand-in"
    cannot_detect = None

    def __init__(self, name, begins):
        self.name = name
        self.begins = begins

    def matches(self, seen):
        return (seen.name or "").startswith(self.begins)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of drivers of its own."""
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    before = set(sys.modules)
    importlib.invalidate_caches()
    drivers.cache_clear()
    yield tmp_path
    drivers.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith(package.__name__):
            del sys.modules[name]
            delattr(package, name.rpartition(".")[2])


def test_finds_what_is_there(folder: Path) -> None:
    (folder / "single.py").write_text(STAND_IN + 'DRIVER = StandIn("middle", "M")\n')
    (folder / "several.py").write_text(STAND_IN + 'DRIVERS = (StandIn("last", "L"), StandIn("another", "A"))\n')
    (folder / "buttons.py").write_text("NEITHER = 1\n")
    (folder / "_help.py").write_text(STAND_IN + 'DRIVER = StandIn("hidden", "H")\n')
    assert [driver.name for driver in drivers()] == ["another", "last", "middle"]
    assert by_name("last").matches(Advertisement("00:00", "Lx"))


def test_matches_the_first_by_name(folder: Path) -> None:
    (folder / "several.py").write_text(
        STAND_IN + 'DRIVERS = (StandIn("b", "X"), StandIn("a", "X"), StandIn("c", "C"))\n'
    )
    seen = match(Advertisement("00:00", "X1"))
    assert seen is not None
    assert seen.name == "a"
    assert match(Advertisement("00:00", "other")) is None
    assert match(Advertisement("00:00")) is None


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownDriver, match=r"'fitbit'.*dot.*movesense.*polar"):
        by_name("fitbit")


def test_names_are_keys() -> None:
    names = [driver.name for driver in drivers()]
    assert names == sorted(set(names))
    assert {"dot", "movesense", "polar"} <= set(names)
    for driver in drivers():
        assert driver.name == driver.name.lower()
        assert len(driver.name.split()) == 1
        assert driver.title
        assert driver.cannot_detect != ""


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("Polar H10 12345678", "polar"),
        ("Polar Sense 0A1B2C3D", "polar"),
        ("Polar OH1 12345678", "polar"),
        ("Movesense 174630000192", "movesense"),
        ("Movella DOT", "dot"),
        ("Xsens DOT", "dot"),
        ("Polar H9 12345678", None),
        ("Polar Vantage V3", None),
        ("", None),
        (None, None),
    ],
)
def test_knows_makes_by_their_names(name: str | None, driver: str | None) -> None:
    found = match(Advertisement("C0:00:00:00:00:01", name))
    assert (found and found.name) == driver


def test_knows_makes_by_what_else_they_advertise() -> None:
    renamed = Advertisement("C0:00:00:00:00:01", "left wrist", manufacturer={0x0886: b"\0"})
    nameless = Advertisement("C0:00:00:00:00:01", services=frozenset({"34802252-7185-4d5d-b431-630e7050e8f0"}))
    assert [driver and driver.name for driver in (match(renamed), match(nameless))] == ["dot", "movesense"]
