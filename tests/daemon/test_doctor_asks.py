"""`falld doctor` beside a running daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto, until
from click.testing import CliRunner
from homes import Listening, Monitoring, Scripted, config, running, standing
from programs import write_config

from falld.cli import doctor, main


async def test_a_daemon_that_runs_is_asked(
    need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "clock_synced", lambda: True)
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        path = write_config(tmp_path, broker.port)
        (tmp_path / "state").mkdir(0o700)
        home = Listening(config(tmp_path / "state", broker.port, [standing(tmp_path / "belt.csv", 600)]), Scripted())
        async with Monitoring(tmp_path, broker.port).up(), running(home.home):
            await until(lambda: home.count("link") and home.count("samples"))
            done = await asyncio.to_thread(
                CliRunner().invoke, main, ["doctor", "-c", str(path), "--json", "--test-alarm"]
            )

        log = broker.log()
    found = {each["check"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert (done.exit_code, found["daemon"]["verdict"], found["broker login"]["verdict"]) == (0, "pass", "pass")
    assert found["wearable belt"] == {
        "check": "wearable belt", "verdict": "pass", "what": "streaming", "remedy": None,
    }  # fmt: skip
    assert found["broker hub"]["verdict"] == "skip", "it beats after 30 s"
    assert "has committed a test alarm after" in found["broker trip"]["what"]
    assert "falld-doctor" not in log
