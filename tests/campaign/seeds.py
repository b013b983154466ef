"""Deaths that overlap, by a row of random numbers: homes, broker and hub are killed while the others are down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from generator import RAISE_AFTER_S, Order
from road import BrokerPart, Road
from verdict import OVERLAPPING, Key, Verdict, accepted, judge, stored

LOOK_S = 0.02
COUNT_S = 1.0
DRAIN_S = 240.0
"""What is committed must be at the hub so long after the last fault: the longest back-off of a link (60 s), then the
longest wait for another sending (144 s)."""
QUIET_S = 3.0
"""A broken design is not waited for longer than this without news; what is in its outbox then is not lost."""


@dataclass(frozen=True)
class Plan:
    """How a trial is run.

    Args:
        alerts: of each home.
        apart_s: mean time from one fall or call of a home to the next.
        fault_apart_s: mean time from one fault to the next.
        faults: so many at most: a slow machine is to come to an end.
        down_s: a fault lasts for up to so long.
        broken: the design is one that loses.
    """

    seed: int
    homes: int = 3
    alerts: int = 170
    apart_s: float = 0.12
    fault_apart_s: float = 0.6
    down_s: float = 2.0
    faults: int = 90
    protocol: str = "auto"
    broken: bool = False


@dataclass(frozen=True)
class Fault:
    """Of one part, that has no other one meanwhile."""

    name: str
    part: object
    begin: Callable[[], None]
    end: Callable[[], None]


def deaths(road: Road, random: Random) -> Iterator[Fault]:
    """kill -9 of homes, broker and hub."""
    while True:
        part = random.choice((road.broker, road.hub, random.choice(road.homes)))
        kind = part.name if part in (road.broker, road.hub) else "home"
        yield Fault(f"kill {kind}", part, part.kill, part.start)


def trial(
    name: str,
    plan: Plan,
    folder: Path,
    mosquitto: str,
    **variant: Callable[..., None],
) -> Verdict:
    """Deaths alone, from empty files to the verdict."""
    folder.mkdir()
    broker = BrokerPart(mosquitto, folder)
    orders = [
        Order(folder, f"h{n}", broker.port, plan.seed, plan.alerts, plan.apart_s, protocol=plan.protocol)
        for n in range(1, plan.homes + 1)
    ]
    return run(name, plan, Road(folder, broker, orders, **variant), orders, deaths)


def run(
    name: str, plan: Plan, road: Road, orders: list[Order], faults: Callable[[Road, Random], Iterator[Fault]]
) -> Verdict:
    """Alerts and faults, then none of either, then the verdict."""
    began = time.monotonic()
    with road:
        road.start()
        told = torment(road, plan, orders, faults(road, Random(f"{plan.seed}/what")))
        committed = drain(road, orders, broken=plan.broken)
    verdict = judge(name, orders, road.store, road.shown, committed)
    verdict.faults = told
    verdict.took_s = time.monotonic() - began
    return verdict


def torment(road: Road, plan: Plan, orders: list[Order], faults: Iterator[Fault]) -> Counter[str]:
    """Faults, many at a time, until all homes have made their alerts; then everything works again."""
    random = Random(f"{plan.seed}/when")
    told: Counter[str] = Counter()
    begun = 0
    faulty: dict[object, tuple[float, Fault]] = {}
    following = counted = time.monotonic()
    try:
        while True:
            now = time.monotonic()
            for _, fault in [each for each in faulty.values() if each[0] <= now]:
                del faulty[fault.part]
                fault.end()
            if now >= counted + COUNT_S:
                counted = now
                if len({key[:2] for key in accepted(orders)}) >= plan.homes * plan.alerts:
                    return told
            if now >= following and begun < plan.faults:
                following = now + random.expovariate(1 / plan.fault_apart_s)
                fault = next(faults)
                if fault.part not in faulty:
                    begun += 1
                    fault.begin()
                    told[fault.name] += 1
                    if faulty:
                        told[OVERLAPPING] += 1
                    faulty[fault.part] = now + random.uniform(0, plan.down_s), fault
            time.sleep(LOOK_S)
    finally:
        for _, fault in faulty.values():
            fault.end()


def drain(road: Road, orders: list[Order], *, broken: bool) -> set[Key]:
    """Until the hub has all, or a design that is broken sends no more; returns what had been committed by then."""
    time.sleep(RAISE_AFTER_S + LOOK_S)  # every fall that was suspected is raised now
    committed = accepted(orders).keys()
    left = committed - stored(road.store)
    give_up = time.monotonic() + (QUIET_S if broken else DRAIN_S)
    while left and time.monotonic() < give_up:
        time.sleep(0.2)
        before, left = left, left - stored(road.store)
        if broken and len(left) < len(before):
            give_up = time.monotonic() + QUIET_S
    return set(committed)
