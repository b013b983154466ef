"""What of a changed configuration is taken over while a home runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import write_config

from falld.config.changes import change
from falld.config.load import parse


@pytest.mark.parametrize(
    ("old", "new", "taken", "waiting"),
    [
        ("raise_after_s: 20", "raise_after_s: 5", ["alert.raise_after_s"], []),
        ("speed: 1", "speed: 2", ["wearers"], []),
        ("host: 127.0.0.1", "host: localhost", [], ["routes"]),
        ("id: h1", "id: h2", [], ["home"]),
        ("state_dir: state", "state_dir: other", [], ["state_dir"]),
        ("alert:", "detector: {candidates: true, bundle: b}\nalert:", ["detector.candidates"], ["detector.bundle"]),
        ("alert:", "clips: {send: false, near_misses_a_day: 0}\nalert:", ["clips.near_misses_a_day"], ["clips.send"]),
        ("alert:", "alarm: {command: [beep]}\nalert:", ["alarm.command"], []),
    ],
)
def test_a_key(tmp_path: Path, old: str, new: str, taken: list[str], waiting: list[str]) -> None:
    path = write_config(tmp_path, 1883)
    text = path.read_text()
    running, wanted = parse(text, path), parse(text.replace(old, new), path)
    done = change(running, wanted)
    assert (done.taken, done.waiting) == (taken, waiting)
    assert (done.runs == running, done.runs == wanted) == (not taken, not waiting)
    assert change(done.runs, wanted).taken == []
    assert change(done.runs, running) == (running, taken, [])
