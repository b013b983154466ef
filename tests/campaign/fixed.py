"""One death at the worst moment for each design that loses; falld bears it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import controls
from generator import Order
from ledger import read
from road import BrokerPart, Part, Road
from seeds import drain
from verdict import Verdict, judge

ALERTS = 12
WITHIN_S = 60.0


@dataclass(frozen=True)
class Point:
    """Where something dies.

    Args:
        up: what runs before.
        until: whether the moment has come.
        dies: what is killed then.
        control: the design that loses here, as an argument of `Road`.
    """

    name: str
    up: Callable[[Road], Iterable[Part]]
    until: Callable[[Order], bool]
    dies: Callable[[Road], Part]
    control: dict[str, Callable[..., None]]


def everything_is(kind: Callable[[Order], Path]) -> Callable[[Order], bool]:
    """All alerts are made, and all messages in another list of the home."""

    def reached(order: Order) -> bool:
        made = {(line["alert_id"], line["seq"]) for line in read([order.accepted])}
        there = {(line["alert_id"], line["seq"]) for line in read([kind(order)])}
        return len({alert_id for alert_id, _ in made}) >= order.alerts and made <= there

    return reached


POINTS = (
    Point(
        "home dies, broker away",
        lambda road: road.homes,
        everything_is(lambda order: order.accepted),
        lambda road: road.homes[0],
        {"generate": controls.publish_directly},
    ),
    Point(
        "home dies, no hub",
        lambda road: [road.broker, *road.homes],
        everything_is(lambda order: order.sent),
        lambda road: road.homes[0],
        {"generate": controls.delete_on_puback},
    ),
    Point(
        "hub dies, all acknowledged",
        lambda road: road.parts,
        everything_is(lambda order: order.acknowledged),
        lambda road: road.hub,
        {"hub": controls.acknowledge_before_commit},
    ),
)


def crash(point: Point, folder: Path, mosquitto: str, *, control: bool = False) -> Verdict:
    """Let it come to that, then let everything run again."""
    began = time.monotonic()
    folder.mkdir()
    broker = BrokerPart(mosquitto, folder)
    order = Order(folder, "h1", broker.port, seed=1, alerts=ALERTS, apart_s=0.01)
    with Road(folder, broker, [order], **(point.control if control else {})) as road:
        for part in point.up(road):
            part.start()
        give_up = time.monotonic() + WITHIN_S
        while not point.until(order):
            assert time.monotonic() < give_up, f"{point.name}: it did not come to that"
            time.sleep(0.05)
        point.dies(road).kill()
        for part in road.parts:
            if not part.alive:
                part.start()
        committed = drain(road, [order], broken=control)
    verdict = judge(point.name, [order], road.store, road.shown, committed)
    verdict.took_s = time.monotonic() - began
    return verdict
