"""The link to a wearable: real bleak, against a stand-in for BlueZ."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from bluez import ABORTED, Bluez, private_bus, running
from brokers import until
from h10 import CONTROL, DATA
from wearables import PolarStrap

from falld.alert.clock import boottime
from falld.sensors.adapter import Adapter
from falld.sensors.driver import Advertisement, Driver, Frame, Said, Session, Wish
from falld.sensors.drivers import by_name, match
from falld.sensors.link import Link, Timing, Wanted
from falld.sensors.status import WAITS, Status, Waits

ADDRESS = "A0:9E:1A:0A:1B:2C"
SOON = Waits(dict.fromkeys(WAITS, (0.01, 0.05)))
PATIENT = Timing(stall=600.0)


@pytest.fixture(autouse=True)
def _bus(need: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with private_bus(need("dbus-daemon"), monkeypatch):
        yield


@dataclass
class Heard:
    """What a link tells."""

    statuses: list[Status] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    samples: int = 0

    def began(self, session: Session) -> None:
        self.sessions.append(session)

    def heard(self, said: Said, came_t: float) -> None:
        if isinstance(said, Frame):
            self.samples += len(said.acc)

    def changed(self, status: Status) -> None:
        self.statuses.append(status)

    @property
    def states(self) -> list[str]:
        """Each once, while it lasts."""
        told = [status.state for status in self.statuses]
        return [state for before, state in zip(["", *told], told, strict=False) if state != before]

    def fault(self, state: str) -> str:
        """The fault told with the latest state of this name."""
        return next(str(status.fault) for status in reversed(self.statuses) if status.state == state)


@contextlib.asynccontextmanager
async def linked(
    adapter: Adapter,
    wanted: Wanted,
    *,
    timing: Timing = PATIENT,
    claimed: set[str] | None = None,
    choose: Callable[[Advertisement], Driver | None] = match,
) -> AsyncIterator[Heard]:
    """A link that runs."""
    heard = Heard()
    link = Link(
        "strap", wanted, adapter, choose=choose,
        begin=lambda driver: driver.session(Wish()), listener=heard,
        claimed=set() if claimed is None else claimed, now=boottime, timing=timing, waits=Waits(SOON.bounds),
    )  # fmt: skip
    task = asyncio.create_task(link.run())
    try:
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def scanning(name: str | None = None, **options: object) -> AsyncIterator[Adapter]:
    adapter = Adapter(name, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(adapter.run())
    try:
        yield adapter
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def one(strap: PolarStrap, **options: object) -> AsyncIterator[tuple[Bluez, Heard]]:
    """A stand-in with one strap, and a link to it."""
    async with running() as bluez, scanning() as adapter:
        bluez.add(strap)
        async with linked(adapter, Wanted(strap.address), **options) as heard:  # type: ignore[arg-type]
            yield bluez, heard


async def test_a_strap_is_found_started_heard_and_stopped() -> None:
    strap = PolarStrap(ADDRESS)
    async with one(strap) as (bluez, heard):
        await until(lambda: heard.samples >= 20)
        assert (strap.connects, len(strap.starts), strap.streams) == (1, 1, True)
        assert not bluez.scanning, "nobody is looked for any more"
    assert heard.states == ["searching", "connecting", "starting", "streaming"]
    latest = heard.statuses[-1]
    assert (latest.address, latest.driver, latest.battery, latest.fault) == (ADDRESS, "polar", 87, None)
    assert latest.rssi is not None
    assert (heard.sessions[0].rate_hz, heard.sessions[0].range_g) == (50.0, 8.0)
    assert (strap.stops, strap.streams, strap.connected) == (1, False, False)
    assert not bluez.overlaps


@pytest.mark.parametrize("cached", [False, True])
async def test_a_lost_connection_is_made_anew(cached: bool) -> None:
    strap = PolarStrap(ADDRESS)
    strap.cached = cached
    async with one(strap) as (bluez, heard):
        for times in (1, 2, 3):
            before = heard.samples
            await until(lambda before=before, times=times: heard.samples > before and len(strap.starts) == times)
            strap.drop()
            await until(lambda times=times: heard.states.count("lost") == times)
        await until(lambda: heard.states.count("streaming") == 4)
    assert "the connection was lost" in heard.fault("lost")
    assert strap.subscriptions == 4 * 3, "three characteristics, once a connection"
    assert not bluez.overlaps


async def test_a_stream_that_stalls_is_made_anew() -> None:
    strap = PolarStrap(ADDRESS)
    async with one(strap, timing=Timing(stall=1.0)) as (_, heard):
        await until(lambda: heard.samples)
        strap.mute = True
        await until(lambda: "stalled" in heard.states)
        strap.mute = False
        await until(lambda: heard.states.count("streaming") >= 2)
    assert "sent no sample for 1 s" in heard.fault("stalled")
    assert strap.stops >= 2, "before it was started again, and at the end"


async def test_a_strap_that_ends_its_stream_is_asked_again() -> None:
    strap = PolarStrap(ADDRESS)
    async with one(strap) as (_, heard):
        await until(lambda: heard.samples)
        strap.end()
        strap.notify(CONTROL, bytes([1, 2]))
        await until(lambda: heard.states.count("streaming") == 2)
    assert "ended its stream" in heard.fault("stopped")


async def test_the_end_waits_for_a_wearable_in_bounded_time() -> None:
    strap = PolarStrap(ADDRESS)
    async with one(strap, timing=Timing(goodbye=0.2)) as (_, heard):
        await until(lambda: heard.samples)
        strap.hangs = True
        ending = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - ending < 5, "not the 10 s of a step"
    assert not strap.connected


@pytest.mark.parametrize("error", ["br-connection-canceled", ABORTED, "le-connection-unknown"])
async def test_connects_that_fail_are_tried_again(error: str) -> None:
    strap = PolarStrap(ADDRESS)
    strap.connect_errors = [error] * 3
    async with one(strap) as (_, heard):
        await until(lambda: heard.samples)
        assert (strap.connect_errors, strap.connects >= 4) == ([], True)


async def test_a_connect_that_hangs_is_given_up() -> None:
    strap = PolarStrap(ADDRESS)
    strap.connect_errors = ["hang"]
    async with one(strap, timing=Timing(connect=1.0)) as (_, heard):
        await until(lambda: "unreachable" in heard.states)
        assert "no answer in time" in heard.fault("unreachable")
        await until(lambda: "streaming" in heard.states)


async def test_while_a_connect_hangs_others_are_heard() -> None:
    straps = [PolarStrap(ADDRESS), PolarStrap("A0:9E:1A:0A:1B:2D")]
    async with running() as bluez, scanning() as adapter:
        bluez.add(straps[0])
        async with linked(adapter, Wanted(straps[0].address)) as heard:
            await until(lambda: heard.samples)
            straps[1].connect_errors = ["hang"]
            bluez.add(straps[1])
            async with linked(adapter, Wanted(straps[1].address), timing=Timing(connect=600.0)) as hanging:
                await until(lambda: straps[1].connects)
                before = heard.samples
                await until(lambda: heard.samples > before + 20)
                assert hanging.states[-1] == "connecting"
        assert heard.states.count("streaming") == 1


async def test_a_strap_that_asks_for_a_pairing_gets_one() -> None:
    strap = PolarStrap(ADDRESS)
    strap.wants_pairing = True
    async with one(strap) as (_, heard):
        await until(lambda: heard.samples)
    assert strap.paired


async def test_what_refuses_says_why_and_is_asked_again() -> None:
    strap = PolarStrap(ADDRESS)
    charging = [13, 13]
    answer = strap.write

    def write(characteristic: str, data: bytes) -> str | None:
        if data[0] == 2 and charging:
            told = bytes([0xF0, 2, 2, charging.pop(), 0])
            asyncio.get_running_loop().call_soon(strap.notify, CONTROL, told)
            return None
        return answer(characteristic, data)

    strap.write = write  # type: ignore[method-assign]
    async with one(strap) as (_, heard):
        await until(lambda: heard.samples)
    assert heard.states.count("refused") == 2
    assert heard.fault("refused") == "wearable strap: does not start: it is in its charger; take it out of the charger"


async def test_garbage_is_counted_and_the_stream_goes_on() -> None:
    strap = PolarStrap(ADDRESS)
    async with one(strap) as (_, heard):
        await until(lambda: heard.samples)
        strap.notify(DATA, b"\x02garbage")
        before = heard.samples
        await until(lambda: heard.samples > before + 20)
        assert len(strap.starts) == 1
        strap.drop()
        await until(lambda: "lost" in heard.states)
    assert heard.statuses[-1].garbage == 1


async def test_a_connection_left_by_a_program_that_died_is_released() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning() as adapter:
        bluez.add(strap, connected=True)
        async with linked(adapter, Wanted(name="Polar H10 0A1B2C3D")) as heard:
            await until(lambda: heard.samples)
    assert strap.connects == 1


async def test_what_is_not_heard_or_of_no_known_make_is_told() -> None:
    strap = PolarStrap(ADDRESS)
    strap.advertises = False
    async with one(strap, timing=Timing(unheard=0.2)) as (_, heard):
        await until(lambda: heard.statuses and heard.statuses[-1].fault)
        assert f"{ADDRESS} is not heard by adapter of this machine" in heard.fault("searching")
        strap.advertises = True
        await until(lambda: "streaming" in heard.states)
        assert heard.statuses[-1].fault is None
    async with one(PolarStrap(ADDRESS), timing=Timing(unheard=0.2), choose=lambda seen: None) as (_, heard):
        await until(lambda: heard.statuses and heard.statuses[-1].fault)
        assert "Polar H10 0A1B2C3D is of no make that is known" in heard.fault("searching")


async def test_one_that_cannot_detect_is_heard_and_told() -> None:
    class Slow(type(by_name("polar"))):  # type: ignore[misc]
        cannot_detect = "too slow"

    async with one(PolarStrap(ADDRESS), choose=lambda seen: Slow()) as (_, heard):
        await until(lambda: heard.samples)
    assert "wearable strap: cannot detect: too slow" in heard.fault("streaming")


async def test_two_straps_at_once_connect_one_after_the_other() -> None:
    straps = [PolarStrap(ADDRESS), PolarStrap("A0:9E:1A:0A:1B:2D", "Polar H10 99999999")]
    async with running() as bluez, scanning() as adapter:
        for strap in straps:
            bluez.add(strap)
        claimed: set[str] = set()
        async with (
            linked(adapter, Wanted(ADDRESS), claimed=claimed) as left,
            linked(adapter, Wanted(name="Polar H10 99999999"), claimed=claimed) as right,
        ):
            await until(lambda: left.samples >= 20 and right.samples >= 20)
            straps[0].drop()
            before = right.samples
            await until(lambda: len(straps[0].starts) == 2 and right.samples > before + 20)
        assert right.states.count("streaming") == 1
    assert not bluez.overlaps
    assert [strap.streams for strap in straps] == [False, False]


async def test_one_wearable_has_one_link() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning() as adapter:
        bluez.add(strap)
        claimed: set[str] = set()
        async with (
            linked(adapter, Wanted(ADDRESS), claimed=claimed) as first,
            linked(adapter, Wanted(name=strap.name), claimed=claimed, timing=Timing(unheard=0.2)) as second,
        ):
            await until(lambda: first.samples + second.samples >= 20)
            assert (strap.connects, len(strap.starts)) == (1, 1)
            assert {"searching"} in ({*first.states}, {*second.states})


async def test_of_two_adapters_one_goes_blind_and_the_other_streams_on() -> None:
    straps = [PolarStrap(ADDRESS), PolarStrap("A0:9E:1A:0A:1B:2D")]
    quiet = {"quiet_s": 0.2}
    async with (
        running("hci0", "hci1") as bluez,
        scanning("hci0", **quiet) as near,
        scanning("hci1", **quiet) as far,
    ):
        bluez.add(straps[0], "hci0")
        bluez.add(straps[1], "hci1")
        async with (
            linked(near, Wanted(straps[0].address), timing=Timing(unheard=0.1)) as left,
            linked(far, Wanted(straps[1].address)) as right,
        ):
            await until(lambda: left.samples and right.samples)
            straps[0].advertises = False
            straps[0].drop()
            await until(lambda: "adapter hci0: is blind: hears nobody" in str(left.statuses[-1].fault))
            assert (bluez.turned_off, far.fault) == ({"hci0"}, None)
            straps[0].advertises = True
            before = left.samples, right.samples
            await until(lambda: left.samples > before[0] and right.samples > before[1])
            assert near.fault is None
    assert (right.states.count("streaming"), straps[1].connects, len(straps[1].starts)) == (1, 1, 1)
    assert not bluez.overlaps


async def test_a_silent_adapter_is_scanned_anew_then_turned_off_and_on() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning(quiet_s=0.2) as adapter:
        bluez.add(strap)
        bluez.deaf = True

        def power(on: bool) -> None:
            bluez.deaf = bluez.deaf and not on

        bluez.on_power = power
        async with linked(adapter, Wanted(ADDRESS)) as heard:
            await until(lambda: heard.samples)
    assert bluez.powered[:2] == [False, True]
    assert bluez.scans >= 3, "two that heard nobody, and the one after the adapter came on"


async def test_an_adapter_that_stays_silent_is_blind_until_it_hears() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning(quiet_s=0.2) as adapter:
        bluez.add(strap)
        bluez.deaf = True
        async with linked(adapter, Wanted(ADDRESS), timing=Timing(unheard=0.1)) as heard:
            await until(lambda: heard.statuses and "is blind" in str(heard.statuses[-1].fault))
            assert "hears nobody for 0.2 s" in heard.fault("searching")
            bluez.deaf = False
            await until(lambda: heard.samples)
            assert adapter.fault is None


async def test_an_adapter_through_which_one_streams_is_not_turned_off() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning(quiet_s=0.05) as adapter:
        bluez.add(strap)
        async with linked(adapter, Wanted(ADDRESS)) as heard, linked(adapter, Wanted(name="nobody")):
            await until(lambda: heard.samples)
            bluez.deaf = True
            scans = bluez.scans
            await until(lambda: bluez.scans >= scans + 6)
            assert (bluez.powered, adapter.fault, heard.states[-1]) == ([], None, "streaming")


async def test_a_scan_that_cannot_begin_is_tried_again() -> None:
    strap = PolarStrap(ADDRESS)
    async with running() as bluez, scanning(retry_s=(0.01, 0.02)) as adapter:
        bluez.scan_errors = ["Not Powered", "Not Powered", "Not Powered"]
        bluez.add(strap)
        async with linked(adapter, Wanted(ADDRESS)) as heard:
            await until(lambda: heard.samples)
    assert bluez.powered == [False, True]


async def test_without_bluetooth_it_says_so_and_goes_on() -> None:
    async with scanning(retry_s=(0.01, 0.02)) as adapter:
        async with linked(adapter, Wanted(ADDRESS), timing=Timing(unheard=0.05)) as heard:
            await until(lambda: heard.statuses and "cannot" in str(heard.statuses[-1].fault))
        async with running() as bluez:
            bluez.add(PolarStrap(ADDRESS))
            async with linked(adapter, Wanted(ADDRESS)) as heard:
                await until(lambda: heard.samples)


def test_waits_double_up_to_a_bound_and_begin_anew() -> None:
    waits = Waits({**WAITS, "lost": (1.0, 5.0)}, uniform=lambda low, high: high)
    assert [waits.after("lost") for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert waits.after("refused") == WAITS["refused"][0]
    waits.reset()
    assert waits.after("lost") == 1.0
    assert by_name("polar").name == "polar"
