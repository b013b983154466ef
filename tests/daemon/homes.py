"""A home and a monitoring hub to test with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from brokers import until

from falld.alert.clock import utc_now
from falld.alert.draft import Answer
from falld.alert.outbox import Outbox
from falld.config.schema import Config
from falld.daemon.heard import Heard
from falld.daemon.home import OUTBOX, Home
from falld.daemon.memory import Memory
from falld.daemon.shadow import Shadow
from falld.detect.events import Decision, Event
from falld.hub.service import Hub
from falld.hub.show import Event as Shown
from falld.hub.store import Entry, Store
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker
from falld.publish.worker import Worker
from falld.samples.block import Block
from falld.samples.csvfile import write_csv
from falld.samples.recording import Mark, Meta

RATE = 50.0


class Scripted:
    """Stands in for a detector: says what it was given to say, once the samples have come so far."""

    def __init__(self, *events: Event, deadline: float | None = None) -> None:
        self._events = sorted(events, key=lambda event: event.t)
        self._deadline = deadline
        self.fed = 0
        self.advanced: list[float] = []

    def feed(self, block: Block) -> list[Event]:
        self.fed += len(block)
        return self._until(float(block.t[-1]))

    def advance(self, t: float) -> list[Event]:
        self.advanced.append(t)
        self._deadline = None
        return self._until(t)

    def deadline(self) -> float | None:
        return self._deadline

    def finish(self) -> list[Event]:
        return self._until(float("inf"))

    def _until(self, t: float) -> list[Event]:
        said = [event for event in self._events if event.t <= t]
        self._events = self._events[len(said) :]
        return said


def decision(event: Any, t: float, impact_t: float, probability: float = 0.93) -> Decision:
    return Decision(event, t, impact_t, probability, 0.8, "waist", "stand-in", why="fell")


def standing(path: Path, seconds: float, *marks: Mark, gap: tuple[float, float] | None = None) -> Path:
    """A recording of somebody who stands; `gap`: from and to."""
    t = np.arange(0, seconds, 1 / RATE)
    if gap is not None:
        t = t[(t <= gap[0]) | (t >= gap[1])]
    acc = np.tile(np.asarray([0, 0, 1], np.float32), (len(t), 1))
    write_csv(path, Meta(placement="waist", sample_rate_hz=RATE, events=marks), [Block(t, acc)])
    return path


def config(
    folder: Path, port: int, recordings: Iterable[Path], *, speed: float = 20, raise_after_s: float = 0.2
) -> Config:
    """One wearer w1 with a wearable for each recording."""
    return Config.model_validate(
        {
            "version": 1,
            "home": {"id": "h1"},
            "state_dir": folder,
            "wearers": [{"id": "w1", "wearables": [{"recording": path, "speed": speed} for path in recordings]}],
            "routes": [{"broker": {"host": "127.0.0.1", "port": port, "tls": False, "protocol": "3.1.1"}}],
            "alert": {"raise_after_s": raise_after_s},
        }
    )


class Listening:
    """A home that runs, and what was heard of it."""

    def __init__(
        self,
        config: Config,
        *detectors: Scripted,
        make_shadow: Callable[[], Shadow] | None = None,
        memory: Callable[[Path], Memory] | None = None,
    ) -> None:
        self.heard: list[Heard] = []
        queue = list(detectors)
        self.home = Home(
            config,
            model="stand-in",
            make_detector=lambda source, learnt: (queue.pop(0), None),
            make_shadow=make_shadow,
            memory=memory,
            observer=self.heard.append,
        )

    def kinds(self) -> list[str]:
        """What was heard, without how often."""
        return [h.kind for h in self.heard if h.kind not in ("samples", "link")]

    def committed(self) -> list[str]:
        return [h.data["state"] for h in self.heard if h.kind == "committed"]

    def count(self, kind: str) -> int:
        return sum(h.kind == kind for h in self.heard)


@contextlib.asynccontextmanager
async def running(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Runs what has a `run()`; what it raises is raised here."""
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Monitoring:
    """A real hub with a store on disk."""

    def __init__(self, folder: Path, port: int, name: str = "monitor") -> None:
        self.shown: list[Shown] = []
        self._name = name
        self._path = folder / f"{name}.db"
        self._broker = Broker("127.0.0.1", port, protocol="3.1.1")
        self._worker: Worker
        self._store: Store

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[Self]:
        """Connected and subscribed."""
        self._worker = Worker("hub")
        self._store = await self._worker(Store.open, self._path)
        backoff = Backoff(first_s=0.02, longest_s=0.05)
        hub = Hub(
            self._broker, self._name, self._store, self._worker, show=self.shown.append, poll_s=0.02, backoff=backoff
        )
        try:
            async with running(hub):
                await until(lambda: hub.link.up)
                yield self
        finally:
            await self._worker(self._store.close)
            self._worker.close()

    async def entries(self) -> list[Entry]:
        return await self._worker(self._store.entries)

    async def respond(self, alert_id: str, response: Answer) -> None:
        await self._worker(self._store.respond, alert_id, response, "resp1", utc_now())


def outbox_length(folder: Path) -> int:
    outbox = Outbox.open(folder / OUTBOX)
    try:
        return len(outbox)
    finally:
        outbox.close()
