"""Results on disk, so that a run that was interrupted goes on, and one after a change repeats only what it touches."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from falld.errors import FalldError
from falld.samples.atomic import replacing

Arrays = dict[str, npt.NDArray[np.generic]]
_log = logging.getLogger(__name__)


class Cache:
    """Arrays by what they were made of. A file is whole or not there; nothing in it is ever replaced by other values.

    Args:
        folder: made if need be; None: nothing is kept.

    Raises:
        FalldError: the folder cannot be made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FalldError(str(folder), f"cannot be made: {error.strerror}", "name another folder") from error

    @property
    def kept(self) -> bool:
        """Whether anything is; else no digest is needed."""
        return self._folder is not None

    def get(self, name: str, key: str) -> Arrays | None:
        """What was put there; a damaged file is set aside, and is as if it were not there.

        Args:
            name: what it is, for a reader of the folder.
            key: a digest of all that it was made of.

        Raises:
            FalldError: it cannot be read.
        """
        path = self._path(name, key)
        if path is None or not path.exists():
            return None
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                return {part: file[part] for part in file.files}
        except (EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            _log.warning("%s: is damaged (%s); set aside as %s, and made anew", path, error, aside.name)
            return None
        except OSError as error:
            raise FalldError(
                str(path), f"cannot be read: {error.strerror}", "make it readable, or delete it"
            ) from error

    def put(self, name: str, key: str, arrays: Arrays) -> None:
        """Keep arrays for `get`.

        Raises:
            RecordingError: the file cannot be written.
        """
        path = self._path(name, key)
        if path is not None:
            with replacing(path) as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]

    def made(self, name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
        """What is kept, or else what `make` gives, which is kept from now on."""
        found = self.get(name, key)
        if found is None:
            found = make()
            self.put(name, key, found)
        return found

    def _path(self, name: str, key: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{name}-{key[:32]}.npz"
