"""What a small computer tells of its power supply and of its memory card."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from falld.checkup.finding import Finding

SYS = Path("/sys")
MODEL = Path("/proc/device-tree/model")
VCGENCMD_S = 5.0
FIRMWARE = {0: "the voltage is too low", 1: "the processor is held back", 2: "the processor is slowed down",
            3: "it is too hot"}  # fmt: skip
"""Bits of `vcgencmd get_throttled`; the same 16 above: since it was switched on."""
SINCE = 16
VOLTAGE = "take the power supply that is made for this model, and a short, thick cable"
HEAT = "let air to it, or give it a heat sink"
WORN = 9
"""Of eMMC, in tenths of its life: 80 to 90 % are used up."""
RESERVE_LOW = 2
"""Of eMMC: 80 % of the spare blocks are used up."""


def power(*, sys: Path = SYS, model: Path = MODEL, vcgencmd: str = "vcgencmd") -> Finding:
    """Whether a Raspberry Pi gets enough power and air.

    Args:
        vcgencmd: the program that asks its firmware.
    """
    try:
        name = model.read_text(errors="replace").strip("\0\n")
    except OSError:
        name = ""
    if not name.startswith("Raspberry Pi"):
        return Finding("power", "skip", "this is no Raspberry Pi: nothing tells of its power supply")
    bits = _throttled(vcgencmd)
    if bits is not None:
        return _of_firmware(name, bits)
    alarm = _low_voltage(sys)
    if alarm is None:
        return Finding("power", "skip", "neither vcgencmd nor the kernel tells", "put this user into the group `video`")
    if alarm:
        return Finding("power", "do", f"{name}: {FIRMWARE[0]}", VOLTAGE)
    return Finding("power", "pass", f"{name}: the voltage is right, as the kernel says; of heat it does not tell")


def _of_firmware(name: str, bits: int) -> Finding:
    told = [f"{what} now" for bit, what in FIRMWARE.items() if bits >> bit & 1]
    told += [f"{what} at times" for bit, what in FIRMWARE.items() if bits >> (bit + SINCE) & 1 and not bits >> bit & 1]
    if not told:
        return Finding("power", "pass", f"{name}: voltage and heat were well since it was switched on")
    low = bits & (1 | 1 << SINCE)
    return Finding("power", "do", f"{name}: {', '.join(told)}", VOLTAGE if low else HEAT)


def _throttled(program: str) -> int | None:
    """None: the firmware cannot be asked."""
    try:
        done = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=VCGENCMD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", done.stdout)
    return None if found is None else int(found.group(1), 16)


def _low_voltage(sys: Path) -> bool | None:
    """As the kernel's driver rpi_volt says; None: it is not there."""
    for chip in sorted((sys / "class" / "hwmon").glob("hwmon*")):
        if _read(chip / "name") == "rpi_volt":
            alarm = _read(chip / "in0_lcrit_alarm")
            return None if alarm is None else alarm != "0"
    return None


def wear(folder: Path, *, sys: Path = SYS) -> Finding:
    """How much of the life of what the folder is on is used up."""
    try:
        device = folder.stat().st_dev
    except OSError as error:
        return Finding("wear", "skip", f"{folder}: {error.strerror}")
    return wear_of(f"{os.major(device)}:{os.minor(device)}", sys=sys)


def wear_of(number: str, *, sys: Path = SYS) -> Finding:
    """The same of a block device or a partition.

    Args:
        number: major and minor, as `179:2`.
    """
    block = (sys / "dev" / "block" / number).resolve()
    if not block.is_dir():
        return Finding("wear", "skip", "what the state is on is no device of this machine's own")
    disk = block.parent if (block / "partition").exists() else block
    if _read(disk / "device" / "type") == "SD":
        what = f"{disk.name} is an SD card, which does not tell: take one that is made for steady writing"
        return Finding("wear", "skip", what)
    life, reserve = _read(disk / "device" / "life_time"), _read(disk / "device" / "pre_eol_info")
    if life is None:
        return Finding("wear", "skip", f"{disk.name} does not tell here")
    tenths = max(int(each, 16) for each in life.split())
    if tenths >= WORN or int(reserve or "0", 16) >= RESERVE_LOW:
        return Finding("wear", "do", f"{disk.name}: {_used(tenths)}, and its reserve runs out", "replace it")
    return Finding("wear", "pass", f"{disk.name}: {_used(tenths)}")


def _used(tenths: int) -> str:
    if not tenths:
        return "it does not say how much of its life is used up"
    return f"{10 * (tenths - 1)} to {10 * tenths} % of its life are used up" if tenths <= 10 else "its life is over"


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
