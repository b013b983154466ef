"""A power cut between the commit of an alert and its first sending."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from brokers import Mosquitto
from click.testing import CliRunner
from programs import falld, wait_for, write_config

from falld.cli import main


def test_an_alert_that_was_committed_reaches_the_hub_once(need: Callable[[str], str], tmp_path: Path) -> None:
    broker = Mosquitto(need("mosquitto"), tmp_path)  # its port is known, and nothing listens there yet
    path = write_config(tmp_path, broker.port, "fall-forward-waist", speed=10, raise_after_s=1.5)
    with falld("run", "-c", path) as daemon:
        said = wait_for(daemon, "INFO falld: committed: fall suspected, message 1 of alert ")
        said += wait_for(daemon, "\n") if not said.endswith("\n") else ""
        daemon.send_signal(signal.SIGKILL)
        assert daemon.wait(60) == -signal.SIGKILL
    assert "nothing listens there" in said
    alert_id = said.split("message 1 of alert ")[1].split()[0]

    store = tmp_path / "hub.db"
    write_config(tmp_path, broker.port, "walk-wrist", raise_after_s=1.5)  # the fall is not played again
    with broker, falld("hub", "--broker", f"mqtt://127.0.0.1:{broker.port}", "--store", store) as hub:
        wait_for(hub, "connected with MQTT")
        with falld("run", "-c", path) as daemon:
            wait_for(daemon, "INFO falld: hub committed: ", times=2)
            daemon.terminate()
            assert daemon.wait(60) == 0
        listed = CliRunner().invoke(main, ["hub", "list", "--json", "--store", str(store)])

    (alert,) = [json.loads(line) for line in listed.output.splitlines()]
    assert {key: alert[key] for key in ("home", "alert_id", "state", "last_seq", "raised_by", "wearer")} == {
        "home": "h1",
        "alert_id": alert_id,
        "state": "raised",
        "last_seq": 2,
        "raised_by": "home",
        "wearer": "w1",
    }
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("SELECT home, alert_id, seq FROM message ORDER BY seq").fetchall() == [
            ("h1", alert_id, 1),
            ("h1", alert_id, 2),
        ]
