"""Where things are, and how a file is written there."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG = Path("/etc/falld/falld.yaml")
PASSWORD = Path("/etc/falld/broker.password")
"""The unit's LoadCredential= reads it."""
CA = Path("/etc/falld/broker-ca.pem")
BLUEZ = Path("/etc/bluetooth/main.conf")
JOURNAL = Path("/etc/systemd/journald.conf.d/falld.conf")
STATE = Path("/var/lib/falld")
OWN = Path("/var/lib/falld-install")
"""Root's alone: falld could otherwise put another package in the place of the kept one."""
GIVEN = OWN / "given.deb"
KEPT = OWN / "installed.deb"
"""The package that is installed, for the way back from the next one."""
TESTED = OWN / "tested"
"""The SHA-256 of the package with which a hub has committed a test alarm."""


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode)
    temporary.chmod(mode)
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
