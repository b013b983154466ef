"""The command line itself."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

import falld
from falld.cli import VERBS, main


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_the_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output) == (0, f"falld, version {falld.__version__}\n")


def test_help_names_every_verb() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert all(f"  {verb} " in result.output for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_and_its_help_fits(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0, result.output
    assert f"{verb} [OPTIONS]" in result.output


def test_a_verb_that_is_none() -> None:
    result = CliRunner().invoke(main, ["rum"])
    assert result.exit_code == 2
    assert "No such command 'rum'" in result.output


def test_an_error_is_told_without_a_traceback() -> None:
    result = CliRunner().invoke(main, ["run", "-c", "/no/such/falld.yaml"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "error: /no/such/falld.yaml: cannot be read: No such file or directory; see deploy/falld.example.yaml\n"
    )


@pytest.mark.parametrize(
    ("options", "level"),
    [([], "INFO"), (["-v"], "DEBUG"), (["-q"], "WARNING"), (["-qq"], "ERROR"), (["-qqq"], "ERROR")],
)
def test_levels(options: list[str], level: str) -> None:
    CliRunner().invoke(main, [*options, "run", "-c", "/no/such/falld.yaml"])
    assert logging.getLevelName(logging.getLogger().level) == level


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    script = "import falld.cli, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "click" in loaded
    assert not loaded & {"numpy", "onnxruntime", "pydantic", "paho", "yaml"}


def test_what_others_say_begins_no_line_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    main(["-q", "config", "schema"], standalone_mode=False)
    capfd.readouterr()
    logging.getLogger("falld").warning("seen, by %s", "anna\nERROR falld: \x1b[2Jall is lost\u2028")
    assert capfd.readouterr().err == "WARNING falld: seen, by anna?ERROR falld: ?[2Jall is lost?\n"


def test_garbage_is_looked_for_again_once_a_verb_was_imported() -> None:
    code = "import gc; from falld.cli import Verbs, main; main.get_command(None, 'run')\nassert gc.isenabled()\n"
    code += "assert gc.get_freeze_count() > 50_000"
    subprocess.run([sys.executable, "-c", code], check=True)
