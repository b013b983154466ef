"""What systemd is told, over real datagram sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import running

from falld.publish.worker import Worker
from falld.supervise.alive import keep_told
from falld.supervise.notify import NOBODY, Manager


@contextlib.contextmanager
def systemd(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        listening.settimeout(30)
        yield listening


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has 107 characters at most
        yield f"{folder}/notify" if request.param == "path" else f"@falld-test-{os.getpid()}"


def told(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


def test_each_word_in_the_manager_s_language(address: str) -> None:
    manager = Manager(address)
    with systemd(address) as listening:
        manager.ready("all\nis  well")
        assert told(listening) == ["READY=1", "STATUS=all is well"]
        manager.alive("still")
        assert told(listening) == ["WATCHDOG=1", "STATUS=still"]
        manager.reloading()
        first, clock = told(listening)
        assert first == "RELOADING=1"
        assert int(clock.removeprefix("MONOTONIC_USEC=")) > 0
        manager.stopping()
        assert told(listening) == ["STOPPING=1"]


def test_a_long_status_is_cut_between_characters(address: str) -> None:
    with systemd(address) as listening:
        Manager(address).alive("é" * 4000)
        status = told(listening)[1].removeprefix("STATUS=")
    assert set(status) == {"é"}
    assert 400 < len(status.encode()) <= 500


def test_a_manager_that_is_not_there_is_logged_once_and_hurts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = Manager(str(tmp_path / "nobody"))
    for _ in range(3):
        manager.alive("well")
    assert [record.message for record in caplog.records] == [
        "systemd cannot be told how it is: No such file or directory"
    ]


def test_a_full_socket_does_not_hold_the_service(address: str) -> None:
    manager = Manager(address)
    with systemd(address):
        for _ in range(2000):  # more than any kernel queues; a manager that waited would hang here
            manager.alive("well")


@pytest.mark.parametrize(
    ("usec", "pid", "watchdog_s"),
    [
        ("30000000", None, 30.0),
        pytest.param("30000000", str(os.getpid()), 30.0, id="own pid"),
        ("30000000", "1", None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_what_the_environment_says_goes_no_further(usec: str | None, pid: str | None, watchdog_s: float | None) -> None:
    given = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid, "HOME": "/"}
    environment = {name: value for name, value in given.items() if value is not None}
    manager = Manager.of_environment(environment)
    assert manager.listens
    assert manager.watchdog_s == watchdog_s
    assert environment == {"HOME": "/"}


async def test_without_a_manager_nobody_looks() -> None:
    async def look() -> str:
        raise AssertionError

    await keep_told(NOBODY, look)


async def test_a_disk_that_hangs_silences_the_service(address: str) -> None:
    """Then it is alive again, and in the end it says that it stops."""
    disk = Worker("test")
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    watchdog_s = 0.6

    async def look() -> str:
        return await disk(lambda: "well")

    def hang() -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(30)

    with systemd(address) as listening:
        listening.setblocking(False)

        async def next_told() -> str:
            async with asyncio.timeout(60):
                return (await loop.sock_recv(listening, 4096)).decode()

        async with running(lambda: keep_told(Manager(address, watchdog_s), look)):
            assert await next_told() == "READY=1\nSTATUS=well"
            for _ in range(3):
                assert await next_told() == "WATCHDOG=1\nSTATUS=well"
            stuck = asyncio.create_task(disk(hang))
            with contextlib.suppress(TimeoutError):  # what was on its way
                async with asyncio.timeout(watchdog_s):
                    await loop.sock_recv(listening, 4096)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2 * watchdog_s):
                    await loop.sock_recv(listening, 4096)
            release.set()
            await stuck
            assert await next_told() == "WATCHDOG=1\nSTATUS=well"
        while (said := await next_told()) != "STOPPING=1":
            assert said == "WATCHDOG=1\nSTATUS=well"
    disk.close()
