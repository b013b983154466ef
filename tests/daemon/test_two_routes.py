"""A home with two brokers and a hub at each, all real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from brokers import Mosquitto, Peer, until
from brokers import running as brokers_running
from click.testing import CliRunner, Result
from homes import Listening, Monitoring, Scripted, config, decision, running, standing

from falld.alert.clock import utc_now
from falld.alert.topics import Topics
from falld.cli import main
from falld.config.schema import Config
from falld.daemon.health import to_wire
from falld.publish.broker import Broker

LONG_S = 600.0


@dataclass
class Two:
    """The first broker and the second one, with a hub each that is not up yet."""

    folder: Path
    brokers: tuple[Mosquitto, Mosquitto]
    hubs: tuple[Monitoring, Monitoring]

    def settings(self, *, after_s: float, raise_after_s: float = 300, protocol: str = "3.1.1", **alert: Any) -> Config:
        """With a fall 0.2 s after the start."""
        recording = standing(self.folder / "belt.csv", 8)
        one = config(self.folder, 1, [recording])
        routes = [{"broker": {"host": "127.0.0.1", "port": b.port, "tls": False}} for b in self.brokers]
        for route in routes:
            route["broker"]["protocol"] = protocol
        said = one.model_dump() | {"routes": routes}
        said["alert"] |= {"second_route_after_s": after_s, "raise_after_s": raise_after_s, **alert}
        return Config.model_validate(said)


@pytest.fixture
def two(need: Callable[[str], str], tmp_path: Path) -> Iterator[Two]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (Mosquitto(need("mosquitto"), tmp_path / name) for name in ("a", "b"))
    try:
        second.start()
        hubs = (Monitoring(tmp_path, first.port, "hub-a"), Monitoring(tmp_path, second.port, "hub-b"))
        yield Two(tmp_path, (first, second), hubs)
    finally:
        first.kill()
        second.kill()


def fall() -> Scripted:
    return Scripted(decision("fall", 4.0, 2.0))


def said(home: Listening, kind: str, port: int) -> list[Any]:
    """What was heard of one route."""
    return [h for h in home.heard if h.kind == kind and h.data["route"] == f"127.0.0.1:{port}"]


async def shows(hub: Monitoring, state: str, seq: int) -> None:
    """Waits until a hub has one alert, in this state."""
    async with asyncio.timeout(60):
        while [(e.standing.state, e.standing.last_seq) for e in await hub.entries()] != [(state, seq)]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def both_up(two: Two) -> AsyncIterator[None]:
    two.brokers[0].start()
    async with two.hubs[0].up(), two.hubs[1].up():
        yield


async def test_the_second_is_tried_when_the_first_is_dead_and_what_follows_goes_to_both(two: Two) -> None:
    (first, second), (hub_a, hub_b) = two.brokers, two.hubs
    home = Listening(two.settings(after_s=0.5, raise_after_s=LONG_S / 2), fall())
    async with hub_b.up(), running(home.home):
        await until(lambda: said(home, "hub_committed", second.port))
        (begun,) = [h for h in home.heard if h.kind == "committed"]
        (sent,) = said(home, "published", second.port)
        assert sent.boottime - begun.boottime >= 0.4  # which is told a little after the commit
        assert sent.data["attempt"] == 1
        assert (await home.home.health())["outbox"] == 0
        first.start()
        async with hub_a.up():
            home.home._routes.wake()
            await until(lambda: any(h.data["up"] for h in said(home, "link", first.port)))
            await home.home._keeper.help("w1", "belt")
            await shows(hub_a, "raised", 2)
            await shows(hub_b, "raised", 2)
            await hub_b.respond(begun.data["alert_id"], "attending")
            await until(lambda: home.count("acknowledged") == 1)
            await hub_a.respond(begun.data["alert_id"], "seen")
            await home.home._keeper.cancel("w1")
            await shows(hub_a, "cancelled", 3)
            await shows(hub_b, "cancelled", 3)
            (opened,) = (await home.home.health())["open"]
    assert (opened["response"], opened["hub"]) == ("attending", "hub-b")


async def test_a_home_that_starts_again_still_tells_both(two: Two) -> None:
    first, second = two.brokers
    first.start()
    before = Listening(two.settings(after_s=0.2), fall())
    async with two.hubs[1].up(), running(before.home):
        await until(lambda: said(before, "hub_committed", second.port))
        assert said(before, "published", first.port)  # by a broker that does not tell that nobody listens
    again = Listening(two.settings(after_s=LONG_S), Scripted())
    async with two.hubs[0].up(), two.hubs[1].up(), running(again.home):
        await until(lambda: again.count("link"))
        await again.home._keeper.cancel("w1")
        await shows(two.hubs[0], "cancelled", 2)
        await shows(two.hubs[1], "cancelled", 2)


async def test_a_home_that_starts_again_tells_the_second_what_it_owed(two: Two) -> None:
    first, second = two.brokers
    before = Listening(two.settings(after_s=0.2), fall())
    async with two.hubs[1].up(), running(before.home):
        await until(lambda: said(before, "hub_committed", second.port))
        second.kill()
        first.start()
        async with two.hubs[0].up():
            await before.home._keeper.cancel("w1")
            await until(lambda: said(before, "hub_committed", first.port))
    second.start()
    again = Listening(two.settings(after_s=LONG_S), Scripted())
    async with two.hubs[1].up(), running(again.home):
        await until(lambda: said(again, "hub_committed", second.port))
        await shows(two.hubs[1], "cancelled", 2)
        assert (await again.home.health())["outbox"] == 0


async def test_a_route_that_has_it_in_time_keeps_it_from_the_other(two: Two) -> None:
    async with both_up(two):
        home = Listening(two.settings(after_s=LONG_S, raise_after_s=0), fall())
        async with running(home.home):
            await until(lambda: len(said(home, "hub_committed", two.brokers[0].port)) == 2)
            assert (await home.home.health())["outbox"] == 0
        assert await two.hubs[1].entries() == []


async def test_what_the_first_broker_refuses_goes_the_other_way_at_once(
    two: Two, need: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "acl").write_text("topic readwrite falld/v1/h1/status\ntopic read falld/#\n")
    with Mosquitto(need("mosquitto"), tmp_path / "c", f"allow_anonymous true\nacl_file {tmp_path / 'acl'}") as mean:
        two.brokers = (mean, two.brokers[1])
        home = Listening(two.settings(after_s=LONG_S, protocol="auto"), fall())
        async with two.hubs[1].up(), running(home.home):
            await until(lambda: said(home, "hub_committed", two.brokers[1].port))
            (refused,) = said(home, "published", mean.port)
            health = to_wire(await home.home.health(), utc_now(), clock_synced=True)
    assert refused.data["result"] == "NOT_AUTHORISED"
    assert any(f.code == "link" and "access list" in f.what and str(mean.port) in f.what for f in health.faults)


async def test_where_nobody_hears_the_first_the_other_is_tried_at_once(two: Two) -> None:
    two.brokers[0].start()
    home = Listening(two.settings(after_s=LONG_S, protocol="auto"), fall())
    async with two.hubs[1].up(), running(home.home):
        await until(lambda: said(home, "hub_committed", two.brokers[1].port))
        assert [h.data["result"] for h in said(home, "published", two.brokers[0].port)] == ["NO_SUBSCRIBER"]


async def test_where_no_hub_beats_on_the_first_the_other_is_tried_at_once(two: Two) -> None:
    two.brokers[0].start()
    home = Listening(two.settings(after_s=LONG_S, hub_silent_s=0.1), Scripted(decision("fall", 7.5, 6.0)))
    async with two.hubs[1].up(), running(home.home):
        await until(lambda: said(home, "hub_committed", two.brokers[1].port))
        health = to_wire(await home.home.health(), utc_now(), clock_synced=True)
    assert f"127.0.0.1:{two.brokers[0].port}" in next(f.what for f in health.faults if f.code == "hub")


async def test_a_test_alarm_goes_over_both_and_tells_which_way_is_shut(two: Two) -> None:
    (first, second), (hub_a, hub_b) = two.brokers, two.hubs
    first.start()
    path = two.folder / "falld.yaml"
    path.write_text(yaml.safe_dump(json.loads(two.settings(after_s=LONG_S).model_dump_json(exclude_defaults=True))))

    async def verb(wait_s: int) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, ["test-alarm", "-c", str(path), "--wait", f"{wait_s}"])

    home = Listening(two.settings(after_s=LONG_S), Scripted())
    async with hub_a.up(), running(home.home):
        await until(lambda: home.count("link") >= 2)
        shut = await verb(2)
        async with hub_b.up():
            asked = asyncio.ensure_future(verb(60))
            await until(lambda: len(said(home, "hub_committed", second.port)) == 4)
            for entry in await hub_b.entries():
                await hub_b.respond(entry.alert_id, "seen")
            open_way = await asked
    assert (shut.exit_code, open_way.exit_code) == (1, 0)
    missing = [f"no monitoring hub at 127.0.0.1:{second.port} has committed it", "no person has answered it"]
    assert shut.stderr.splitlines() == [f"missing: {what}" for what in missing]
    assert f"hub committed: hub-b at 127.0.0.1:{second.port} has message 1" in open_way.stdout


@pytest.mark.parametrize("after_s", [0.1, 1.5])  # 1.5: the clip is whole before its alert goes there
async def test_a_clip_goes_where_its_alert_went(two: Two, after_s: float) -> None:
    peer = Peer(Broker("127.0.0.1", two.brokers[1].port), "clips", subscribe=["falld/v1/h1/clip/+"])
    home = Listening(two.settings(after_s=after_s), fall())
    async with two.hubs[1].up(), brokers_running(peer.link.run), running(home.home):
        await until(lambda: home.count("ended") == 1)
        alert_id = next(h.data["alert_id"] for h in home.heard if h.kind == "committed")
        await until(lambda: peer.heard(Topics("h1").clip(alert_id)))


async def test_a_stolen_client_id_is_a_fault_of_its_route_alone(two: Two) -> None:
    first, second = two.brokers
    first.start()
    thief = Peer(Broker("127.0.0.1", first.port, protocol="3.1.1"))
    thief.link._client_id = "falld-h1"
    home = Listening(two.settings(after_s=0.1), fall())
    async with two.hubs[1].up(), brokers_running(thief.link.run), running(home.home):
        await until(lambda: any("same identity" in h.text for h in said(home, "link", first.port)))
        await until(lambda: said(home, "hub_committed", second.port))
        assert not [h for h in said(home, "link", second.port) if h.data.get("fault")]
