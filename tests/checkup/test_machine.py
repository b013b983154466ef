"""What a Raspberry Pi's firmware, kernel and memory card tell, from files that look as theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from falld.checkup.machine import VOLTAGE, power, wear, wear_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    return model


def firmware(folder: Path, said: str) -> str:
    """Stands in for vcgencmd, which talks to a Pi's firmware alone."""
    program = folder / "vcgencmd"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("said", "verdict", "what", "remedy"),
    [
        ("throttled=0x0", "pass", "voltage and heat were well", None),
        ("throttled=0x50005", "do", "the voltage is too low now, the processor is slowed down now", VOLTAGE),
        ("throttled=0x10000", "do", "the voltage is too low at times", VOLTAGE),
        ("throttled=0x80008", "do", "it is too hot now", "let air to it, or give it a heat sink"),
        ("VCHI initialization failed", "skip", "neither vcgencmd nor the kernel tells", "put this user into"),
    ],
)
def test_power(tmp_path: Path, model: Path, said: str, verdict: str, what: str, remedy: str | None) -> None:
    found = power(sys=tmp_path, model=model, vcgencmd=firmware(tmp_path, said))
    assert (found.verdict, what in found.what) == (verdict, True)
    assert (found.remedy or "").startswith(remedy or "")


@pytest.mark.parametrize(("alarm", "verdict"), [("0", "pass"), ("1", "do")])
def test_power_as_the_kernel_tells_it(tmp_path: Path, model: Path, alarm: str, verdict: str) -> None:
    chip = tmp_path / "class" / "hwmon" / "hwmon1"
    chip.mkdir(parents=True)
    (chip / "name").write_text("rpi_volt\n")
    (chip / "in0_lcrit_alarm").write_text(f"{alarm}\n")
    assert power(sys=tmp_path, model=model, vcgencmd=str(tmp_path / "none")).verdict == verdict


def test_no_raspberry(tmp_path: Path) -> None:
    assert "no Raspberry Pi" in power(model=tmp_path / "none").what


@pytest.mark.parametrize(
    ("files", "verdict", "what"),
    [
        ({"type": "SD"}, "skip", "mmcblk0 is an SD card, which does not tell"),
        ({"type": "MMC", "life_time": "0x01 0x02", "pre_eol_info": "0x01"}, "pass", "10 to 20 % of its life"),
        ({"type": "MMC", "life_time": "0x00 0x00", "pre_eol_info": "0x00"}, "pass", "does not say"),
        ({"type": "MMC", "life_time": "0x09 0x01", "pre_eol_info": "0x01"}, "do", "80 to 90 % of its life"),
        ({"type": "MMC", "life_time": "0x0b 0x01"}, "do", "its life is over"),
        ({"type": "MMC", "life_time": "0x02 0x01", "pre_eol_info": "0x02"}, "do", "its reserve runs out"),
        ({}, "skip", "mmcblk0 does not tell here"),
    ],
)
def test_wear(tmp_path: Path, files: dict[str, str], verdict: str, what: str) -> None:
    disk = tmp_path / "devices" / "mmcblk0"
    part = disk / "mmcblk0p2"
    for folder in (disk / "device", part, tmp_path / "dev" / "block"):
        folder.mkdir(parents=True)
    (part / "partition").write_text("2\n")
    for name, content in files.items():
        (disk / "device" / name).write_text(f"{content}\n")
    (tmp_path / "dev" / "block" / "179:2").symlink_to(part)
    found = wear_of("179:2", sys=tmp_path)
    assert (found.verdict, what in found.what) == (verdict, True)
    assert "no device of this machine" in wear_of("0:42", sys=tmp_path).what


def test_wear_of_what_this_machine_has(tmp_path: Path) -> None:
    assert wear(tmp_path).check == "wear"
    assert wear(tmp_path / "none").what == f"{tmp_path / 'none'}: No such file or directory"
