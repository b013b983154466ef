"""An installed wheel is whole: bundle and recordings come with it, and nothing of the checkout is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGING = ("PATH", "HOME", "TMPDIR", "LANG")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]) -> Path:
    """A fresh environment with the wheel and its run-time dependencies alone."""
    folder = tmp_path_factory.mktemp("bare")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv/bin/python"), "-I", "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--constraint", str(ROOT / "constraints.txt"), str(wheel)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        missing(f"the wheel's dependencies cannot be installed here: {done.stderr[-500:]}")
    return folder / "venv/bin"


def bare(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: os.environ[name] for name in PACKAGING if name in os.environ}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_the_shipped_bundle_finds_the_fall_in_a_shipped_recording(installed: Path, tmp_path: Path) -> None:
    python, falld = str(installed / "python"), str(installed / "falld")
    code = (
        "from falld.resources import recordings_dir, shipped_bundle; print(recordings_dir()); print(shipped_bundle())"
    )
    where = bare(python, "-c", code, cwd=tmp_path)
    assert where.returncode == 0, where.stderr
    recordings, bundle = (Path(line) for line in where.stdout.split())
    assert ROOT not in recordings.parents
    assert ROOT not in bundle.parents
    assert (bundle / "model.onnx").is_file()
    done = bare(falld, "replay", str(recordings / "fall-forward-waist.csv.gz"), "--jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["fall", "end"]


def test_what_an_extra_would_bring_is_named(installed: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.parquet"
    archive.write_bytes(b"PAR1")
    (tmp_path / "a.index.csv").write_text("recording,fs\n0,50\n")
    for command, extra in (
        (["replay", str(archive)], "archive"),
        (["demo"], "demo"),
        (["learn", "x", "--out", "y"], "learn"),
    ):
        done = bare(str(installed / "falld"), *command, cwd=tmp_path)
        assert done.returncode == 2
        assert f"falld[{extra}]" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
