"""`falld commission` with a home that runs, a real broker and a hub at which somebody answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto, free_port, until
from click.testing import CliRunner, Result
from homes import Listening, Monitoring, Scripted, config, decision, running, standing
from programs import write_config

from falld.checkup.commissioning import KEPT, finding
from falld.cli import commission, main
from falld.daemon.control import SOCKET
from falld.samples.recording import Mark

SPEED = 20


async def invoked(path: Path, *options: str) -> Result:
    words = ["commission", "-c", str(path), "--yes", *options]
    return await asyncio.to_thread(CliRunner().invoke, main, words)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(commission, "SETTLE_S", 1.0)
    (tmp_path / "state").mkdir(0o700)
    return write_config(tmp_path, free_port())


async def answer(hub: Monitoring) -> None:
    """Somebody looks at the screen."""
    while not (entries := await hub.entries()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await hub.respond(entries[0].alert_id, "seen")


async def test_all_steps(need: Callable[[str], str], path: Path) -> None:
    state = path.parent / "state"
    marks = [Mark(float(t), "cancel") for t in range(5, 3600, 10)]
    knocks = Scripted(*(decision("candidate", t, t - 2.0, 0.3) for t in range(5, 3600, 10)))
    with Mosquitto(need("mosquitto"), path.parent) as broker:
        path.write_text(write_config(path.parent, broker.port).read_text())
        home = Listening(config(state, broker.port, [standing(path.parent / "belt.csv", 3600, *marks)]), knocks)
        async with Monitoring(path.parent, broker.port).up() as hub, running(home.home):
            await until(lambda: home.count("link") and home.count("samples"))
            answering = asyncio.create_task(answer(hub))
            done = await invoked(path, "--room", "kitchen", "--room", "bath", "--seconds", "2")
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
    assert done.exit_code == 0, done.output
    kept = json.loads((state / KEPT).read_text())["trials"]
    assert {step: trial["well"] for step, trial in kept.items()} == {
        "walk": True, "drop": True, "button": True, "test-alarm": True,
    }  # fmt: skip
    assert [(room["name"], room["wearable"], room["lost"]) for room in kept["walk"]["rooms"]] == [
        ("kitchen", "belt", 0.0),
        ("bath", "belt", 0.0),
    ]
    assert (state / KEPT).stat().st_mode & 0o777 == 0o600
    assert "a press was heard from belt" in done.output
    assert finding(state).verdict == "pass"


async def test_a_drop_that_is_taken_for_a_fall(path: Path) -> None:
    state = path.parent / "state"
    falls = Scripted(*(decision("fall", t, t - 2.0) for t in range(100, 3600, 100)))
    settings = config(state, free_port(), [standing(path.parent / "belt.csv", 3600)], raise_after_s=60)
    home = Listening(settings, falls)
    async with running(home.home):
        await until((state / SOCKET).exists)
        done = await invoked(path, "--step", "drop")
    assert done.exit_code == 1
    assert "`falld cancel w1` takes it back" in done.output
    assert "!!  it was taken for a fall; use a thicker cushion" in done.output
    assert finding(state).remedy == "`falld commission --step walk --step drop --step button --step test-alarm`"
    assert "cancelled" not in home.committed()


async def test_nothing_happens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commission, "TRY_S", 1.5)
    state = path.parent / "state"
    home = Listening(config(state, free_port(), [standing(path.parent / "belt.csv", 3600)]), Scripted())
    async with running(home.home):
        await until((state / SOCKET).exists)
        done = await invoked(path, "--step", "drop", "--step", "button")
    assert done.exit_code == 1
    assert "!!  no impact was seen in 1.5 s" in done.output
    assert "!!  no press of a cancel button was heard in 1.5 s" in done.output


def test_no_daemon(path: Path) -> None:
    done = CliRunner().invoke(main, ["commission", "-c", str(path)])
    assert (done.exit_code, "start `falld run`" in done.stderr) == (2, True)
