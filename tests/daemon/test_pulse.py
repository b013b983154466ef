"""A monitoring hub that beats no more."""

from __future__ import annotations

import asyncio

from brokers import running, until

from falld.alert.clock import utc_now
from falld.alert.wire import Beat, HubStatus
from falld.daemon.pulse import HubSilent, Pulse


class Watched:
    """A pulse with a clock of the test's own, and what it told."""

    def __init__(self) -> None:
        self.t = 100.0
        self.told: list[HubSilent | None] = []
        self.pulse = Pulse("broker:8883", 90.0, self.told.append, lambda: self.t)

    async def look(self) -> None:
        """As if a timer had run out: whatever the real time, it looks once."""
        async with running(self.pulse.run):
            await asyncio.sleep(0.02)

    def beat(self) -> None:
        self.pulse.heard(Beat(hub="monitor", utc=utc_now()))


async def test_silence_is_a_fault_until_the_next_beat() -> None:
    hub = Watched()
    hub.t += 89.0
    await hub.look()
    assert hub.told == []
    hub.t += 1.0
    async with running(hub.pulse.run):
        await until(lambda: hub.pulse.fault)
        assert str(hub.pulse.fault) == (
            "broker:8883: no monitoring hub has been heard for 90 s: nobody listens; "
            "start the hub, or mend its way to the broker"
        )
        hub.beat()
        await until(lambda: hub.pulse.fault is None)
    assert len(hub.told) == 2
    assert hub.told[1] is None


async def test_a_hubs_birth_is_no_beat() -> None:
    hub = Watched()
    hub.t += 60.0
    hub.pulse.heard(HubStatus(hub="monitor", online=True))
    hub.t += 30.0
    async with running(hub.pulse.run):
        await until(lambda: hub.pulse.fault)
    assert len(hub.told) == 1


async def test_each_beat_gives_the_whole_time_again() -> None:
    hub = Watched()
    for _ in range(5):
        hub.t += 60.0
        hub.beat()
        await hub.look()
    assert hub.told == []
