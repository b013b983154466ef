"""`falld run`, as a program."""

from __future__ import annotations

import logging
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto, free_port
from click.testing import CliRunner
from programs import falld, wait_for, write_config

from falld.cli import main
from falld.cli.run import _log
from falld.config.last_good import COPY
from falld.daemon.heard import Heard


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(need: Callable[[str], str], tmp_path: Path, how: signal.Signals) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        with falld("run", "-c", write_config(tmp_path, broker.port)) as process:
            said = wait_for(process, "INFO falld: link: up, MQTT 3.1.1")
            process.send_signal(how)
            said += wait_for(process, "INFO falld: stopped")
            assert process.wait(60) == 0
        assert "Traceback" not in said
        assert "Received DISCONNECT from falld-h1" in broker.log()


def test_a_configuration_can_be_checked_alone(tmp_path: Path) -> None:
    path = write_config(tmp_path, 1883)
    result = CliRunner().invoke(main, ["run", "-c", str(path), "--check"])
    assert (result.exit_code, result.output) == (0, f"{path}: correct\n")
    assert not (tmp_path / "state").exists()


def test_a_bundle_that_is_none_is_told(tmp_path: Path) -> None:
    path = write_config(tmp_path, 1883)
    path.write_text(path.read_text() + "detector: {bundle: nowhere}\n")
    result = CliRunner().invoke(main, ["run", "-c", str(path)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {tmp_path / 'nowhere'}")
    assert len(result.stderr.splitlines()) == 1


def test_a_broken_file_at_boot(need: Callable[[str], str], tmp_path: Path) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        path = write_config(tmp_path, broker.port)
        with falld("run", "-c", path) as process:
            wait_for(process, "INFO falld: link: up")
            give_up = time.monotonic() + 60
            while not (tmp_path / "state" / COPY).exists():  # written in a thread of its own, and nothing tells of it
                assert time.monotonic() < give_up
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        broken = path.read_text().replace("raise_after_s", "raise_after")
        path.write_text(broken)
        with falld("run", "-c", path) as process:
            said = wait_for(process, "INFO falld: link: up")
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert f"ERROR falld: {path}: is broken in line 10: alert.raise_after: unknown key" in said
    assert path.read_text() == broken


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is ready, also where no broker is there; that it lives, and how it is; that it stops."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", f"{folder}/notify")
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        with falld("run", "-c", write_config(tmp_path, free_port())) as process:
            assert systemd.recv(4096).startswith(b"READY=1\nSTATUS=")
            said = [systemd.recv(4096) for _ in range(10)]
            process.send_signal(signal.SIGTERM)
            assert all(each.startswith(b"WATCHDOG=1\nSTATUS=") for each in said)
            assert b"wearables stream, 0 messages wait for a hub, 1 fault, the first: 127.0.0.1:" in said[-1]
            assert process.wait(30) == 0
        *_, last = iter(lambda: systemd.recv(4096) if waits(systemd) else b"", b"")
        assert last == b"STOPPING=1"


def waits(listening: socket.socket) -> bool:
    """Whether there is something to be received."""
    return bool(select.select([listening], [], [], 0)[0])


def test_what_comes_again_and_again_is_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for attempt in range(1, 1000):
        _log(Heard("published", 1.0, "the broker has message 1", {"attempt": attempt}))
        for state in ("searching", "connecting", "starting"):
            _log(Heard("wearable", 1.0, state, {"source": "wrist", "state": state}))
    _log(Heard("wearable", 1.0, "streaming", {"source": "wrist", "state": "streaming"}))
    assert caplog.messages == ["published: the broker has message 1", "wearable: wrist: streaming"]
