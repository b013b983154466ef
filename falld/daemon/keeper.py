"""The one owner of the alerts' life and the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from falld.alert.clock import boot_id, boottime, clock_synced, utc_now
from falld.alert.draft import Answer, Draft, OpenAlert
from falld.alert.enduring import EnduringOutbox
from falld.alert.life import Life
from falld.alert.outbox import Wall, join
from falld.daemon.heard import Heard, Observer
from falld.publish.worker import Call

LONGEST_WAIT_S = 10.0
"""The loop's timers stand still while the machine is suspended, deadlines do not: looked at again this often."""


class Keeper:
    """Takes one decision after another, and commits each before the next is taken or anybody is told.

    The order of the commits is that of the decisions. Where the disk does not do its part they are made in memory
    alone, until it does again: an alert in memory is better than none.

    Args:
        disk: runs the outbox's methods on the thread that opened it.
        routes: names of all ways to monitoring hubs.
        wake: called after every commit that has a message to send.
        commands: ids of the hub's commands that were obeyed in this boot.
        alarms: stages of open alerts for which the home's own alarm ran.
        test: the last test alarm.
    """

    def __init__(
        self,
        life: Life,
        outbox: EnduringOutbox,
        walls: Mapping[str, Wall],
        *,
        disk: Call,
        routes: Sequence[str],
        observer: Observer,
        wake: Callable[[], None],
        commands: Sequence[str] = (),
        alarms: Sequence[str] = (),
        test: Mapping[str, Any] | None = None,
    ) -> None:
        self._life = life
        self._outbox = outbox
        self._walls = walls
        self._disk = disk
        self._routes = routes
        self._observer = observer
        self._wake = wake
        self._boot_id = boot_id()
        self._one_by_one = asyncio.Lock()
        self._changed = asyncio.Event()
        self._kept: dict[str, Any] | None = None
        self._commands = list(commands)
        self._alarms = list(alarms)
        self._test = test

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        raise_after_s: float,
        disk: Call,
        routes: Sequence[str],
        observer: Observer,
        wake: Callable[[], None],
    ) -> Self:
        """Goes on where the last daemon stopped.

        Raises:
            NotOurs: the outbox is held by another program, something else, or of a newer falld.
        """
        outbox = await disk(EnduringOutbox.open, path)
        await disk(outbox.keep_routes, routes)
        kept, walls = await disk(outbox.life), await disk(outbox.walls)
        boot = boot_id()
        commands: list[str] = []
        alarms: list[str] = []
        test: dict[str, Any] | None = None
        if kept is None:
            life = Life(boot_id=boot, raise_after_s=raise_after_s)
        else:
            state, of_boot = kept
            life = Life.load(state, now=boottime(), boot_id=boot, raise_after_s=raise_after_s)
            alarms, test = state.get("alarms", []), state.get("test")
            commands = state.get("commands", []) if of_boot == boot else []
        return cls(
            life,
            outbox,
            walls,
            disk=disk,
            routes=routes,
            observer=observer,
            wake=wake,
            commands=commands,
            alarms=alarms,
            test=test,
        )

    @property
    def outbox(self) -> EnduringOutbox:
        """For the publisher, which calls it through the same `disk`."""
        return self._outbox

    @property
    def commands(self) -> Sequence[str]:
        """Ids of the hub's commands that were obeyed in this boot."""
        return self._commands

    @property
    def alarms(self) -> Sequence[str]:
        """Stages of alerts for which the home's own alarm ran."""
        return self._alarms

    @property
    def last_test(self) -> Mapping[str, Any] | None:
        """What `keep_test` took last."""
        return self._test

    def raise_after(self, seconds: float) -> None:
        """What the wearer has to cancel a fall from now on; a deadline that is running stays."""
        self._life.raise_after_s = seconds

    def open_alerts(self) -> list[OpenAlert]:
        return self._life.open_alerts()

    async def fall(
        self, wearer: str, source: str, impact_t: float, *, probability: float, model: str, why: str
    ) -> str | None:
        """A wearable saw a fall, with its impact at this CLOCK_BOOTTIME.

        Returns:
            The alert that tells of it; None: it was told before.
        """
        told = await self._said(
            lambda now: self._life.fall(now, wearer, source, impact_t, probability=probability, model=model, why=why)
        )
        return told[0].alert_id if told else None

    async def recovered(self, wearer: str, impact_t: float) -> None:
        """The wearer is up again after the fall with this impact."""
        await self._decide(lambda now: self._life.recovered(now, wearer, impact_t))

    async def cancel(self, wearer: str) -> str | None:
        """The wearer says that no help is needed.

        Returns:
            The alert that it is about; None: there is none, or it was said before.
        """
        told = await self._said(lambda now: self._life.cancel(now, wearer))
        return told[0].alert_id if told else None

    async def help(self, wearer: str, source: str | None = None) -> str:
        """The wearer calls for help, by this wearable or button if by any; gives the alert that tells of it."""
        return (await self._said(lambda now: self._life.help(now, wearer, source)))[0].alert_id

    async def obey_test(self, wearer: str, command: str) -> None:
        """A hub asks for a test alarm; the command's id is kept together with it."""
        self._commands.append(command)
        await self._decide(lambda now: self._life.test(now, wearer))

    async def remember(self, command: str) -> None:
        """A hub's command was obeyed: its id is kept for this boot."""
        self._commands.append(command)
        await self._decide(self._life.advance)

    async def test(self, wearer: str) -> str:
        """The home itself makes a test alarm; its id."""
        return (await self._said(lambda now: self._life.test(now, wearer)))[0].alert_id

    async def keep_test(self, test: Mapping[str, Any]) -> None:
        """How it stands with the last test alarm."""
        self._test = test
        await self._decide(self._life.advance)

    async def keep_alarms(self, alarms: Sequence[str]) -> None:
        """The home's own alarm ran for these stages of alerts."""
        self._alarms = list(alarms)
        await self._decide(self._life.advance)

    async def respond(self, alert_id: str, response: Answer, hub: str, by: str) -> bool:
        """A person answered at a hub. False: that was known, or there is no such alert."""
        return await self._decide(lambda now: self._life.respond(now, alert_id, response, hub, by))

    async def watch_deadlines(self) -> None:
        """Raises what is due and brings to the disk what is not there, until cancelled."""
        while True:
            self._changed.clear()
            await self._decide(self._life.advance)
            await self._disk(self._outbox.mend)
            deadline = self._life.next_deadline()
            delay = LONGEST_WAIT_S if deadline is None else min(LONGEST_WAIT_S, deadline - boottime())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._changed.wait()

    async def close(self) -> None:
        """After what is being committed."""
        await self._disk(self._outbox.close)

    async def _said(self, change: Callable[[float], list[Draft]]) -> list[Draft]:
        """What came of it, apart from what was due."""
        told: list[Draft] = []

        def both(now: float) -> list[Draft]:
            due = self._life.advance(now)
            told.extend(change(now))
            return due + told

        await self._decide(both)
        return told

    async def _decide(self, change: Callable[[float], list[Draft]]) -> bool:
        """Whether anything came of it."""
        async with self._one_by_one:
            now, utc, synced = boottime(), utc_now(), clock_synced()
            drafts = change(now)
            kept = {"commands": list(self._commands), "alarms": list(self._alarms), "test": self._test}
            state = self._life.dump() | kept
            if not drafts and state == self._kept:
                return False
            rows = [
                join(
                    draft,
                    boot_id=self._boot_id,
                    now=now,
                    utc_now=utc,
                    clock_synced=synced,
                    walls=self._walls,
                    routes=self._routes,
                )
                for draft in drafts
            ]
            await self._disk(self._outbox.commit, rows, state, now)
            self._kept = state
            self._changed.set()
            for draft in drafts:
                self._observer(_committed(draft, boottime()))
            if drafts:
                self._wake()
            return True


def _committed(draft: Draft, now: float) -> Heard:
    data = {
        "alert_id": draft.alert_id,
        "seq": draft.seq,
        "wearer": draft.wearer,
        "kind": draft.kind,
        "state": draft.state,
    }
    return Heard("committed", now, f"{draft.kind} {draft.state}, message {draft.seq} of alert {draft.alert_id}", data)
