"""What detectors learnt about their wearers, kept over restarts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from falld.detect.learnt import Learnt
from falld.detect.state import StateError
from falld.errors import FalldError
from falld.samples.atomic import replacing
from falld.samples.recording import RecordingError

SAVE_S = 600.0
"""A power cut costs ten minutes of what takes days to learn, and the card takes 144 writes of 5 kB a day."""

FORGET_S = 90 * 86_400.0
"""What was learnt with a wearable goes so long after it was last worn here."""

log = logging.getLogger(__name__)


class Memory:
    """That of a home. No fault of it keeps a detector from working: without it, one begins as if on the first day.

    Args:
        folder: made when something is kept.
        model: the bundle that scores are of.
        empty: makes what is known of a wearer on the first day.
    """

    def __init__(self, folder: Path, model: str, empty: Callable[[], Learnt]) -> None:
        self._folder = folder
        self._model = model
        self._empty = empty
        self._kept: dict[Path, Learnt] = {}
        self._fault: str | None = None

    def of(self, wearer: str, wearable: str) -> Learnt:
        """What is known of a wearer by a wearable; the same object each time, which its detectors add to."""
        path = self._folder / f"{wearer}@{wearable}.state"  # no id has an @
        if path not in self._kept:
            self._kept[path] = self._read(path)
        return self._kept[path]

    def change(self, empty: Callable[[], Learnt]) -> None:
        """Makes what is known from now on; what was learnt goes on in it as far as it still adapts."""
        self._empty = empty
        for learnt in self._kept.values():
            fresh = empty()
            fresh.restore(learnt.dump())
            learnt.gravity, learnt.budget = fresh.gravity, fresh.budget

    async def run(self) -> None:
        """Keeps it from time to time, until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(SAVE_S)
                await asyncio.to_thread(self._write, self._states())
                await asyncio.to_thread(self._forget, frozenset(self._kept))
        finally:
            self._write(self._states())

    def _read(self, path: Path) -> Learnt:
        learnt = self._empty()
        try:
            learnt.read(path.read_bytes(), self._model)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._tell(StateError(str(path), f"cannot be read ({error.strerror})", "what was learnt begins anew"))
        except StateError as error:
            self._tell(error)
            learnt = self._empty()
        return learnt

    def _states(self) -> dict[Path, bytes]:
        """Taken on the thread that the detectors run on."""
        return {path: learnt.to_bytes(self._model) for path, learnt in self._kept.items()}

    def _write(self, states: dict[Path, bytes]) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path, state in states.items():
                with replacing(path) as file:
                    file.write(state)
            self._fault = None
        except RecordingError as error:
            self._tell(error)
        except OSError as error:
            what = f"cannot be made: {error.strerror}"
            self._tell(StateError(str(self._folder), what, "check its parent and the free space"))

    def _forget(self, worn: frozenset[Path]) -> None:
        """Those that are worn are written each time, so that a file's time says when it last was one of them."""
        for path in self._folder.glob("*.state"):
            with contextlib.suppress(OSError):  # the disk's faults are told where it is written
                if path not in worn and time.time() - path.stat().st_mtime > FORGET_S:
                    path.unlink()

    def _tell(self, fault: FalldError) -> None:
        if str(fault) != self._fault:
            self._fault = str(fault)
            log.error("%s", fault)
