"""falld with BlueZ and the kernel as they are, in a QEMU machine whose radio and wearables are programs.

    make test-bluez

KVM is left alone: where machines are nested it is offered and hangs.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from image import RELEASE, ROOT, build, install

TREE = ("falld", "models", "recordings", "pyproject.toml", "tests/bluez/guest", "tests/h10.py")
"""What of this working tree goes into the machine."""
QEMU = (
    "qemu-system-x86_64 -accel tcg,thread=single,tb-size=512 -icount shift=0,sleep=off -rtc clock=vm"
    " -cpu Nehalem -smp 2 -m 3072 -nodefaults -nographic -no-reboot -serial stdio"
)
"""A processor without AVX: with one that has it, numpy's code for AVX crashed in the emulation. Its clock counts
instructions, a nanosecond each, and jumps where it idles: on a busy host it is slow, but nothing in it is late."""
BOOT = "console=ttyS0 quiet panic=-1 rdinit=/opt/falld/tests/bluez/guest/init"
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1bc|\r")
"""What the firmware tells a terminal to do."""
DONE = "machine: status "
"""The machine's last line begins so."""


def main() -> int:
    """0: all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=ROOT / ".bluez-vm", help="Folder for the machine.")
    parser.add_argument("--release", default=RELEASE, help=f"Debian's, that the machine has; {RELEASE} if not said.")
    parser.add_argument("--seconds", type=float, default=3600, help="How long it may take.")
    parser.add_argument("--only", default="", metavar="TRIAL,...", help="Of scan, record and home.")
    options = parser.parse_args()
    install()
    options.cache.mkdir(exist_ok=True)
    kernel, base = build(options.cache, options.release)
    root = whole_root(base, options.cache / "root.cpio")
    # What the kernel does not know it gives to its first program as environment.
    parameters = f"{BOOT} TRIALS={options.only}"
    return boot(kernel, root, parameters, options.cache / "transcript.txt", options.seconds)


def whole_root(base: Path, out: Path) -> Path:
    """The kernel unpacks one archive after another: Debian's, then the working tree's."""
    staged = out.with_name("tree")
    shutil.rmtree(staged, ignore_errors=True)
    for name in TREE:
        target = staged / "opt/falld" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    shutil.copyfile(base, out)
    with out.open("ab") as archive:
        subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=staged, stdout=archive, check=True)
    return out


def boot(kernel: Path, root: Path, parameters: str, transcript: Path, within_s: float) -> int:
    """Shows what the machine says, with the seconds since it was switched on."""
    command = [*shlex.split(QEMU), "-kernel", str(kernel), "-initrd", str(root), "-append", parameters]
    began = time.monotonic()
    status = 1
    with (
        transcript.open("w") as kept,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as qemu,
    ):
        assert qemu.stdout is not None
        watchdog = threading.Timer(within_s, qemu.kill)
        watchdog.start()
        for raw in qemu.stdout:
            line = STEERING.sub("", raw).rstrip()
            said = f"{time.monotonic() - began:7.1f}  {line}\n"
            kept.write(said)
            sys.stdout.write(said)
            sys.stdout.flush()
            if line.startswith(DONE):
                status = int(line.removeprefix(DONE))
        watchdog.cancel()
    sys.stdout.write(f"{'passed' if status == 0 else 'FAILED'}; {transcript}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
