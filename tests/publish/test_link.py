"""The link against real brokers, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Mosquitto, Peer, amqtt_broker, fake_broker, free_port, running, until
from pydantic import SecretStr

from falld.publish.backoff import Backoff
from falld.publish.faults import Takeover, Unanswered
from falld.publish.link import Broker, LinkDown, PublishResult, Timing

PASSWORD = "canary-6f1d"
QUICK = Timing(connack_5=0.3, answer=2, puback=0.4, goodbye=0.2)


@pytest.fixture
def mosquitto(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        yield broker


def at(port: int, **options: Any) -> Broker:
    return Broker("127.0.0.1", port, **options)


async def test_publishes_and_hears(mosquitto: Mosquitto) -> None:
    one, two = Peer(at(mosquitto.port)), Peer(at(mosquitto.port), "two", subscribe=["t/#"])
    async with running(one.link.run, two.link.run):
        await until(lambda: one.link.state.up and two.link.state.up)
        assert one.link.state.protocol == "5"
        assert await one.link.publish("t/x", b"payload") is PublishResult.OK
        assert await one.link.publish("nobody/listens", b"") is PublishResult.NO_SUBSCRIBER
        await until(lambda: ("t/x", b"payload", False) in two.messages)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_forced_version_is_spoken(mosquitto: Mosquitto, version: Any) -> None:
    one = Peer(at(mosquitto.port, protocol=version))
    async with running(one.link.run):
        await until(lambda: one.link.state.up)
        assert one.link.state.protocol == version
        assert await one.link.publish("t/x", b"payload") in (PublishResult.OK, PublishResult.NO_SUBSCRIBER)


async def test_says_offline_at_its_end_and_the_broker_does_when_it_is_cut_off(mosquitto: Mosquitto) -> None:
    watch = Peer(at(mosquitto.port), "watch", subscribe=["t/+/status"])
    one, two = Peer(at(mosquitto.port)), Peer(at(mosquitto.port), "two")
    async with running(watch.link.run):
        await until(lambda: watch.link.state.up)
        async with running(one.link.run, two.link.run):
            for name in ("one", "two"):
                await until(lambda topic=f"t/{name}/status": (topic, b"online", False) in watch.messages)
        await until(lambda: ("t/one/status", b"offline", False) in watch.messages)
        await until(lambda: ("t/two/status", b"offline", False) in watch.messages)
    late = Peer(at(mosquitto.port), "late", subscribe=["t/one/status"])
    async with running(late.link.run):
        await until(lambda: late.messages == [("t/one/status", b"offline", True)])


async def test_returns_when_the_broker_does_and_says_birth_again(mosquitto: Mosquitto) -> None:
    one = Peer(at(mosquitto.port))
    async with running(one.link.run):
        await until(lambda: one.link.state.up)
        mosquitto.kill()
        await until(lambda: one.fault is not None and "nothing listens" in one.fault.what)
        with pytest.raises(LinkDown):
            await one.link.publish("t/x", b"")
        mosquitto.start()
        await until(lambda: one.link.state.up)
        late = Peer(at(mosquitto.port), "late", subscribe=["t/one/status"])
        async with running(late.link.run):
            await until(lambda: late.messages == [("t/one/status", b"online", True)])


async def test_a_wrong_password_is_named_and_never_shown(
    need: Callable[[str], str], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "passwords").write_text("")
    settings = f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}"
    with Mosquitto(need("mosquitto"), tmp_path, settings) as mosquitto:
        broker = at(mosquitto.port, username="home", password=SecretStr(PASSWORD))
        one = Peer(broker)
        async with running(one.link.run):
            await until(lambda: one.fault is not None)
            await until(lambda: len(one.states) > 2)  # it goes on trying
        assert one.fault is not None
        assert f"127.0.0.1:{mosquitto.port}" in str(one.fault)
        assert "refused the login" in one.fault.what
    said = [caplog.text, *capfd.readouterr(), str(one.fault), repr(one.states), repr(broker), repr(one.link)]
    assert not any(PASSWORD in text for text in said)


@pytest.mark.parametrize(
    ("host", "what"), [("127.0.0.1", "nothing listens"), ("no-such-host.invalid", "name cannot be resolved")]
)
async def test_what_cannot_be_reached_is_named(host: str, what: str) -> None:
    one = Peer(Broker(host, free_port()))
    async with running(one.link.run):
        await until(lambda: one.fault is not None)
    assert one.fault is not None
    assert what in one.fault.what
    assert one.states[0].retry_s is not None


async def test_falls_back_where_mqtt_5_is_not_answered_and_remembers_it(caplog: pytest.LogCaptureFixture) -> None:
    def connections() -> int:
        return sum(each.getMessage().startswith("Connection from") for each in caplog.records)

    caplog.set_level(logging.INFO, "amqtt.broker")
    async with amqtt_broker() as port:
        one = Peer(at(port), timing=QUICK)
        async with running(one.link.run):
            await until(lambda: one.link.state.up)
            assert one.link.state.protocol == "3.1.1"
            assert await one.link.publish("t/one/in", b"hello") is PublishResult.OK
            await until(lambda: ("t/one/in", b"hello", False) in one.messages)
        assert [state.up for state in one.states] == [True]
        assert connections() == 2
        async with running(one.link.run):
            await until(lambda: len(one.states) == 2 and one.link.state.up)
        assert connections() == 3


async def test_tries_mqtt_5_anew_after_a_failure() -> None:
    spoken: list[int] = []

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await reader.readexactly(9)
        spoken.append(connect[8])  # the protocol level: 5 is MQTT 5, 4 is 3.1.1

    async with fake_broker(closes) as port:
        one = Peer(at(port))
        async with running(one.link.run):
            await until(lambda: len(spoken) >= 4)
    assert spoken[:4] == [5, 4, 5, 4]
    assert isinstance(one.fault, Unanswered)
    assert "MQTT 3.1.1" in one.fault.what


async def test_a_broker_that_never_answers_is_named() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with fake_broker(silent) as port:
        one = Peer(at(port, protocol="5"), timing=Timing(answer=0.1))
        async with running(one.link.run):
            await until(lambda: one.fault is not None)
    assert isinstance(one.fault, Unanswered)
    assert "no answer to MQTT 5 within 0.1 s" in one.fault.what


async def packet(reader: asyncio.StreamReader) -> int:
    """Reads one MQTT packet of less than 16 kB, gives its type."""
    kind = (await reader.readexactly(1))[0] >> 4
    size, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size, shift = size | (byte & 127) << shift, shift + 7
        if byte < 128:
            break
    body = await reader.readexactly(size)
    reader.last = body  # type: ignore[attr-defined]
    return kind


async def answers_all_but_publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    births = 1
    while True:
        match await packet(reader):
            case 1:
                writer.write(bytes([0x20, 3, 0, 0, 0]))
            case 8:
                mid = reader.last[:2]  # type: ignore[attr-defined]
                writer.write(bytes([0x90, 4]) + mid + bytes([0, 1]))
            case 3 if births:
                births -= 1
                topic_bytes = int.from_bytes(reader.last[:2])  # type: ignore[attr-defined]
                mid = reader.last[2 + topic_bytes : 4 + topic_bytes]  # type: ignore[attr-defined]
                writer.write(bytes([0x40, 2]) + mid)


async def test_a_missing_puback_ends_the_connection() -> None:
    async with fake_broker(answers_all_but_publish) as port:
        one = Peer(at(port), timing=QUICK)
        async with running(one.link.run):
            await until(lambda: one.link.state.up)
            with pytest.raises(LinkDown, match="confirms nothing"):
                await one.link.publish("t/x", b"")
            await until(lambda: any("confirms nothing for 0.4 s" in str(state.fault) for state in one.states))


async def test_what_is_in_flight_fails_when_the_broker_dies(mosquitto: Mosquitto) -> None:
    async with fake_broker(answers_all_but_publish) as port:
        one = Peer(at(port))
        async with running(one.link.run):
            await until(lambda: one.link.state.up)
            flights = [asyncio.create_task(one.link.publish("t/x", bytes([n]))) for n in range(40)]
            await asyncio.sleep(0.05)
        assert all(isinstance(e, LinkDown) for e in await asyncio.gather(*flights, return_exceptions=True))


async def test_a_stolen_client_id_is_named_and_left_alone_for_long() -> None:
    async def throws_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(answers_all_but_publish(reader, writer))
        await asyncio.sleep(0.1)
        serving.cancel()
        writer.write(bytes([0xE0, 2, 0x8E, 0]))

    async with fake_broker(throws_out) as port:
        one = Peer(at(port))
        async with running(one.link.run):
            await until(lambda: isinstance(one.fault, Takeover))
            assert 60 <= (one.link.state.retry_s or 0) <= 120
            assert "same client id" in str(one.fault)
            one.link.hurry()
            await until(lambda: sum(isinstance(state.fault, Takeover) for state in one.states) == 2)
    # On a machine that does much else a connection may also fail for another reason in between.
    told = [state.up for state in one.states if state.up or isinstance(state.fault, Takeover)]
    assert told == [True, False, True, False]


async def test_a_broker_that_keeps_a_theft_to_itself_is_seen_through(mosquitto: Mosquitto) -> None:
    one, thief = Peer(at(mosquitto.port, protocol="3.1.1")), Peer(at(mosquitto.port, protocol="3.1.1"))
    async with running(one.link.run, thief.link.run):
        await until(lambda: any("a second machine with the same identity" in str(s.fault) for s in one.states))
    first = next(str(s.fault) for s in one.states if "a second machine" in str(s.fault))
    assert "3 times in a row" in first


async def test_what_the_access_list_forbids_is_told_by_reason_code(need: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic readwrite t/#\n")
    settings = f"allow_anonymous true\nacl_file {tmp_path / 'acl'}"
    with Mosquitto(need("mosquitto"), tmp_path, settings) as mosquitto:
        one = Peer(at(mosquitto.port))
        async with running(one.link.run):
            await until(lambda: one.link.state.up)
            result = await one.link.publish("other/x", b"")
            assert result is PublishResult.NOT_AUTHORISED
            assert not result.accepted
            assert one.link.state.fault is None


async def test_a_birth_that_is_refused_is_a_fault_of_a_link_that_is_up(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text("topic read t/#\n")
    settings = f"allow_anonymous true\nacl_file {tmp_path / 'acl'}"
    with Mosquitto(need("mosquitto"), tmp_path, settings) as mosquitto:
        one = Peer(at(mosquitto.port))
        async with running(one.link.run):
            await until(lambda: one.link.state.up)
            assert "refused to publish to t/one/status" in str(one.link.state.fault)


async def test_waits_longer_and_longer_with_jitter_and_not_when_told_to_hurry() -> None:
    bounds: list[float] = []
    hold = asyncio.Event()

    def uniform(low: float, high: float) -> float:
        bounds.append(high)
        return high

    async def sleep(delay_s: float) -> None:
        if delay_s >= 60:
            await hold.wait()

    one = Peer(at(free_port()), backoff=Backoff(uniform=uniform), sleep=sleep)
    async with running(one.link.run):
        await until(lambda: len(bounds) == 7)
        await asyncio.sleep(0.05)
        assert bounds == [1, 2, 4, 8, 16, 32, 60]
        one.link.hurry()
        await until(lambda: len(bounds) == 8)
    assert bounds[-1] == 60


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_behind(mosquitto: Mosquitto) -> None:
    async with fake_broker(answers_all_but_publish) as port:
        brokers = [at(mosquitto.port), at(mosquitto.port, protocol="3.1.1"), at(free_port()), at(port)]
        async with running(*[Peer(broker).link.run for broker in brokers]):  # what is made once is made now
            await asyncio.sleep(0.1)
        before = descriptors()
        for delay_s in (0, 0.005, 0.1):
            clients = [Peer(broker, f"{n}") for n, broker in enumerate(brokers)]
            async with running(*[client.link.run for client in clients]):
                await asyncio.sleep(delay_s)
        del clients
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("paho")]
        await until(lambda: descriptors() <= before)


async def test_a_fault_that_is_kept_keeps_nothing_open(mosquitto: Mosquitto) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(bytes([0x20, 3, 0, 0x87, 0]))

    async with fake_broker(refuses) as port:
        one = Peer(at(port))
        async with running(one.link.run):
            await until(lambda: len(one.states) >= 5)
            before = descriptors()
            await until(lambda: len(one.states) >= 25)
            await until(lambda: descriptors() <= before + 4)
    assert "refused the login" in str(one.fault)
