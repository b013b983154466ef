"""Orders that a home refuses, on the whole way from a broker to its health there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from brokers import Mosquitto, Peer, until
from brokers import running as together
from homes import Listening, Scripted, config, running, standing

from falld.alert.clock import boot_id
from falld.alert.topics import Topics
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Command
from falld.publish.broker import Broker

HOME = Topics("h1")


async def test_they_are_counted_where_a_hub_sees_it(need: Callable[[str], str], tmp_path: Path) -> None:
    order = Command(id=uuid7(), boot_id=boot_id(), command="test_alarm").payload()
    stale = Command(id=uuid7(), boot_id="an-earlier-boot", command="test_alarm").payload()
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        hub = Peer(Broker("127.0.0.1", broker.port), subscribe=["falld/v1/h1/#"], births=[])
        home = Listening(config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 8)]), Scripted())
        async with together(hub.link.run):
            await until(lambda: hub.link.state.up)
            await hub.link.publish(HOME.command, order, retain=True)
            async with running(home.home):
                await until(lambda: hub.heard(HOME.status))
                for payload in (b"open the door", order[:-1] + b" " * 4096 + b"}", order, order, stale):
                    await hub.link.publish(HOME.command, payload)
                counted = {"invalid": 2, "retained": 1, "commands": 2}
                await until(lambda: [told for told in hub.heard(HOME.health) if told.get("refused") == counted])
    assert [said["kind"] for said in hub.heard(HOME.alert)][:1] == ["test"]
    assert len({said["alert_id"] for said in hub.heard(HOME.alert)}) == 1
