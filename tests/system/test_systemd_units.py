"""The units as systemd reads them. What they do where systemd runs is tried by tests/nspawn."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MOSQUITTO = (Path("/usr/lib/systemd/system/mosquitto.service"), Path("/lib/systemd/system/mosquitto.service"))
EXPOSURE = 20
"""In tenths; systemd calls what is above 5.0 medium, and a service without any setting has 9.6."""
NEWER = re.compile(r".*Unknown (key|key name|lvalue) 'Restart(Steps|MaxDelaySec)'.*, ignoring\.")
"""What systemd before 254 says of keys that it does without."""


@pytest.fixture(params=["falld", "falld-hub", "mosquitto"])
def unit(request: pytest.FixtureRequest, tmp_path: Path, missing: Callable[[str], None]) -> Path:
    """A unit, with its drop-in beside it, whose program is there."""
    name = f"{request.param}.service"
    source = ROOT / "systemd" / name
    if not source.exists():
        source = next((path for path in MOSQUITTO if path.exists()), source)
    if not source.exists():
        missing("the package mosquitto is not installed")
    unit = tmp_path / name
    unit.write_text(source.read_text().replace("/opt/falld/bin/falld ", "/bin/true "))
    dropped = ROOT / "systemd" / f"{name}.d"
    if dropped.exists():
        shutil.copytree(dropped, tmp_path / dropped.name)
    return unit


def exposed(unit: Path, need: Callable[[str], str]) -> subprocess.CompletedProcess[str]:
    command = [
        need("systemd-analyze"),
        "security",
        "--offline=true",
        f"--threshold={EXPOSURE}",
        "--no-pager",
        str(unit),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_nobody_is_exposed(unit: Path, need: Callable[[str], str]) -> None:
    done = exposed(unit, need)
    assert done.returncode == 0, done.stdout


def test_a_service_without_a_sandbox_is(need: Callable[[str], str], tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposed(bare, need).returncode != 0


def test_systemd_understands_every_line(unit: Path, need: Callable[[str], str]) -> None:
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not NEWER.fullmatch(line)] == []
