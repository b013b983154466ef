"""The files of deploy/mosquitto: a real broker with them, two homes and a hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from brokers import ALERT_ID, Deployed, until
from click.testing import CliRunner
from papers import Papers
from programs import falld, wait_for, write_config
from pydantic import SecretStr

from falld.alert.topics import Topics, hub_status
from falld.cli import main
from falld.publish.broker import Broker, Tls
from falld.publish.connection import Connection, Outgoing, Timing
from falld.publish.faults import LinkDown, LinkError, PublishResult

HOMES = ("h1", "h2")
BY_HOME = ("status", "health", "alert", f"clip/{ALERT_ID}")
BY_HUB = ("ack", "response", "command")
OF_HUB = ("status", "beat")
TOPICS = [
    *(f"falld/v1/{home}/{name}" for home in HOMES for name in (*BY_HOME, *BY_HUB, "other", "clip")),
    *(f"falld/v1/_hub/{hub}/{name}" for hub in ("hub1", "hub2", *HOMES) for name in OF_HUB),
    "falld/v1/_hub/status",
    "falld/v2/h1/status",
    "elsewhere",
]

ENDS = {Topics("h1").alert: "h1", Topics("h2").alert: "h2", Topics("h1").ack: "hub1", Topics("h2").ack: "hub1"}
"""By whom they are said, last of all."""


def may_write(user: str, topic: str) -> bool:
    """As CONTRACTS says it, told apart from the files."""
    match topic.split("/", 3):
        case ["falld", "v1", "_hub", name]:
            return user == "hub1" and name in ("hub1/status", "hub1/beat")
        case ["falld", "v1", home, name]:
            return name in BY_HUB if user == "hub1" else user == home and name in BY_HOME
    return False


def may_read(user: str, topic: str) -> bool:
    match topic.split("/", 3):
        case ["falld", "v1", "_hub", name]:
            return name.count("/") == 1
        case ["falld", "v1", home, name]:
            return name in BY_HOME if user == "hub1" else user == home and name in BY_HUB
    return False


@pytest.fixture
def broker(need: Callable[[str], str], tmp_path: Path) -> Iterator[Deployed]:
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    papers.signed("server", "ca", "IP:127.0.0.1")
    for user in ("h2", "hub1"):
        papers.signed(user, "ca")
    with Deployed(need, tmp_path, {"h1": "password-1", "hub1": "password-3"}) as broker:
        yield broker


def login(broker: Deployed, folder: Path, user: str, password: str | None = None) -> Broker:
    """h2 by its certificate, the others by their passwords."""
    ca = folder / "ca.pem"
    if user == "h2":
        tls = Tls(ca, folder / "h2.pem", folder / "h2-key.pem")
        return Broker("127.0.0.1", broker.certificate_port, tls)
    given = password or {"h1": "password-1", "hub1": "password-3"}[user]
    return Broker("127.0.0.1", broker.port, Tls(ca), user, SecretStr(given))


class Client:
    """A connection, and what came on it."""

    def __init__(self, broker: Broker, client_id: str, will: Outgoing | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connection = Connection(
            broker,
            client_id,
            "5",
            will=will,
            on_message=lambda topic, payload, retain: self.heard.append((topic, payload)),
            timing=Timing(),
        )

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        try:
            await self.connection.open(30)
            yield self
        finally:
            await self.connection.close()

    async def say(self, topic: str, payload: bytes = b"x") -> PublishResult:
        return await self.connection.publish(Outgoing(topic, payload))


async def test_each_says_and_hears_what_is_its_own_and_nothing_else(broker: Deployed, tmp_path: Path) -> None:
    users = ("h1", "h2", "hub1")
    async with contextlib.AsyncExitStack() as stack:
        clients = {
            user: await stack.enter_async_context(Client(login(broker, tmp_path, user), f"falld-{user}").connected())
            for user in users
        }
        for user, client in clients.items():
            # The broker takes any subscription and keeps back what may not be read, also of a shared one.
            await client.connection.subscribe(["#", "$SYS/#", f"$share/{user}/falld/v1/h1/#"])
        for user, client in clients.items():
            for topic in TOPICS:
                assert (await client.say(topic, user.encode())).accepted == may_write(user, topic), (user, topic)
        for topic, user in ENDS.items():
            await clients[user].say(topic, b"end")
        for user, client in clients.items():
            await ended(client, {end for end in ENDS if may_read(user, end)})
            heard = {(topic, by.decode()) for topic, by in client.heard if by != b"end"}
            assert heard == {(t, by) for by in users for t in TOPICS if may_write(by, t) and may_read(user, t)}


async def ended(client: Client, ends: set[str]) -> None:
    """What a broker delivers to one client comes in order."""
    await until(lambda: {topic for topic, said in client.heard if said == b"end"} == ends)


async def test_what_is_retained_is_kept_back_too(broker: Deployed, tmp_path: Path) -> None:
    async with Client(login(broker, tmp_path, "h1"), "a").connected() as home:
        await home.connection.publish(Outgoing(Topics("h1").status, b"{}", retain=True))
    async with Client(login(broker, tmp_path, "hub1"), "c").connected() as hub:
        await hub.connection.publish(Outgoing(hub_status("hub1"), b"{}", retain=True))
    async with Client(login(broker, tmp_path, "h2"), "b").connected() as other:
        await other.connection.subscribe(["#"])
        await until(lambda: other.heard)
    assert [topic for topic, _ in other.heard] == [hub_status("hub1")]


async def test_nobody_throws_another_out_by_its_client_id(broker: Deployed, tmp_path: Path) -> None:
    async with (
        Client(login(broker, tmp_path, "h1"), "falld-h1").connected() as home,
        Client(login(broker, tmp_path, "hub1"), "falld-hub-hub1").connected() as hub,
    ):
        for client_id in ("falld-h1", "h1", "falld-hub-hub1", "hub1"):
            async with Client(login(broker, tmp_path, "h2"), client_id).connected() as thief:
                assert (await thief.say(Topics("h2").alert)).accepted
        assert (await home.say(Topics("h1").alert)).accepted
        assert (await hub.say(Topics("h1").ack)).accepted


async def test_a_last_will_is_held_to_the_same_rules(broker: Deployed, tmp_path: Path) -> None:
    will = Outgoing(Topics("h1").status, b'{"online":false}', retain=True)
    async with Client(login(broker, tmp_path, "hub1"), "c").connected() as hub:
        await hub.connection.subscribe(["falld/v1/+/status", "falld/v1/+/alert"])
        with contextlib.suppress(LinkError):  # a broker may refuse it, or never publish it
            async with Client(login(broker, tmp_path, "h2"), "b", will).connected():
                pass
        async with Client(login(broker, tmp_path, "h1"), "a").connected() as home:
            await home.say(Topics("h1").alert)
        await until(lambda: hub.heard)
    assert [topic for topic, _ in hub.heard] == [Topics("h1").alert]


async def test_nobody_comes_in_without_showing_who_it_is(broker: Deployed, tmp_path: Path) -> None:
    ca = Tls(tmp_path / "ca.pem")
    for stranger, why in (
        (Broker("127.0.0.1", broker.port, ca), "refused the login"),
        (Broker("127.0.0.1", broker.port, ca, "h1"), "refused the login"),
        (login(broker, tmp_path, "h1", "password-3"), "refused the login"),
        (Broker("127.0.0.1", broker.certificate_port, ca, "h1", SecretStr("password-1")), "a client certificate"),
        (Broker("127.0.0.1", broker.port, None, "h1", SecretStr("password-1")), "closed the connection"),
    ):
        with pytest.raises(LinkError, match=why):
            async with Client(stranger, "x").connected():
                pass


async def test_the_largest_clip_passes_and_nothing_larger(broker: Deployed, tmp_path: Path) -> None:
    clip = Topics("h1").clip(ALERT_ID)
    async with (
        Client(login(broker, tmp_path, "hub1"), "c").connected() as hub,
        Client(login(broker, tmp_path, "h1"), "a").connected() as home,
    ):
        await hub.connection.subscribe(["falld/v1/+/clip/+"])
        assert (await home.say(clip, bytes(65_536))).accepted
        with pytest.raises(LinkDown):
            await home.say(clip, bytes(66_560))
        await until(lambda: hub.heard)
    assert [len(payload) for _, payload in hub.heard] == [65_536]


async def test_falld_itself_comes_in_by_certificate(broker: Deployed, tmp_path: Path) -> None:
    """The home by `falld doctor`, which does all that the daemon does but to speak; the hub as it is."""
    path = write_config(tmp_path, broker.certificate_port)
    said = "tls: true, ca_file: ca.pem, cert_file: h2.pem, key_file: h2-key.pem"
    path.write_text(path.read_text().replace("tls: false, protocol: 3.1.1", said).replace("id: h1", "id: h2"))
    done = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "-c", str(path), "--json"])
    found = {each["check"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert found["broker login"]["verdict"] == "pass"
    assert "as its certificate says, MQTT 5" in found["broker login"]["what"]
    address = f"mqtts://127.0.0.1:{broker.certificate_port}"
    papers = [f"--ca-file={tmp_path}/ca.pem", f"--cert-file={tmp_path}/hub1.pem", f"--key-file={tmp_path}/hub1-key.pem"]
    with falld("hub", "--name", "hub1", "--store", tmp_path / "hub.db", "--broker", address, *papers) as hub:
        await asyncio.to_thread(wait_for, hub, "connected with MQTT 5")
    assert "u'hub1'" in broker.log()
