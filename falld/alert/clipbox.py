"""A home's clips on its disk: a folder with a file for each, bounded, apart from the outbox.

They do not share the outbox's file, for an alert must not wait behind 24 kB of clip, nor be lost with a database that
a clip filled or broke. What is wrong with this folder costs clips and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, Self, get_args

from falld.alert.message import UUID7_PATTERN, WireError
from falld.alert.wire import Clip, parse
from falld.errors import FalldError

KEPT = 64
"""Clips of all kinds: 1.6 MB of the usual 24 kB, 4.2 MB of the largest. An alert a week fills a year."""
State = Literal["near_sent", "sent", "near", "due", "growing"]
"""The end of a file's name: of a near miss or of an alert, and a hub has it; the same, and it is to be sent; not whole
yet. Where there are too many, the first of these kinds that has any loses its oldest: one that no hub has outlasts
the others, and those of alerts outlast near misses."""
_STATES: tuple[State, ...] = get_args(State)
_DUE: tuple[State, ...] = ("due", "near")
_DAY_MS = 86_400_000


class ClipError(FalldError):
    """A clip cannot be kept or read; names its file or folder."""


class ClipBox:
    """Clips by alert, oldest first, as UUIDv7 sort. All methods raise `ClipError` where the disk does not do its part.

    A clip is at its place whole and on the disk, or not at all. Used from one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the folder, or make it. What was growing when the last program ended is due as it is."""
        box = cls(folder)
        with box._told():
            folder.mkdir(mode=0o700, exist_ok=True)
            for stale in folder.glob("*.tmp"):
                stale.unlink()
            found = box._found()
            for alert_id, state in found:
                if state == "growing" and (alert_id, "due") in found:
                    box._path(alert_id, "growing").unlink()  # the program ended before it could do so itself
                elif state == "growing":
                    box._path(alert_id, "growing").replace(box._path(alert_id, "due"))
        return box

    def begin(self, alert_id: str, clip: Clip) -> bool:
        """Keep what there is of an alert's clip so far. False: the alert has one already."""
        with self._told():
            if any(known == alert_id for known, _ in self._found()):
                return False
        self.keep(alert_id, clip, "growing")
        return True

    def keep(self, alert_id: str, clip: Clip, state: State) -> None:
        """Keep a clip in the place of one of this alert; where there are too many then, some go."""
        with self._told():
            temporary = self._folder / f"{alert_id}.tmp"
            with temporary.open("wb") as file:
                file.write(clip.payload())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path(alert_id, state))
            self._leave_only(alert_id, state)
            self._sync()
            found = sorted(self._found(), key=lambda one: (_STATES.index(one[1]), one[0]))
            for gone in found[: max(len(found) - KEPT, 0)]:
                self._path(*gone).unlink(missing_ok=True)

    def near_misses(self, id_now: str) -> int:
        """Those of the last 24 h, by their ids: a UUIDv7 begins with the milliseconds of its making.

        Args:
            id_now: an id that was made just now.
        """
        now = _made_ms(id_now)
        with self._told():
            made = [_made_ms(alert_id) for alert_id, state in self._found() if state in ("near", "near_sent")]
        return sum(abs(now - ms) < _DAY_MS for ms in made)

    def due(self) -> list[str]:
        """Alerts, and near misses after them, whose clips no hub has; oldest first."""
        with self._told():
            found = sorted((state == "near", alert_id) for alert_id, state in self._found() if state in _DUE)
        return [alert_id for _, alert_id in found]

    def payload(self, alert_id: str) -> bytes:
        """What is to be sent.

        Raises:
            KeyError: it is not due.
        """
        with self._told():
            for state in _DUE:
                with suppress(FileNotFoundError):
                    return self._whole(self._path(alert_id, state))
        raise KeyError(alert_id)

    def ack(self, alert_id: str) -> bool:
        """A hub has it. False: it was not due."""
        return self._turn(alert_id, "due", "sent") or self._turn(alert_id, "near", "near_sent")

    def again(self, alert_id: str) -> bool:
        """A hub asks for it: it is due, anew if need be. False: it is not there, or not whole yet."""
        turned = self._turn(alert_id, "sent", "due") or self._turn(alert_id, "near_sent", "near")
        return turned or alert_id in self.due()

    def _turn(self, alert_id: str, before: State, after: State) -> bool:
        with self._told(), suppress(FileNotFoundError):
            self._path(alert_id, before).replace(self._path(alert_id, after))
            self._sync()
            return True
        return False

    def _whole(self, path: Path) -> bytes:
        """What is damaged goes, for no hub would take it."""
        payload = path.read_bytes()
        try:
            parse(Clip, payload, str(path))
        except WireError as error:
            path.unlink()
            raise ClipError(str(path), f"is damaged and was removed: {error.what}", "check the disk") from None
        return payload

    def _leave_only(self, alert_id: str, state: State) -> None:
        for other in _STATES:
            if other != state:
                self._path(alert_id, other).unlink(missing_ok=True)

    def _found(self) -> list[tuple[str, State]]:
        found: list[tuple[str, State]] = []
        for path in self._folder.iterdir():
            alert_id, _, ending = path.name.partition(".")
            for state in _STATES:
                if ending == state and re.fullmatch(UUID7_PATTERN, alert_id):
                    found.append((alert_id, state))
        return found

    def _path(self, alert_id: str, state: State) -> Path:
        return self._folder / f"{alert_id}.{state}"

    def _sync(self) -> None:
        """Names are on the disk only with their folder."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"clips cannot be kept: {error.strerror}"
            raise ClipError(str(self._folder), what, "check its disk, and that falld may write there") from error


def _made_ms(alert_id: str) -> int:
    return int(alert_id[:8] + alert_id[9:13], 16)
