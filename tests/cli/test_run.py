"""`falld run`, as a program."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import Mosquitto
from click.testing import CliRunner
from programs import falld, wait_for, write_config

from falld.cli import main


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(need: Callable[[str], str], tmp_path: Path, how: signal.Signals) -> None:
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        with falld("run", "-c", write_config(tmp_path, broker.port)) as process:
            said = wait_for(process, "INFO falld: link: up, MQTT 3.1.1")
            process.send_signal(how)
            said += wait_for(process, "INFO falld: stopped")
            assert process.wait(10) == 0
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
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        broken = path.read_text().replace("raise_after_s", "raise_after")
        path.write_text(broken)
        with falld("run", "-c", path) as process:
            said = wait_for(process, "INFO falld: link: up")
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    assert f"ERROR falld: {path}: is broken in line 10: alert.raise_after: unknown key" in said
    assert path.read_text() == broken
