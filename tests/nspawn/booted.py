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
SERVICE, INSTALLER, FIRST_BOOT = ("trials.py",), ("installs.py", "certified.py", "first_boot.py"), "first_boot.py"
"""Each file of trials has a machine of its own."""
ANSWERS = """\
home = "h1"
host = "127.0.0.1"
port = 1883
wearable = "Polar Sense 0A1B2C3D"
placement = "upper_arm"
password = "secret of h1"
"""
LIKE_RASPBERRY_PI_OS = """\
datasource_list: [NoCloud, None]
datasource: {NoCloud: {seedfrom: "file:///boot/firmware/"}}
locale: false
ssh_deletekeys: false
ssh_genkeytypes: []
"""
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
    parser.add_argument("--only", choices=(*SERVICE, *INSTALLER), help="One file of trials.")
    parser.add_argument("--seconds", type=float, default=2400, help="How long the trials of a file may take.")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a machine is booted by root")
    install(HOST)
    options.cache.mkdir(exist_ok=True)
    wanted = (options.only,) if options.only else INSTALLER if options.installer else SERVICE
    with tempfile.TemporaryDirectory(prefix="falld-deb-") as folder:
        began = time.monotonic()
        package = build(Path(folder), debian_arch(), options.release, Path(folder) / "out", "none")
        sys.stdout.write(f"the package is there after {time.monotonic() - began:.0f} s\n")
        for trials in wanted:
            began = time.monotonic()
            tree = plant(options.cache, options.release, package, trials)
            try:
                status = boot(tree, options.seconds)
            finally:
                shutil.rmtree(tree)
            sys.stdout.write(f"{trials}: {'passed' if status == 0 else 'FAILED'}, {time.monotonic() - began:.0f} s\n")
            if status != 0:
                return status
    return 0


def plant(cache: Path, release: str, package: Path, main: str) -> Path:
    """A fresh tree with package, installer and trials; Debian's own part is made once."""
    tree = planted(cache, release, PACKAGES if main in SERVICE else WITH_INSTALLER)
    shutil.copy(package, tree / "root/falld.deb")
    installer(tree / "root")
    shutil.copytree(Path(__file__).parent / "guest", tree / "root/trials")
    (tree / "root/trials/main.py").symlink_to(main)
    if main == FIRST_BOOT:
        prepare_card(tree)
    elif main in INSTALLER:
        (tree / "etc/cloud/cloud-init.disabled").touch()
    if main in INSTALLER:
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


def prepare_card(tree: Path) -> None:
    """What cloud-init finds on the boot partition, where it looks as on a Raspberry Pi OS, and what it runs."""
    card = tree / "boot/firmware"
    card.mkdir(parents=True)
    (tree / "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg").write_text(LIKE_RASPBERRY_PI_OS)
    shutil.copy(ROOT / "deploy/raspberrypi/user-data", card)
    (card / "meta-data").write_text("dsmode: local\ninstance_id: rpios-image\n")
    shutil.copy(tree / "root/falld-install", card)
    shutil.copy(tree / "root/falld.deb", card / "falld_1_any.deb")
    (card / "falld-answers.toml").write_text(ANSWERS)


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
    return 0 if said.read_text().endswith(PASSED) else 1


if __name__ == "__main__":
    sys.exit(main())
