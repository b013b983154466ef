"""A home with a scripted detector, a real broker, a real hub and real files."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto, free_port, until
from homes import Listening, Monitoring, Scripted, config, decision, outbox_length, running, standing
from smalldisk import small_disk

from falld.alert.clock import boot_id, utc_now
from falld.alert.outbox import OutboxError
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Command, Health, Status, parse
from falld.daemon.health import to_wire
from falld.daemon.home import OUTBOX
from falld.daemon.parts import HomeError
from falld.publish.broker import Broker
from falld.publish.link import Link
from falld.samples.recording import Mark
from falld.sensors.drivers import UnknownDriver


@pytest.fixture
def broker(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        yield mosquitto


def fall(t: float = 4.0, impact_t: float = 2.0) -> Scripted:
    return Scripted(decision("candidate", t, impact_t), decision("fall", t, impact_t))


async def test_a_fall_travels_to_an_acknowledged_alert(broker: Mosquitto, tmp_path: Path) -> None:
    detector = fall()
    home = Listening(config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 8)]), detector)
    async with Monitoring(tmp_path, broker.port).up() as hub, running(home.home):
        await until(lambda: home.count("hub_committed") == 2)
        (entry,) = await hub.entries()
        assert entry.standing.raised_by == "home"
        await hub.respond(entry.alert_id, "seen")
        await until(lambda: home.count("acknowledged") == 1)
        (opened,) = (await home.home.health())["open"]
        assert (opened["state"], opened["response"], opened["hub"]) == ("raised", "seen", "monitor")
        await hub.respond(entry.alert_id, "resolved")
        await until(lambda: home.count("acknowledged") == 2)
        await until(lambda: home.count("ended") == 1)
        health = await home.home.health()
    assert detector.fed == 400
    assert home.committed() == ["suspected", "raised"]
    order = [kind for kind in home.kinds() if kind not in ("ended", "acknowledged")]
    assert order[:4] == ["listening", "impact", "decision", "committed"]
    assert sorted(order[4:]) == ["committed", "hub_committed", "hub_committed", "published", "published"]
    assert [h.data["response"] for h in home.heard if h.kind == "acknowledged"] == ["seen", "resolved"]
    assert (health["open"], health["outbox"], health["wearables"][0]["samples"]) == ([], 0, 400)
    assert health["counters"]["acked"] == 2
    assert outbox_length(tmp_path) == 0
    impact = next(h for h in home.heard if h.kind == "impact")
    decided = next(h for h in home.heard if h.kind == "decision")
    assert decided.boottime - impact.boottime == pytest.approx(2.0 / 20)
    latest = entry.latest
    assert latest is not None
    assert (latest.wearer, latest.sources, latest.probability, latest.model) == ("w1", ("belt",), 0.93, "stand-in")
    assert latest.age_s is not None
    assert 0.1 < latest.age_s < 5


async def test_a_cancelled_fall_is_listed_without_a_sound(broker: Mosquitto, tmp_path: Path) -> None:
    recording = standing(tmp_path / "belt.csv", 8, Mark(5.0, "cancel"))
    home = Listening(config(tmp_path, broker.port, [recording], raise_after_s=3), fall())
    async with Monitoring(tmp_path, broker.port).up() as hub, running(home.home):
        await until(lambda: home.count("hub_committed") == 2)
        (entry,) = await hub.entries()
    assert home.committed() == ["suspected", "cancelled"]
    assert entry.standing.raised_by is None
    assert [h.text for h in home.heard if h.kind == "button"] == ["cancel"]


async def test_recovery_a_doubt_made_certain_and_a_call_for_help(broker: Mosquitto, tmp_path: Path) -> None:
    recording = standing(tmp_path / "belt.csv", 8, Mark(6.0, "help"))
    detector = Scripted(decision("fall", 2.0, 1.0), decision("recovered", 3.0, 1.0), decision("confirmed", 5.0, 1.0))
    home = Listening(config(tmp_path, broker.port, [recording], raise_after_s=30), detector)
    async with running(home.home):
        await until(lambda: home.count("ended") == 1)
    assert home.committed()[:2] == ["suspected", "recovered"]
    helped = [h.data["kind"] for h in home.heard if h.kind == "committed"]
    assert helped[-1] == "help"


async def test_two_wearables_of_one_wearer_make_one_alert(broker: Mosquitto, tmp_path: Path) -> None:
    recordings = [standing(tmp_path / f"{name}.csv", 6) for name in ("belt", "watch")]
    home = Listening(config(tmp_path, broker.port, recordings, raise_after_s=30), fall(), fall(4.2, 2.1))
    async with running(home.home):
        await until(lambda: home.count("ended") == 2)
    assert home.committed() == ["suspected", "note"]
    assert len({h.data["alert_id"] for h in home.heard if h.kind == "committed"}) == 1


async def test_what_no_broker_took_is_sent_after_a_restart_and_raised_by_then(
    broker: Mosquitto, tmp_path: Path
) -> None:
    recording = standing(tmp_path / "belt.csv", 5)
    alone = Listening(config(tmp_path, free_port(), [recording], raise_after_s=1.5), fall())
    async with running(alone.home):
        await until(lambda: alone.count("committed") == 1)
    assert outbox_length(tmp_path) == 1
    again = Listening(config(tmp_path, broker.port, [recording], raise_after_s=1.5), Scripted())
    async with Monitoring(tmp_path, broker.port).up() as hub, running(again.home):
        await until(lambda: again.count("hub_committed") == 2)
        (entry,) = await hub.entries()
    assert again.committed() == ["raised"]
    assert entry.standing.raised_by == "home"
    suspected = next(h for h in alone.heard if h.kind == "committed")
    raised = next(h for h in again.heard if h.kind == "committed")
    assert suspected.data["alert_id"] == raised.data["alert_id"]
    assert raised.boottime - suspected.boottime > 1.4  # it is told a little after the commit


async def test_what_waits_is_decided_while_the_wearable_is_silent(broker: Mosquitto, tmp_path: Path) -> None:
    recording = standing(tmp_path / "belt.csv", 9, gap=(2.0, 6.5))
    detector = Scripted(decision("fall", 4.3, 1.9), deadline=4.3)
    home = Listening(config(tmp_path, broker.port, [recording]), detector)
    async with running(home.home):
        await until(lambda: home.count("ended") == 1)
    assert detector.advanced == [4.3]
    assert [kind for kind in home.kinds() if kind in ("silent", "decision")] == ["silent", "decision"]


async def test_a_wearable_that_fails_is_told_and_the_others_go_on(broker: Mosquitto, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("time_s,x_g,y_g,z_g\n0.0,0,0,1\n0.02,a,0,1\n")
    recordings = [broken, tmp_path / "none.csv", standing(tmp_path / "belt.csv", 3)]
    home = Listening(config(tmp_path, broker.port, recordings), Scripted(decision("fall", 2.0, 1.0)))
    async with running(home.home):
        await until(lambda: home.count("ended") == 1 and home.count("committed") >= 1)
        health = await home.home.health()
    assert [w["state"] for w in health["wearables"]] == ["failed", "failed", "ended"]
    assert "broken.csv:3" in health["wearables"][0]["fault"]
    assert "none.csv: does not exist" in health["wearables"][1]["fault"]
    assert home.count("fault") == 2


async def test_what_nobody_foresaw_ends_the_daemon(broker: Mosquitto, tmp_path: Path) -> None:
    class Faulty(Scripted):
        def feed(self, block: object) -> list[object]:  # type: ignore[override]
            raise ZeroDivisionError

    home = Listening(config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 3)]), Faulty())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(home.home.run(), 30)


async def test_a_full_disk_keeps_no_alert_from_the_hub(
    broker: Mosquitto, tmp_path: Path, missing: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falld.daemon.keeper.LONGEST_WAIT_S", 0.1)
    said: dict[str, bytes] = {}
    recording = standing(tmp_path / "belt.csv", 8)
    with small_disk(tmp_path / "disk", missing) as disk:
        home = Listening(config(disk.folder, broker.port, [recording], raise_after_s=30), fall())
        async with Monitoring(tmp_path, broker.port).up() as hub, speaker(broker.port, said, Topics("h1").health):
            disk.fill()
            async with running(home.home):
                await until(lambda: home.count("hub_committed") == 1)
                (entry,) = await hub.entries()
                assert "free space" in (await home.home.health())["outbox_fault"]
                await until(lambda: Topics("h1").health in said)
                assert parse(Health, said[Topics("h1").health], "").faults[0].code == "outbox"
                disk.free()
                await until(lambda: home.home._keeper.outbox._disk_fault is None)
        with contextlib.closing(sqlite3.connect(disk.folder / OUTBOX)) as db:
            (state,) = db.execute("SELECT state FROM life").fetchone()
    assert entry.alert_id in state


async def test_a_second_daemon_with_the_same_outbox_is_refused(broker: Mosquitto, tmp_path: Path) -> None:
    recording = standing(tmp_path / "belt.csv", 60)
    first = Listening(config(tmp_path, broker.port, [recording], speed=1), Scripted())
    second = Listening(config(tmp_path, broker.port, [recording], speed=1), Scripted())
    async with running(first.home):
        await until(lambda: first.count("samples"))
        with pytest.raises(OutboxError, match="one falld, one outbox"):
            await asyncio.wait_for(second.home.run(), 30)


async def test_what_cannot_begin_says_why(tmp_path: Path) -> None:
    good = config(tmp_path / "no" / "such", 1, [tmp_path / "belt.csv"])
    with pytest.raises(HomeError, match="cannot be made: No such file or directory; make it for falld"):
        await Listening(good).home.run()
    live = good.model_dump()
    live["wearers"][0]["wearables"] = [{"address": "C4:64:E3:12:34:56", "driver": "pollar"}]
    with pytest.raises(UnknownDriver, match="driver 'pollar': there is none of this name; take one of "):
        await Listening(type(good).model_validate(live)).home.run()


async def test_a_test_alarm_is_obeyed_once_also_after_a_restart(broker: Mosquitto, tmp_path: Path) -> None:
    settings = config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 1)])
    command = Command(id=uuid7(), boot_id=boot_id(), command="test_alarm").payload()
    async with Monitoring(tmp_path, broker.port).up() as hub, speaker(broker.port) as link:
        first = Listening(settings, Scripted())
        async with running(first.home):
            await until(lambda: first.count("link"))
            await link.publish(Topics("h1").command, command)
            await until(lambda: first.count("hub_committed") == 2)
            await link.publish(Topics("h1").command, command)
            await until(lambda: first.home._routes.all[0].publisher.counters.commands_refused == 1)
        second = Listening(settings, Scripted())
        async with running(second.home):
            await until(lambda: second.count("link"))
            await link.publish(Topics("h1").command, command)
            await until(lambda: second.home._routes.all[0].publisher.counters.commands_refused == 1)
        assert (first.committed(), second.committed()) == (["suspected", "raised"], [])
        (entry,) = await hub.entries()
    assert entry.latest is not None
    assert (entry.latest.kind, entry.latest.wearer, entry.latest.sources) == ("test", "h1", ())


async def test_the_hub_is_told_how_the_home_is(broker: Mosquitto, tmp_path: Path) -> None:
    said: dict[str, bytes] = {}
    topics = Topics("h1")
    alone = Listening(config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 3)], raise_after_s=0), fall())
    async with running(alone.home):
        await until(lambda: alone.count("committed") == 2)
    home = Listening(config(tmp_path, broker.port, [tmp_path / "belt.csv"]), Scripted())
    async with speaker(broker.port, said, topics.health, topics.status):
        async with running(home.home):
            await until(lambda: len(said) == 2)
            status = parse(Status, said[topics.status], "")
            health = parse(Health, said[topics.health], "")
        await until(lambda: not parse(Status, said[topics.status], "").online)
    assert (status.online, status.model, status.boot_id) == (True, "stand-in", boot_id())
    assert [(w.source, w.wearer) for w in health.wearables] == [("belt", "w1")]
    assert (health.outbox, len(health.open), health.open[0].kind) == (2, 1, "fall")


async def test_a_hub_that_is_not_heard_is_a_fault_until_it_is(broker: Mosquitto, tmp_path: Path) -> None:
    settings = config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 1)])
    brief = settings.alert.model_copy(update={"hub_silent_s": 0.2})
    home = Listening(settings.model_copy(update={"alert": brief}), Scripted())
    async with running(home.home):
        await until(lambda: home.count("link") and home.count("hub"))
        health = to_wire(await home.home.health(), utc_now(), clock_synced=True)
        assert [fault.code for fault in health.faults] == ["hub"]
        async with Monitoring(tmp_path, broker.port).up():  # it beats when it connects
            await until(lambda: any(h.kind == "hub" and "again" in h.text for h in home.heard))


async def test_a_life_that_is_kept_is_whole(broker: Mosquitto, tmp_path: Path) -> None:
    home = Listening(config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 6)], raise_after_s=30), fall())
    async with running(home.home):
        await until(lambda: home.count("committed") == 1)
    with contextlib.closing(sqlite3.connect(tmp_path / OUTBOX)) as db:
        (rows,) = db.execute("SELECT count(*) FROM outbox").fetchone()
        (state,) = db.execute("SELECT state FROM life").fetchone()
    alert_id = next(h.data["alert_id"] for h in home.heard if h.kind == "committed")
    assert rows == 1
    assert alert_id in state


@contextlib.asynccontextmanager
async def speaker(port: int, said: dict[str, bytes] | None = None, *topics: str) -> AsyncIterator[Link]:
    """A client that is up, and what it heard last."""
    heard = {} if said is None else said
    link = Link(
        Broker("127.0.0.1", port, protocol="3.1.1"),
        "speaker",
        will=("speaker", b""),
        birth=lambda: [],
        subscribe=topics or ("nothing",),
        on_message=lambda topic, payload, retain: heard.update({topic: payload}),
    )
    task = asyncio.create_task(link.run())
    try:
        await until(lambda: link.state.up)
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
