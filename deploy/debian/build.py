"""Makes the .deb, falld with all that it imports in /opt/falld, its units, and what they need; and the installer.

    make deb ARCH=arm64 RELEASE=trixie

Nothing of the target runs here, so a machine of any kind makes it, as any user: wheels are only unpacked. They are
compiled where they are installed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipapp
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
"""Of Debian 12 and 13, and of Raspberry Pi OS of the same names."""
DEBIAN = {"bookworm": "deb12", "trixie": "deb13"}
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = ("_2_28", "_2_27", "_2_17", "2014")
"""Wheels for these C libraries; both releases have a newer one. pip wants to be told each."""
CONTROL = """\
Package: falld
Version: {version}
Architecture: {arch}
Maintainer: The falld authors <falld@example.org>
Section: net
Priority: optional
Installed-Size: {kib}
Depends: python3 (>= {python}), python3 (<< {after}), ca-certificates, libc6 (>= 2.28), libstdc++6, openssl,
 passwd, systemd (>= 252)
Recommends: bluez, dbus
Suggests: mosquitto
Description: fall alarm that a home hub runs
 Reads acceleration from a wearable over Bluetooth LE, finds falls, and keeps each
 alert on disk until a monitoring hub says that it has committed it.
"""
PROGRAM = """\
#!/opt/falld/bin/python3
from falld.cli import main

main()
"""
COPYRIGHT = """\
falld is Copyright the falld authors, under the licence below. What it imports stands beside it in /opt/falld, each with
its own licence in its `.dist-info` folder.

"""
CACHES = shutil.ignore_patterns("__pycache__", ".mypy_cache")
EXAMPLES = ("deploy/falld.example.yaml", "deploy/mosquitto", "deploy/raspberrypi", "systemd/mosquitto.service.d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=MACHINE, default="arm64")
    parser.add_argument("--release", choices=PYTHON, default="trixie", help="Debian's, whose Python it is for.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="Folder for the package.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="falld-deb-") as folder:
        print(build(Path(folder), options.arch, options.release, options.out))  # noqa: T201
    print(installer(options.out))  # noqa: T201


def build(folder: Path, arch: str, release: str, out: Path, compression: str = "xz") -> Path:
    """The package, made in an empty folder."""
    tree = folder / "tree"
    environment(tree / "opt/falld", wheel(folder), arch, PYTHON[release])
    system(tree)
    version = f"{debian_version()}+{DEBIAN[release]}"
    control(tree, version, arch, PYTHON[release])
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    out.mkdir(exist_ok=True)
    package = out / f"falld_{version}_{arch}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(tree), str(package)], check=True
    )
    return package


def installer(out: Path) -> Path:
    """The installer as one program, that any Python runs."""
    program = out / "falld-install"
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT / "deploy/raspberrypi/install"
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=CACHES)
        zipapp.create_archive(folder, program, "/usr/bin/env python3", compressed=True)
    return program


def wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def environment(at: Path, falld: Path, arch: str, python: str) -> None:
    """A virtual environment at its place in the target, made of nothing but files."""
    site = at / f"lib/python{python}/site-packages"
    unpack(site, arch, python, str(falld))
    shutil.rmtree(site / "bin")  # for the Python that unpacked them
    (at / "bin").mkdir()
    (at / "bin/python3").symlink_to(f"/usr/bin/python{python}")
    (at / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n")
    program = at / "bin/falld"
    program.write_text(PROGRAM)
    program.chmod(0o755)


def unpack(site: Path, arch: str, python: str, *wanted: str) -> None:
    """Wheels for the target, with what they need."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    command += ["--no-compile", "--no-warn-conflicts", "--root-user-action=ignore", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    command += [f"--platform=manylinux{glibc}_{MACHINE[arch]}" for glibc in GLIBC]
    subprocess.run([*command, "--constraint", str(ROOT / "constraints.txt"), *wanted], check=True)


def system(tree: Path) -> None:
    """What belongs elsewhere than in /opt."""
    units = ROOT / "systemd"
    lib = tree / "usr/lib"
    (lib / "systemd/system").mkdir(parents=True)
    for unit in units.glob("*.service"):
        shutil.copy(unit, lib / "systemd/system")
    for name in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(units / name, lib / name)
    shutil.copytree(units / "dbus-1", tree / "usr/share/dbus-1")
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/falld").symlink_to("/opt/falld/bin/falld")
    doc = tree / "usr/share/doc/falld"
    (doc / "examples").mkdir(parents=True)
    for example in map(ROOT.joinpath, EXAMPLES):
        to = doc / "examples" / example.name
        if example.is_dir():
            shutil.copytree(example, to, ignore=CACHES)
        else:
            shutil.copy(example, to)
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, doc)
    (doc / "copyright").write_text(COPYRIGHT + (ROOT / "LICENSE").read_text())


def control(tree: Path, version: str, arch: str, python: str) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files]
    major, minor = python.split(".")
    said = CONTROL.format(
        version=version,
        arch=arch,
        kib=sum(path.stat().st_size for path in files) // 1024,
        python=python,
        after=f"{major}.{int(minor) + 1}",
    )
    folder = tree / "DEBIAN"
    folder.mkdir()
    (folder / "control").write_text(said)
    (folder / "md5sums").write_text("".join(sums))  # for `dpkg --verify falld`
    for script in ("postinst", "prerm", "postrm"):
        shutil.copy(Path(__file__).with_name(script), folder)


def debian_version() -> str:
    """A pre-release, as 0.2.0rc1, is before its release there too."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return re.sub(r"\.?(dev|a|b|rc)", r"~\1", version, count=1)


if __name__ == "__main__":
    main()
