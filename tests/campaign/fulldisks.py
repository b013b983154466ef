"""Homes and a hub whose disks are full from time to time, while broker and hub die.

A home whose disk is full keeps its alerts in memory and says so; one that is killed then has told that it may lose
them, so homes are not killed here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

from generator import Order
from road import BrokerPart, Road
from seeds import Fault, Plan, deaths, run
from smalldisk import SmallDisk, small_disk
from verdict import Verdict

SIZE = "16m"
"""The log of an SQLite file grows to 4 MB before it is folded in."""


def full(name: str, plan: Plan, folder: Path, mosquitto: str) -> Verdict:
    """From empty files to the verdict."""
    folder.mkdir()
    broker = BrokerPart(mosquitto, folder)
    orders = [
        Order(folder, f"h{n}", broker.port, plan.seed, plan.alerts, plan.apart_s) for n in range(1, plan.homes + 1)
    ]
    with ExitStack() as mounted:
        disks = [mounted.enter_context(small_disk(order.state, _refused, SIZE)) for order in orders]
        hub = mounted.enter_context(small_disk(folder / "store", _refused, SIZE))
        road = Road(folder, broker, orders, store=hub.folder / "hub.db")
        return run(name, plan, road, orders, lambda road, random: fillings(road, random, [*disks, hub]))


def fillings(road: Road, random: Random, disks: list[SmallDisk]) -> Iterator[Fault]:
    """Each disk, the hub's more often than any other; deaths of broker and hub. The hub ends where it cannot write, and
    is started again as a service manager does."""
    dying = (fault for fault in deaths(road, random) if fault.part not in road.homes)
    *homes, hub = disks
    while True:
        if random.random() < 0.4:
            yield next(dying)
            continue
        disk = random.choice((hub, random.choice(homes)))
        whose = "hub" if disk is hub else "home"
        yield Fault(f"disk of the {whose} full", disk.folder, disk.fill, partial(_free, road, disk))


def _free(road: Road, disk: SmallDisk) -> None:
    disk.free()
    if not road.hub.alive:
        road.hub.start()


def _refused(why: str) -> None:
    raise subprocess.SubprocessError(why)
