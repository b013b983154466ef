"""`falld run` on SIGHUP: the file is read again while the wearables stream."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from brokers import Mosquitto, free_port
from programs import falld, wait_for, write_config

from falld.config.last_good import COPY
from falld.daemon.control import ask_health
from falld.resources import recordings_dir
from falld.samples.csvfile import CsvRecording


def reload(process: subprocess.Popen[str], path: Path, old: str, new: str, words: str) -> str:
    """The file with one more change; what the daemon says to it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    process.send_signal(signal.SIGHUP)
    return wait_for(process, words)


def test_a_fall_over_several_of_them(need: Callable[[str], str], tmp_path: Path) -> None:
    """The file changes four times while one is played, and no sample is missing."""
    with Mosquitto(need("mosquitto"), tmp_path) as broker:
        path = write_config(tmp_path, broker.port, "fall-forward-waist", speed=2)
        other = f"      - {{recording: {recordings_dir() / 'walk-wrist.csv.gz'}, id: wrist}}\nroutes:"
        with falld("run", "-c", path) as process:
            said = wait_for(process, "listening: belt")
            said += reload(process, path, "routes:", other, "listening: wrist")
            said += reload(process, path, "raise_after_s: 20", "raise_after_s: 0.1", "taken: alert.raise_after_s")
            good = path.read_text()
            said += reload(process, path, "raise_after_s", "raise_after", "goes on")
            ill = ask_health(tmp_path / "state")
            said += reload(process, path, "raise_after:", "raise_after_s:", "nothing of it changes what runs")
            said += reload(process, path, f"port: {broker.port}", f"port: {free_port()}", "restart falld")
            waits = ask_health(tmp_path / "state")
            for words in ("committed: fall raised", "ended: belt"):
                said += "" if words in said else wait_for(process, words)
            after = ask_health(tmp_path / "state")
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    line = good.splitlines().index("alert: {raise_after_s: 0.1}") + 1
    assert ill["config_fault"].startswith(f"{path}: is broken in line {line}: alert.raise_after: unknown key")
    assert waits["config_fault"].startswith(f"{path}: `routes` changed, and what ran before goes on until falld starts")
    assert [(each["source"], each["gaps"]) for each in after["wearables"]] == [("belt", 0), ("wrist", 0)]
    assert [each["up"] for each in after["routes"]] == [True]
    expected = CsvRecording(recordings_dir() / "fall-forward-waist.csv.gz").meta.expected
    assert expected is not None
    assert f"decision: belt: fall, probability {expected[0]['probability']}, " in said
    assert "ended: belt: 1400 samples" in said
    assert said.count("listening: belt") == 1
    assert (tmp_path / "state" / COPY).read_text().endswith(good)


def test_a_password_that_was_changed(need: Callable[[str], str], tmp_path: Path) -> None:
    """The broker takes another one from now on; the home learns it and loses no sample."""
    hashes, password = tmp_path / "hashes", tmp_path / "password"

    def takes(word: str) -> None:
        command = [need("mosquitto_passwd"), "-c", "-b", str(hashes), "h1", word]
        subprocess.run(command, check=True, capture_output=True, timeout=20)

    takes("first-canary")
    password.write_text("first-canary\n")
    with Mosquitto(need("mosquitto"), tmp_path, f"allow_anonymous false\npassword_file {hashes}") as broker:
        path = write_config(tmp_path, broker.port)
        path.write_text(path.read_text().replace("protocol: 3.1.1", "protocol: 3.1.1, password_file: password"))
        with falld("-v", "run", "-c", path) as process:
            said = wait_for(process, "link: up")
            takes("second-canary")
            broker.kill()
            broker.start()
            said += wait_for(process, "refused the login")
            password.unlink()
            process.send_signal(signal.SIGHUP)
            said += wait_for(process, "the configuration that ran before goes on")
            password.write_text("second-canary\n")
            process.send_signal(signal.SIGHUP)
            said += wait_for(process, "link: up")
            after = ask_health(tmp_path / "state")
    assert after["config_fault"] is None
    assert [(each["source"], each["gaps"]) for each in after["wearables"]] == [("belt", 0)]
    assert said.count("listening: belt") == 1
    assert "canary" not in said
