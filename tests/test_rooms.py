"""The rooms: who may know whom, and that every module can be imported alone."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import falld

ROOT = Path(falld.__file__).resolve().parent.parent
MODULES = sorted(m.name for m in pkgutil.walk_packages(falld.__path__, "falld.") if not m.name.endswith("__main__"))
HEAVY = ("scipy", "pyarrow", "sklearn", "skl2onnx", "onnx", "amqtt", "hypothesis", "matplotlib")


def test_rooms_keep_to_their_doors() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_imports_alone() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {MODULES!r}:\n"
        "    for loaded in [m for m in sys.modules if m == 'falld' or m.startswith('falld.')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["falld.cli.run", "falld.daemon"])
def test_the_daemon_carries_nothing_that_only_others_need(verb: str) -> None:
    code = f"import sys, {verb}; print(*sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
