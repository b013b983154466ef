"""Plays the scenes: broker, hub, responder and home, all of them the real ones.

They share one program, so that one clock and one order hold for all that is told; what they say to each other goes
through the broker's TCP port, and what they keep through their own SQLite files.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

import yaml

from falld.alert.clock import boottime, utc_now
from falld.alert.draft import Answer
from falld.config.load import load
from falld.daemon.heard import Heard
from falld.daemon.run import run
from falld.demo.scenes import RAISE_AFTER_S, SCENES, SPEED, Outcome, Scene
from falld.demo.story import Story
from falld.errors import first_of
from falld.hub.service import Hub
from falld.hub.show import AlertChange, Event
from falld.hub.store import Entry, Store
from falld.publish.broker import Broker
from falld.publish.worker import Worker
from falld.resources import recordings_dir

HOME, HUB, RESPONDER = "demo-home", "demo-hub", "responder-1"
ANSWER_AFTER_S = 0.5
"""Of the responder; long enough that the lines stand apart."""
LOOK_S = 0.1
CERTAIN_S = 0.5
"""Nothing was raised if so long after `RAISE_AFTER_S` it still is not."""
PATIENCE_S = 30.0
"""For a scene: 7 s of recording, an answer 6 s after a fall in its middle, and a slow machine, on which the home alone
took 5 s to start. Over as soon as all has happened."""


class Monitoring:
    """A monitoring hub with a responder who answers what is raised."""

    def __init__(self, broker: Broker, store: Path, story: Story) -> None:
        self._broker = broker
        self._path = store
        self._story = story
        self._worker = Worker("hub")
        self._store: Store
        self._raised: asyncio.Queue[str] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connected, and answering."""
        self._store = await self._worker(Store.open, self._path)
        up = asyncio.Event()
        hub = Hub(
            self._broker,
            HUB,
            self._store,
            self._worker,
            show=self._show,
            on_state=lambda state: up.set() if state.up else None,
        )
        try:
            async with _beside(hub.run()), _beside(self._answer()):
                await up.wait()
                yield
        finally:
            await self._worker(self._store.close)
            self._worker.close()

    async def entries(self) -> list[Entry]:
        """All alerts that the hub has, oldest first."""
        return await self._worker(self._store.entries)

    def _show(self, event: Event) -> None:
        if isinstance(event, AlertChange):
            sound = "sounds" if event.sounds else "no sound"
            self._story.line(boottime(), "hub", f"{event.word}, {sound}", "magenta")
            if event.sounds:
                self._raised.put_nowait(event.alert_id)

    async def _answer(self) -> None:
        while True:
            alert_id = await self._raised.get()
            answers: tuple[Answer, ...] = ("seen", "resolved")
            for answer in answers:
                await asyncio.sleep(ANSWER_AFTER_S)
                await self._worker(self._store.respond, alert_id, answer, RESPONDER, utc_now())
                self._story.line(boottime(), "responder", answer, "magenta")


async def play(folder: Path, port: int, story: Story) -> bool:
    """All scenes; whether everything happened that must."""
    broker = Broker("127.0.0.1", port, protocol="3.1.1")
    monitoring = Monitoring(broker, folder / "hub.db", story)
    well = True
    async with monitoring.open():
        for number, scene in enumerate(SCENES, start=1):
            path = _configure(folder, port, scene)
            story.scene(number, scene.title, scene.recording)
            outcome = await _play(path, scene, monitoring, story)
            for must, check in scene.must:
                holds = check(outcome)
                story.verdict(must, holds=holds)
                well = well and holds
    return well


def _configure(folder: Path, port: int, scene: Scene) -> Path:
    recording = recordings_dir() / f"{scene.recording}.csv.gz"
    path = folder / f"{scene.recording}.yaml"
    config = {
        "version": 1,
        "home": {"id": HOME},
        "state_dir": str(folder / "home"),
        "wearers": [{"id": "wearer-1", "wearables": [{"recording": str(recording), "speed": SPEED}]}],
        "routes": [{"broker": {"host": "127.0.0.1", "port": port, "tls": False, "protocol": "3.1.1"}}],
        "alert": {"raise_after_s": RAISE_AFTER_S},
        "detector": {"candidates": True},
    }
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path


async def _play(path: Path, scene: Scene, monitoring: Monitoring, story: Story) -> Outcome:
    heard: list[Heard] = []

    def hear(one: Heard) -> None:
        heard.append(one)
        story.hear(one)

    before = len(await monitoring.entries())
    outcome = Outcome(heard, ())
    async with _beside(run(load(path), observer=hear)):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not (_ended(heard) and all(check(outcome) for _, check in scene.must)):
                    await asyncio.sleep(LOOK_S)
                    outcome = Outcome(heard, (await monitoring.entries())[before:])
    return outcome


def _ended(heard: Sequence[Heard]) -> bool:
    """The recording has, and the time in which an alert might still be raised."""
    suspected = [h.boottime for h in heard if h.kind == "committed"]
    certain = not suspected or boottime() - suspected[0] >= RAISE_AFTER_S + CERTAIN_S
    return certain and any(h.kind == "ended" for h in heard)


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs beside the body and is cancelled at its end; what it raises ends the body."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            yield
            task.cancel()
    except BaseExceptionGroup as failed:
        raise first_of(failed) from None
