"""The file that a support bundle is."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from falld.errors import FalldError

FOLDER = "falld-support"


class BundleFileError(FalldError):
    """The bundle is not written."""


def write(path: Path, members: Mapping[str, str]) -> None:
    """Writes a .tar.gz that only its owner can read; whole or not at all.

    Args:
        path: where nothing is yet.
        members: texts by the names of their files.

    Raises:
        BundleFileError: there is something, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BundleFileError(str(path), "is there already", "name another file") from None
    except OSError as error:
        raise BundleFileError(str(path), f"cannot be written: {error.strerror}", "name another file") from None
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in members.items():
                content = text.encode("utf-8", "replace")
                about = tarfile.TarInfo(f"{FOLDER}/{name}")
                about.size, about.mode, about.mtime = len(content), 0o600, int(time.time())
                archive.addfile(about, io.BytesIO(content))
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BundleFileError(
                str(path), f"cannot be written: {error.strerror}", "make room, or name another file"
            ) from None
        raise
