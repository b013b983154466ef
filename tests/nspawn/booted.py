"""falld as a service: Debian booted by systemd-nspawn, with the package that `make deb` makes.

make test-systemd RELEASE=bookworm
make test-installer RELEASE=trixie
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bluez"), str(ROOT / "deploy/debian")]

from build import PYTHON, build, installer  # noqa: E402
from image import RELEASE, install, planted  # noqa: E402

HOST = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"}
PACKAGES = ("ca-certificates", "dbus", "libstdc++6", "mosquitto", "python3", "systemd", "systemd-sysv")
"""Without BlueZ: its own D-Bus policy lets everybody in, and falld's would not be tried."""
WITH_INSTALLER = (*PACKAGES, "bluez", "cloud-init")
BOOT = (
    "systemd-nspawn --quiet --boot --private-network --register=no --keep-unit --console=pipe"
    " --system-call-filter=adjtimex --system-call-filter=clock_adjtime"
)
"""nspawn itself would forbid to ask whether the clock is right."""
PASSED = "all trials passed\n"


def main() -> int:
    """0: all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=ROOT / ".nspawn", help="Folder for the tree.")
    parser.add_argument("--release", choices=PYTHON, default=RELEASE, help=f"Debian's; {RELEASE} if not said.")
    parser.add_argument("--installer", action="store_true", help="Trials of the installer, in a tree with BlueZ.")
    parser.add_argument("--seconds", type=float, default=1200, help="How long the trials may take.")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a machine is booted by root")
    install(HOST)
    options.cache.mkdir(exist_ok=True)
    began = time.monotonic()
    packages, trials = (PACKAGES, "trials.py") if not options.installer else (WITH_INSTALLER, "installs.py")
    tree = plant(options.cache, options.release, packages, trials)
    sys.stdout.write(f"tree and package are there after {time.monotonic() - began:.0f} s\n")
    try:
        return boot(tree, options.seconds)
    finally:
        shutil.rmtree(tree)


def plant(cache: Path, release: str, packages: tuple[str, ...], main: str) -> Path:
    """A fresh tree with package, installer and trials; Debian's own part is made once."""
    tree = planted(cache, release, packages)
    with tempfile.TemporaryDirectory(prefix="falld-deb-") as folder:
        package = build(Path(folder), debian_arch(), release, Path(folder) / "out", "none")
        shutil.move(package, tree / "root/falld.deb")
    installer(tree / "root")
    shutil.copytree(Path(__file__).parent / "guest", tree / "root/trials")
    (tree / "root/trials/main.py").symlink_to(main)
    shutil.copy(ROOT / "deploy/raspberrypi/user-data", tree / "root/trials")
    if main == "installs.py":
        (tree / "etc/cloud/cloud-init.disabled").touch()  # a trial does what it would do
        bluez = tree / "etc/systemd/system/dbus-org.bluez.service"
        bluez.unlink(missing_ok=True)
        bluez.symlink_to("/dev/null")  # without a radio it would not answer, and each question take 25 s
    examples = ROOT / "systemd/mosquitto.service.d"
    shutil.copytree(examples, tree / "etc/systemd/system" / examples.name)
    mosquitto = tree / "etc/mosquitto/mosquitto.conf"
    mosquitto.write_text("listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /etc/mosquitto/passwords\n")
    for user in ("h1", "hub1"):
        options = ["-b"] if (tree / "etc/mosquitto/passwords").exists() else ["-b", "-c"]
        passwd = ["chroot", str(tree), "mosquitto_passwd", *options, "/etc/mosquitto/passwords"]
        subprocess.run([*passwd, user, f"secret of {user}"], check=True)
    subprocess.run(["chroot", str(tree), "chgrp", "mosquitto", "/etc/mosquitto/passwords"], check=True)
    (tree / "etc/mosquitto/passwords").chmod(0o640)
    trials = tree / "etc/systemd/system/trials.service"
    trials.symlink_to("/root/trials/trials.service")
    wants = trials.parent / "multi-user.target.wants"
    (wants / trials.name).symlink_to("/root/trials/trials.service")
    (wants / "mosquitto.service").unlink(missing_ok=True)
    return tree


def debian_arch() -> str:
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def boot(tree: Path, within_s: float) -> int:
    """Shows what the trials say, until the machine is off."""
    said = tree / "root/trials/said"
    said.touch()
    give_up = time.monotonic() + within_s
    with (
        subprocess.Popen([*BOOT.split(), f"--directory={tree}"], stdin=subprocess.DEVNULL) as nspawn,
        said.open() as lines,
    ):
        while nspawn.poll() is None:
            sys.stdout.write(lines.read())
            sys.stdout.flush()
            if time.monotonic() > give_up:
                nspawn.kill()
            time.sleep(0.5)
        sys.stdout.write(lines.read())
    status = 0 if said.read_text().endswith(PASSED) else 1
    sys.stdout.write("passed\n" if status == 0 else "FAILED\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
