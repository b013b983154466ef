"""falld's package: had, looked at, and installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from installer.places import GIVEN
from installer.words import Failed, Stop, run, told

SETTINGS = "./usr/share/doc/falld/examples/raspberrypi/"
"""Read in the package, for documentation is not installed everywhere."""
APT = ("apt-get", "--yes", "--quiet", "-o", "DPkg::Lock::Timeout=300")
"""At a first boot others install as well."""


class Package(NamedTuple):
    path: Path
    version: str
    sha256: str


def fetch(source: str, sha256: str | None) -> Package:
    """Into a place of our own: what was looked at is what is installed.

    Raises:
        Stop: it cannot be had, or is not what it must be.
    """
    if "://" in source and sha256 is None:
        raise Stop("package", "a URL is given without --sha256", "give what its publisher says")
    try:
        if "://" in source:
            with urllib.request.urlopen(source, timeout=60) as remote, GIVEN.open("wb") as file:
                shutil.copyfileobj(remote, file)
        else:
            shutil.copyfile(source, GIVEN)
    except (OSError, ValueError) as error:
        raise Stop("package", f"{source} cannot be had: {error}", "check its name, and the network") from None
    package = look(GIVEN)
    if sha256 is not None and package.sha256 != sha256.lower():
        raise Stop(
            "package", f"{source} has the SHA-256 {package.sha256}", "it is not what was published: do not use it"
        )
    return package


def look(path: Path) -> Package:
    """Raises `Stop`: it is not falld's, or not for this machine."""
    try:
        said = run("dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", str(path))
    except Failed as error:
        raise Stop("package", str(error), "take a package of falld") from None
    name, version, arch = said.split(" ")
    here = run("dpkg", "--print-architecture").strip()
    if (name, arch) != ("falld", here):
        raise Stop("package", f"it is {name} for {arch}, and this machine is {here}", f"take falld's for {here}")
    with path.open("rb") as file:
        return Package(path, version, hashlib.file_digest(file, "sha256").hexdigest())


def setting(package: Package, name: str) -> str:
    """A file of deploy/raspberrypi as it comes with the package."""
    unpack = ["dpkg-deb", "--fsys-tarfile", str(package.path)]
    with (
        subprocess.Popen(unpack, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as files,
    ):
        found = next(files.extractfile(each).read().decode() for each in files if each.name == SETTINGS + name)  # type: ignore[union-attr]
        unpacking.kill()
    return found


def installed() -> str:
    """The version; empty: none is."""
    status, _, version = told("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", "falld").partition(" ")
    return version if status == "installed" else ""


def apt(package: Package) -> None:
    """With what it recommends, where that can be had. Raises `Failed`."""
    told("dpkg", "--configure", "-a")  # where power went away in an installation apt wants this first
    if not told("dpkg-query", "-W", "-f=${db:Status-Status}", "bluez").startswith("installed"):
        told(*APT, "update")
    run(*APT, "install", "--reinstall", "--allow-downgrades", str(package.path))
