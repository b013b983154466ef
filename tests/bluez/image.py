"""The machine's kernel and its root: Debian with BlueZ, Python, mosquitto and the wheels that falld needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "trixie"
"""Of Debian, and of Raspberry Pi OS."""
HOST = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "cpio": "cpio",
}
"""Packages of this machine, by a program of theirs; QEMU's firmware comes with it."""
PACKAGES = ("bluez", "dbus", "iproute2", "kmod", "mosquitto", "procps", "python3")
MODULES = ("bluetooth", "hci_vhci", "algif_hash", "algif_skcipher", "cmac", "ecb", "uhid")
"""hci_vhci: a controller that a program plays. The cloud kernels of Debian have none, nor have those for arm64."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
WEARABLES = "bumble==0.0.236"
"""Plays the controller and the wearables."""


def install(packages: Mapping[str, str] = HOST) -> None:
    """What this machine lacks, by a program of each: installed by root, else named."""
    missing = [package for program, package in packages.items() if shutil.which(program) is None]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"missing: {' '.join(missing)}; install them, or run this as root")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=True)
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing]
    subprocess.run(command, env=environment, check=True)


def build(cache: Path, release: str) -> tuple[Path, Path]:
    """The kernel and the root as an archive; made anew only where what they are made of has changed."""
    kernel, archive, made_of = (cache / f"{release}.{what}" for what in ("vmlinuz", "cpio", "json"))
    recipe = json.dumps([Path(__file__).read_text(), requirements(), (ROOT / "constraints.txt").read_text()])
    if made_of.exists() and made_of.read_text() == recipe:
        return kernel, archive
    if os.geteuid() != 0:
        sys.exit("the machine's root is made by root; run this as root once")
    made_of.unlink(missing_ok=True)
    root, extra = cache / "root", cache / "kernel"
    for folder in (root, extra):
        shutil.rmtree(folder, ignore_errors=True)
    debian(release, root, "minbase", PACKAGES)
    debian(release, extra, "extract", ("linux-image-amd64",))
    shutil.copyfile(next((extra / "boot").glob("vmlinuz-*")), kernel)
    keep_modules(extra / "usr/lib/modules", root, MODULES)
    wheels(root, requirements())
    for waste in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / waste, ignore_errors=True)
    with archive.open("wb") as out:
        subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=root, stdout=out, check=True)
    for folder in (root, extra):
        shutil.rmtree(folder)
    made_of.write_text(recipe)
    return kernel, archive


def planted(cache: Path, release: str, packages: tuple[str, ...], arch: str | None = None) -> Path:
    """A fresh tree of Debian with these packages, which is made once and kept in the cache."""
    made_of = zlib.crc32(" ".join(packages).encode())
    kept, tree = cache / f"{release}-{made_of:08x}.tar", cache / release
    if not kept.exists():
        made = cache / f"{release}.new.tar"
        debian(release, made, "minbase", packages, arch)
        made.rename(kept)
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    subprocess.run(["tar", "-x", "--exclude=./dev/*", "-f", str(kept), "-C", str(tree)], check=True)
    return tree


def debian(release: str, root: Path, variant: str, packages: tuple[str, ...], arch: str | None = None) -> None:
    """From where this machine has its own packages; for its own architecture, if no other is said."""
    fast = "--dpkgopt=force-unsafe-io"  # who cuts the power meanwhile makes it anew
    command = [
        "mmdebstrap",
        "--quiet",
        fast,
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        *([] if arch is None else [f"--architectures={arch}"]),
        release,
        str(root),
    ]
    lines = sources(release)
    subprocess.run([*command, "-"] if lines else command, input=lines or None, text=True, check=True)


def sources(release: str) -> str:
    """This machine's Debian sources, for a release; empty: it has none, and mmdebstrap's own are taken."""
    asked = "deb $(REPO_URI) $(RELEASE) main\n"
    command = [
        "apt-get",
        "indextargets",
        "--format",
        asked,
        "Created-By: Packages",
        "Origin: Debian",
        "Component: main",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    codename = subprocess.run(
        ["sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return "".join(sorted({f"{line}\n".replace(codename, release) for line in told.splitlines() if line.strip()}))


def keep_modules(folder: Path, root: Path, modules: tuple[str, ...]) -> None:
    """Copies the modules that are needed, and what they need."""
    version = next(folder.iterdir()).name
    whole = root / "usr/lib/modules" / version
    shutil.copytree(folder / version, whole, symlinks=True)
    depmod = ["chroot", str(root), "depmod", version]
    subprocess.run(depmod, check=True)
    asked = ["chroot", str(root), "modprobe", "--all", "--set-version", version, "--show-depends", *modules]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    needed = {Path(line.split()[1]).name for line in told.splitlines() if line.startswith("insmod")}
    for module in whole.rglob("*.ko*"):
        if module.name not in needed:
            module.unlink()
    subprocess.run(depmod, check=True)


def wheels(root: Path, wanted: list[str]) -> None:
    """What is imported, for the machine's Python, compiled."""
    python = max((root / "usr/lib").glob("python3.*")).name.removeprefix("python")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(root / "opt/site")]
    command += [
        "--no-warn-conflicts",
        "--root-user-action=ignore",
        "--no-compile",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={python}",
    ]
    command += [f"--platform={platform}" for platform in PLATFORMS]
    command += ["--constraint", str(ROOT / "constraints.txt"), *wanted]
    subprocess.run(command, check=True)
    subprocess.run(["chroot", str(root), "python3", "-m", "compileall", "-q", "/opt/site"], check=True)


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], WEARABLES]
