"""The demonstration, at a higher speed than its viewers get."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from falld.cli import main
from falld.demo import stage
from falld.demo.scenes import SCENES

pytest.importorskip("amqtt")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "falld", "amqtt", "transitions")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:], logger.level = handlers, level


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "SPEED", 10.0)
    monkeypatch.setattr(stage, "RAISE_AFTER_S", 0.8)
    monkeypatch.setattr(stage, "CERTAIN_S", 0.2)
    monkeypatch.setattr(stage, "ANSWER_AFTER_S", 0.05)


@pytest.mark.usefixtures("_fast")
def test_everything_happens_in_its_order() -> None:
    result = CliRunner().invoke(main, ["demo"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    _, first, second, third = re.split(r"\nScene \d: ", result.output)
    main_line = ["impact", "decision", "committed", "committed", "acknowledged", "acknowledged"]
    assert [what for what in told(first) if what in main_line] == main_line
    assert [told(first).count(what) for what in ("published", "hub committed")] == [2, 2]
    assert "samples" in told(first)
    assert "probability 0.9" in first
    assert set(told(second)) == {"listening", "link", "samples", "impact", "ended"}
    assert [what for what in told(third) if what in ("decision", "button")] == ["decision", "button"]
    assert "raised, sounds" not in third
    assert result.output.count("\n  yes  ") == sum(len(scene.must) for scene in SCENES)
    assert "\x1b" not in result.output


@pytest.mark.usefixtures("_fast")
def test_what_does_not_happen_is_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    still, fallen = SCENES[1], SCENES[0]
    swapped = type(fallen)(still.recording, fallen.title, fallen.must)
    monkeypatch.setattr(stage, "SCENES", (swapped,))
    monkeypatch.setattr(stage, "PATIENCE_S", 2.0)
    result = CliRunner().invoke(main, ["demo"], catch_exceptions=False)
    assert result.exit_code == 1
    assert "  yes  samples were heard" in result.output
    assert "  NO   it was decided to be a fall" in result.output
    assert "Not all of it happened" in result.output


def test_without_amqtt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    result = CliRunner().invoke(main, ["demo"], catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stderr == "error: amqtt: is not installed; pip install 'falld[demo]'\n"


def told(scene: str) -> list[str]:
    """What the lines with a time are about."""
    return [found[1].strip() for found in re.finditer(r"^ +\d+\.\d\d s  (.{13})  ", scene, re.MULTILINE)]
