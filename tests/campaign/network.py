"""Deaths, and meanwhile a network and a broker that misbehave."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from generator import Order
from proxy import Mode, Proxy
from road import BrokerPart, Road
from seeds import Fault, Plan, deaths, run
from verdict import Verdict

SETTINGS = "allow_anonymous true\nacl_file {acl}\nmax_inflight_messages 4\nmax_queued_messages 8"
"""A subscriber that stands still has room for 12 messages; what is more the broker throws away, and confirms."""
ALLOWED = "topic readwrite falld/v1/#\n"
MODES: tuple[Mode, ...] = ("slow", "half-open", "deaf after PUBLISH", "cut in a PUBLISH")
LEFT_HALF_OPEN = 0.2
"""Of the connections that are half-open or deaf so many are never closed: falld must find out by itself."""


def troubled(name: str, plan: Plan, folder: Path, mosquitto: str) -> Verdict:
    """All of it, from empty files to the verdict."""
    folder.mkdir()
    acl = folder / "acl"
    acl.write_text(ALLOWED)
    acl.chmod(0o700)
    broker = BrokerPart(mosquitto, folder, SETTINGS.format(acl=acl))
    proxy = Proxy(broker.port, plan.homes + 1, plan.seed)
    hub_port, *home_ports = proxy.ports
    orders = [
        Order(folder, f"h{n}", port, plan.seed, plan.alerts, plan.apart_s, protocol=plan.protocol)
        for n, port in enumerate(home_ports, start=1)
    ]
    proxy.start()
    try:
        road = Road(folder, broker, orders, hub_port=hub_port)
        return run(name, plan, road, orders, lambda road, random: trouble(road, random, proxy, acl))
    finally:
        proxy.kill()


def trouble(road: Road, random: Random, proxy: Proxy, acl: Path) -> Iterator[Fault]:
    """Deaths, networks, brokers that let nobody through, and programs that stand still."""
    dying = deaths(road, random)

    def network() -> Fault:
        port, mode = random.choice(proxy.ports), random.choice(MODES)
        lasting = mode in ("half-open", "deaf after PUBLISH") and random.random() < LEFT_HALF_OPEN
        after: Mode = "open" if lasting or mode == "slow" else "closed"
        told = f"{mode}, and stays so" if lasting else mode
        return Fault(told, port, partial(proxy.turn, port, mode), partial(proxy.turn, port, after))

    def denial() -> Fault:
        topic = random.choice(("alert", "ack"))

        def allow(text: str) -> None:
            acl.write_text(text)
            if road.broker.alive:
                road.broker.signal(signal.SIGHUP)

        denied = f"topic deny falld/v1/+/{topic}\n{ALLOWED}"
        return Fault(f"{topic} denied", acl, partial(allow, denied), partial(allow, ALLOWED))

    def standstill() -> Fault:
        part = random.choice((road.hub, random.choice(road.homes)))

        def tell(number: int) -> None:
            if part.alive:
                os.kill(part.pid, number)

        kind = "hub" if part is road.hub else "home"
        return Fault(f"{kind} stands still", part, partial(tell, signal.SIGSTOP), partial(tell, signal.SIGCONT))

    while True:
        yield random.choice((lambda: next(dying), network, network, denial, standstill))()
