"""Deaths, and meanwhile a wall clock that is set by years, hours and seconds, forward and back, with alerts open."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from generator import Order
from ledger import read
from road import BrokerPart, Road
from seeds import Fault, Plan, deaths, run
from verdict import Verdict

LIBRARY = "libfaketimeMT.so.1"
PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime")
YEAR_S = 31_557_600
OFFSETS_S = (0, 10 * YEAR_S, -10 * YEAR_S, 3600, -3600, 30, -30)
"""Of the wall clock that homes and hub see: years, a summer time that a clock follows, and what a time server mends."""


def library() -> Path | None:
    """What sets the clock of a single program; None: it is not installed."""
    found = [path for place in PLACES for path in Path("/").glob(f"{place[1:]}/{LIBRARY}")]
    return found[0] if found else None


def stepped(name: str, plan: Plan, folder: Path, mosquitto: str, faketime: Path) -> Verdict:
    """From empty files to the verdict."""
    folder.mkdir()
    clock = folder / "clock"
    clock.write_text("+0")
    environment = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    broker = BrokerPart(mosquitto, folder)
    orders = [
        Order(folder, f"h{n}", broker.port, plan.seed, plan.alerts, plan.apart_s) for n in range(1, plan.homes + 1)
    ]
    road = Road(folder, broker, orders, environment=environment)
    verdict = run(name, plan, road, orders, lambda road, random: steps(road, random, clock))
    ages = [line["age_s"] for line in read([road.shown]) if line["event"] == "alert" and line["age_s"] is not None]
    if max(ages) > verdict.took_s:
        verdict.wrong.append(f"a fall was shown {max(ages)} s old")
    return verdict


def steps(road: Road, random: Random, clock: Path) -> Iterator[Fault]:
    """Mostly of the clock, which stays as it is until the next; some deaths."""
    dying = deaths(road, random)
    offset_s = 0
    while True:
        if random.random() < 0.3:
            yield next(dying)
            continue
        before, offset_s = offset_s, random.choice([each for each in OFFSETS_S if each != offset_s])
        name = "clock set forward" if offset_s > before else "clock set back"
        yield Fault(name, clock, partial(_set, clock, offset_s), lambda: None)


def _set(clock: Path, offset_s: int) -> None:
    new = clock.with_suffix(".new")
    new.write_text(f"{offset_s:+d}")
    new.replace(clock)
