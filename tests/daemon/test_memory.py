"""What is learnt of a wearer outlives the daemon, and no fault of it stops one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from brokers import Mosquitto, until
from brokers import running as looping
from homes import Listening, Monitoring, Scripted, config, decision, running, standing

from falld.daemon import memory as memory_module
from falld.daemon.home import LEARNT
from falld.daemon.memory import Memory
from falld.detect.learnt import Learnt


def empty() -> Learnt:
    return Learnt.empty(calibrate=True, budget_per_day=2.0)


def memory(folder: Path, model: str = "m") -> Memory:
    return Memory(folder, model, empty)


async def kept(some: Memory) -> None:
    """Run and ended at once, as by a daemon that is stopped."""
    task = asyncio.create_task(some.run())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def alarmed(learnt: Learnt) -> int:
    assert learnt.budget is not None
    learnt.budget.count(1.0, 0.5, [0.4] * 11)
    return learnt.budget.raised


async def test_the_next_daemon_goes_on(tmp_path: Path) -> None:
    first = memory(tmp_path / "learnt")
    learnt = first.of("w1", "belt")
    assert first.of("w1", "belt") is learnt
    raised = alarmed(learnt)
    assert raised > 0
    await kept(first)
    second = memory(tmp_path / "learnt")
    np.testing.assert_equal(second.of("w1", "belt").dump(), learnt.dump())
    # Another wearer of the same belt is not taken for the first.
    other = second.of("w2", "belt").budget
    assert other is not None
    assert other.raised == 0


@pytest.mark.parametrize("content", [b"", b"PK nonsense", None])
async def test_what_cannot_be_gone_on_with_begins_anew_and_is_told(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    first = memory(tmp_path, "an older bundle")
    alarmed(first.of("w1", "belt"))
    await kept(first)
    if content is not None:
        (tmp_path / "w1@belt.state").write_bytes(content)
    with caplog.at_level(logging.ERROR):
        np.testing.assert_equal(memory(tmp_path).of("w1", "belt").dump(), empty().dump())
    assert "begin without it" in caplog.text


async def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "learnt").write_bytes(b"a file")
    some = memory(tmp_path / "learnt" / "below")
    with caplog.at_level(logging.ERROR):
        alarmed(some.of("w1", "belt"))
        await kept(some)
        await kept(some)
    assert caplog.text.count("check its parent") == 1


async def test_what_nobody_wears_any_more_goes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "SAVE_S", 0.01)
    some = memory(tmp_path)
    alarmed(some.of("w1", "belt"))
    for name, days in (("w1@belt", 100), ("w1@wrist", 100), ("w2@belt", 80)):
        path = tmp_path / f"{name}.state"
        path.write_bytes(b"")
        os.utime(path, times=(time.time() - days * 86_400,) * 2)
    async with looping(some.run):
        await until(lambda: not (tmp_path / "w1@wrist.state").exists())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w1@belt.state", "w2@belt.state"]
    assert (tmp_path / "w1@belt.state").stat().st_size > 0


@pytest.fixture
def broker(need: Callable[[str], str], tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        yield mosquitto


@pytest.mark.parametrize(("answer", "believed"), [("resolved", [2.0]), ("false_alarm", [])])
async def test_a_fall_that_a_person_closed_is_not_counted(
    broker: Mosquitto, tmp_path: Path, answer: str, believed: list[float]
) -> None:
    home = Listening(
        config(tmp_path, broker.port, [standing(tmp_path / "belt.csv", 8)]),
        Scripted(decision("fall", 4.0, 2.0)),
        memory=memory,
    )
    async with Monitoring(tmp_path, broker.port).up() as hub, running(home.home):
        await until(lambda: home.count("hub_committed") == 2)
        (entry,) = await hub.entries()
        await hub.respond(entry.alert_id, answer)  # type: ignore[arg-type]
        await until(lambda: home.count("acknowledged") == 1)
    budget = memory(tmp_path / LEARNT).of("w1", "belt").dump()["budget"]
    assert budget["falls"] == believed
