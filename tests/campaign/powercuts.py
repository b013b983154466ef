"""Power cuts with alerts in flight: the machine in which home, broker and hub run is killed, its disk is taken over.

It shows what is lost of what the machine's kernel had not written to its disk. A disk that says that it has written
what it has not is not in it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from cutmachine import Machine
from generator import Order
from ledger import Ledger
from road import BrokerPart, Road
from seeds import drain
from verdict import OF_THEM, Verdict, accepted, stored, waiting

from falld.daemon.control import SOCKET

IN_FLIGHT = f"{OF_THEM}with messages that no hub had"
APART_S = 0.05
ROW = 10
MESSAGES, THEN_S = 24, 0.5
"""The cut is after so many at most, and then so late at most."""
HUB_AFTER_S = 8.0
"""Of the machine's own clock, which jumps over its idle times: a hub that comes late finds much in flight."""
LOOK_S = SERIAL_S = 0.02
WITHIN_S = 120.0


def series(
    machine: Machine, folder: Path, mosquitto: str, cuts: int, control_cuts: int
) -> Iterator[tuple[Verdict, bool]]:
    """First at a fixed moment, then under seeds; each time falld, and the control that must lose."""
    plans: list[tuple[str, bool, Sequence[int | None]]] = [
        ("twelve messages, no hub", True, [None]),
        ("synchronous = OFF", False, [None]),
        *((f"cuts from {first}", True, range(first, min(first + ROW, cuts + 1))) for first in range(1, cuts + 1, ROW)),
        ("synchronous = OFF, seeds", False, range(1, control_cuts + 1)),
    ]
    for name, synchronous, seeds in plans:
        verdict = Verdict(name)
        for seed in seeds:
            cut(machine, folder, mosquitto, seed, verdict, synchronous=synchronous)
        yield verdict, not synchronous


def cut(
    machine: Machine, folder: Path, mosquitto: str, seed: int | None, verdict: Verdict, *, synchronous: bool = True
) -> None:
    """One cut, added to a verdict.

    Args:
        seed: the cut is after some messages, with a hub that comes up at some time; None: it is after twelve, and
            there is no hub.
        synchronous: False: the outbox leaves it to the machine's kernel when it is written.
    """
    random = Random(f"cut/{seed}")
    hub_after_s = None if seed is None else random.uniform(0, HUB_AFTER_S)
    messages, then_s = (12, 0.0) if seed is None else (random.randint(1, MESSAGES), random.uniform(0, THEN_S))
    folder.mkdir()
    broker = BrokerPart(mosquitto, folder)
    order = Order(folder, "h1", broker.port, seed or 0, alerts=0, apart_s=1.0)
    ledger = Ledger(order.accepted)
    began = time.monotonic()
    heard, until = 0, began + WITHIN_S
    with machine.going_on() as line:
        asked = {"seed": seed or 0, "synchronous": synchronous, "hub_after_s": hub_after_s}
        line.say(asked | {"alerts": 10_000, "apart_s": APART_S}, SERIAL_S)
        while time.monotonic() < until:
            lines = line.hear(LOOK_S)
            if lines:
                ledger.write(*lines)
                heard += len(lines)
                if heard >= messages:
                    until = min(until, time.monotonic() + then_s)
    assert heard >= messages, f"too few alerts came: {machine.console()}"
    with machine.files() as files:
        for path in files.iterdir():
            if path.is_dir() and path.name == order.home:
                shutil.copytree(path, order.state, ignore=shutil.ignore_patterns(SOCKET))
            elif path.is_file():
                shutil.copy(path, folder)
    in_flight = waiting([order]) - stored(folder / "hub.db")
    with Road(folder, broker, [order]) as road:
        road.start()
        committed = drain(road, [order], broken=not synchronous)
    made, kept, left = accepted([order]).keys(), stored(road.store), waiting([order])
    verdict.alerts += len({key[:2] for key in made})
    verdict.accepted += len(made)
    verdict.lost += sorted(made - kept - left)
    verdict.late += sorted((left & committed) - kept)
    verdict.faults["power cut"] += 1
    if in_flight:
        verdict.faults[IN_FLIGHT] += 1
    verdict.took_s += time.monotonic() - began
    shutil.rmtree(folder)
