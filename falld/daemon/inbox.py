"""What persons and hubs say to a home, obeyed one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from falld.alert.wire import Command, Response
from falld.daemon.clips import Clips
from falld.daemon.heard import Tell
from falld.daemon.keeper import Keeper

ROOM = 256
"""Responses and commands that wait for the disk: with 0.1 s a commit on a slow card, 25 s of a flood."""

log = logging.getLogger(__name__)


class Inbox:
    """Takes them from the routes without a wait.

    Args:
        home: its id, whose test alarms are.
        clips: None: none are kept.
        believe: hears of each response before it changes anything.
    """

    def __init__(
        self, home: str, keeper: Keeper, *, clips: Clips | None, believe: Callable[[Response], None], tell: Tell
    ) -> None:
        self.dropped = 0
        self._home = home
        self._keeper = keeper
        self._clips = clips
        self._believe = believe
        self._tell = tell
        self._waiting: asyncio.Queue[Response | Command] = asyncio.Queue(ROOM)

    def take(self, said: Response | Command) -> None:
        try:
            self._waiting.put_nowait(said)
        except asyncio.QueueFull:
            self.dropped += 1
            log.error("a %s is dropped: %d wait for the disk already", type(said).__name__, ROOM)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            match await self._waiting.get():
                case Response() as said:
                    await self._hear(said)
                case Command(command="test_alarm") as command:
                    await self._keeper.obey_test(self._home, command.id)
                case Command() as command:
                    await self._keeper.remember(command.id)
                    if self._clips is None or not await self._clips.again(command.alert_id or ""):
                        log.warning("command %s: there is no clip of alert %s", command.id, command.alert_id)

    async def _hear(self, said: Response) -> None:
        self._believe(said)
        if await self._keeper.respond(said.alert_id, said.response, said.hub, said.by):
            text = f"{said.response}, by {said.by} at {said.hub}, alert {said.alert_id}"
            self._tell("acknowledged", text, alert_id=said.alert_id, response=said.response, hub=said.hub)
