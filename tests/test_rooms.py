"""The rooms: who may know whom, and that every module can be imported alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import falld

ROOT = Path(falld.__file__).resolve().parent.parent
HEAVY = ("scipy", "pyarrow", "sklearn", "skl2onnx", "onnx", "amqtt", "hypothesis", "matplotlib", "dask", "distributed")


def test_rooms_keep_to_their_doors() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def imported_alone(package: str, folder: Path) -> str:
    """What cannot be."""
    script = Path(__file__).with_name("alone.py")
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, str(script), package], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (done.stderr == "")
    return done.stderr


def test_every_module_imports_alone() -> None:
    assert imported_alone("falld", ROOT) == ""


@pytest.mark.parametrize(
    ("modules", "faulty"),
    [
        (
            {"a": "from house.b import B\nA = 1", "b": "B = 2", "inner.c": "from house.inner import d", "inner.d": ""},
            [],
        ),
        (
            {"a": "from house.b import B\nA = 1", "b": "B = 2\nfrom house.a import A", "c": "from house.a import A"},
            ["a", "c"],
        ),
        ({"a": "import house.inner\nhouse.inner.d.D", "b": "import house.inner.d", "inner.d": "D = 1"}, ["a"]),
        ({"a": "import house.b", "b": "raise ValueError", "c": "C = 1"}, ["a", "b"]),
        ({"inner.__init__": "from house.inner.d import D", "inner.d": "from house.inner import D"}, ["inner"]),
    ],
    ids=["none", "asks who asks for it", "uses what another brought", "raises", "asks its package, which asks for it"],
)
def test_what_does_not_import_alone_is_told(tmp_path: Path, modules: dict[str, str], faulty: list[str]) -> None:
    """Also where it can be imported after others."""
    (tmp_path / "house" / "inner").mkdir(parents=True)
    for name, code in ({"__init__": "", "inner.__init__": ""} | modules).items():
        (tmp_path / "house" / f"{name.replace('.', '/')}.py").write_text(code)
    told = re.findall(r"^house\.(\S+) cannot be imported alone:$", imported_alone("house", tmp_path), re.MULTILINE)
    assert sorted(told) == faulty


@pytest.mark.parametrize("verb", ["falld.cli.run", "falld.daemon"])
def test_the_daemon_carries_nothing_that_only_others_need(verb: str) -> None:
    code = f"import sys, {verb}; print(*sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
