"""What is told of a way to a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from falld.alert.outbox import Outbox
from falld.daemon.route import Route, Shared
from falld.publish.broker import Broker
from falld.publish.commands import CommandGate
from falld.publish.faults import LinkError
from falld.publish.link import LinkState
from falld.publish.worker import Worker


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def route(tmp_path: Path, told: list[str]) -> Any:
    disk = Worker("outbox")
    shared = Shared(
        home="h1", boot_id="boot-1", model="m", outbox=await disk(Outbox.open, tmp_path / "outbox.db"), disk=disk,
        gate=CommandGate("boot-1"), silent_s=90.0, receive=lambda said: None, acked=lambda ack: None,
        tell=lambda kind, text, **data: told.append(f"{kind}: {text}"),
    )  # fmt: skip
    yield Route(Broker("127.0.0.1", 1), shared, wait_s=lambda: 0.0, clips=None, changed=lambda: None, alone=True)
    await disk(shared.outbox.close)
    disk.close()


async def test_a_broker_that_is_away_for_days_is_told_of_once(route: Route, told: list[str]) -> None:
    for _ in range(50_000):  # one try in 3.5 s for two days, each with an error of its own
        route._linked(LinkState(up=False, fault=LinkError("127.0.0.1:1", "nothing listens", "start it"), retry_s=3.0))
    route._linked(LinkState(up=True, protocol="5"))
    route._linked(LinkState(up=False, fault=LinkError("127.0.0.1:1", "nothing listens", "start it"), retry_s=0.5))
    fault = "link: 127.0.0.1:1: nothing listens; start it"
    assert told == [fault, "link: up, MQTT 5", fault]
