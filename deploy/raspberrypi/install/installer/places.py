"""Where things are, and how a file is written there."""

from __future__ import annotations

import os
from pathlib import Path

from installer.words import Stop

CONFIG = Path("/etc/falld/falld.yaml")
PASSWORD = Path("/etc/falld/broker.password")
"""The unit's LoadCredential= reads it."""
CA = Path("/etc/falld/broker-ca.pem")
CERTIFICATE = Path("/etc/falld/broker-cert.pem")
KEY = Path("/etc/falld/broker-key.pem")
"""The unit loads it too, where there is one."""
REQUEST = Path("/etc/falld/broker.csr")
"""For a certificate of the key that was made here, until there is one."""
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


def text_of(file: str) -> str:
    """Of a file that is given. Raises `Stop`: it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8-sig")  # editors of Windows put a mark before it
    except OSError as error:
        raise Stop("answers", f"{file} cannot be read: {error}", "check its name") from None
    except ValueError:
        remedy = "give certificate and key in PEM form, a password in UTF-8"
        raise Stop("answers", f"{file} is not text", remedy) from None


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Whole or not at all, and on the disk when this is done: what it was copied from may be removed then."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.touch(mode)
    temporary.chmod(mode)
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
