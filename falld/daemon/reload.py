"""The installer's file while the daemon runs: what runs of it is kept, and on request it is read again."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from falld.config.changes import Change
from falld.config.last_good import CopyError, keep, state_dir
from falld.config.load import ConfigError, parse, read
from falld.config.schema import Config
from falld.daemon.home import Home
from falld.errors import FalldError

log = logging.getLogger(__name__)


class NotTaken(FalldError):
    """The file says what does not run."""


class Reloading:
    """Serves one home.

    Args:
        path: the file.
        text: what runs, as the file had it.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._runs = asyncio.Event()
        self._asked = asyncio.Event()

    def runs(self) -> None:
        """A configuration with which something has begun to happen is one that runs."""
        self._runs.set()

    def ask(self) -> None:
        """Read the file again."""
        self._asked.set()

    async def run(self, home: Home) -> None:
        """Until cancelled."""
        await self._runs.wait()
        await self._keep(home.config)
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                fault = await self._again(home)
            except FalldError as error:
                fault = _refused(self._path, error)
            home.set_config_fault(fault)

    async def _again(self, home: Home) -> NotTaken | None:
        text = await asyncio.to_thread(read, self._path)
        wanted = await asyncio.to_thread(parse, text, self._path)
        done = await home.change(wanted)
        log.info("%s: read again; %s", self._path, _taken(done))
        if done.waiting:
            return _waits(self._path, done)
        self._text = text
        await self._keep(home.config)
        return None

    async def _keep(self, config: Config) -> None:
        try:
            await asyncio.to_thread(keep, state_dir(config), self._path, self._text)
        except CopyError as error:
            log.error("%s", error)


def _refused(path: Path, error: FalldError) -> NotTaken:
    """Nothing of it is taken."""
    told = error.summary if isinstance(error, ConfigError) else f"cannot be used: {error.where}: {error.what}"
    what = f"{told}; the configuration that ran before goes on"
    return NotTaken(str(path), what, "mend it, see `falld config check`, then `systemctl reload falld`")


def _taken(done: Change) -> str:
    return f"taken: {', '.join(done.taken)}" if done.taken else "nothing of it changes what runs"


def _waits(path: Path, done: Change) -> NotTaken:
    keys = ", ".join(f"`{key}`" for key in done.waiting)
    what = f"{keys} changed, and what ran before goes on until falld starts again"
    return NotTaken(str(path), what, "`systemctl restart falld`")
