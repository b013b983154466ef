"""A home as the daemon runs it, from the life of an alert to the broker, with wearers who fall and call all the time.

The wearable and its detector are stand-ins that say nothing: falls and calls go straight to the keeper.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ledger import Ledger, read

from falld.alert.clock import boottime
from falld.config.schema import Config
from falld.daemon.heard import Heard
from falld.daemon.home import Home
from falld.detect.events import Event
from falld.resources import recordings_dir
from falld.samples.block import Block

WEARERS, FEW, OF_FEW = 1000, 8, 0.25
"""Of a home. Most falls and calls are of somebody who has no open alert; so many come from a few wearers, who fall and
call again into what is open."""
RAISE_AFTER_S = 1.0


@dataclass(frozen=True)
class Order:
    """What a home is to do.

    Args:
        folder: where its ledgers are.
        state_in: where its state is; None: there as well.
        alerts: it stops to make more when its ledger has so many.
        apart_s: mean time from one fall or call to the next.
        run: counts its restarts, for another row of random numbers.
    """

    folder: Path
    home: str
    port: int
    seed: int
    alerts: int
    apart_s: float
    run: int = 0
    protocol: str = "auto"
    state_in: Path | None = None

    @property
    def accepted(self) -> Path:
        return self.folder / f"{self.home}.accepted"

    @property
    def sent(self) -> Path:
        return self.folder / f"{self.home}.sent"

    @property
    def acknowledged(self) -> Path:
        return self.folder / f"{self.home}.acknowledged"

    @property
    def state(self) -> Path:
        return (self.state_in or self.folder) / self.home

    def config(self) -> Config:
        broker = {"host": "127.0.0.1", "port": self.port, "tls": False, "protocol": self.protocol}
        wearable = {"recording": recordings_dir() / "walk-wrist.csv.gz"}
        return Config.model_validate(
            {
                "version": 1,
                "home": {"id": self.home},
                "state_dir": self.state,
                "wearers": [{"id": "w1", "wearables": [wearable]}],
                "routes": [{"broker": broker}],
                "alert": {"raise_after_s": RAISE_AFTER_S},
                "test_alarm": {"every_days": None},
                "clips": {"send": False},
            }
        )


class Nothing:
    """Stands in for a detector, and sees no fall."""

    def feed(self, block: Block) -> list[Event]:
        return []

    def advance(self, t: float) -> list[Event]:
        return []

    def deadline(self) -> float | None:
        return None

    def finish(self) -> list[Event]:
        return []


class Restless(Home):
    """A home whose wearers fall, call, cancel and get up again, by a row of random numbers."""

    def __init__(self, order: Order) -> None:
        super().__init__(
            order.config(),
            model="stand-in",
            make_detector=lambda source, learnt: (Nothing(), None),
            observer=self.write_down,
        )
        self._order = order
        self._random = Random(f"{order.seed}/{order.home}/{order.run}")
        self._begun = asyncio.Event()
        self._accepted = Ledger(order.accepted)
        self._alerts = {line["alert_id"] for line in read([order.accepted])}

    def write_down(self, heard: Heard) -> None:
        """What is committed is in the ledger before it can be on its way."""
        if heard.kind == "listening":
            self._begun.set()
        elif heard.kind == "committed":
            said = heard.data
            self._accepted.write({"alert_id": said["alert_id"], "seq": said["seq"], "t": boottime()})
            self._alerts.add(said["alert_id"])
        elif heard.kind == "published":
            with self._order.sent.open("a") as file:
                file.write(json.dumps(dict(heard.data)) + "\n")
        elif heard.kind == "hub_committed":
            with self._order.acknowledged.open("a") as file:
                file.write(json.dumps(dict(heard.data)) + "\n")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())
            tasks.create_task(self._live())

    async def _live(self) -> None:
        await self._begun.wait()
        while len(self._alerts) < self._order.alerts:
            among = FEW if self._random.random() < OF_FEW else WEARERS
            await self._happen(f"w{self._random.randrange(among)}")
            await asyncio.sleep(self._random.expovariate(1 / self._order.apart_s))

    async def _happen(self, wearer: str) -> None:
        what = self._random.random()
        if what < 0.6:
            await self._keeper.help(wearer, "button")
        elif what < 0.85:
            impact_t = boottime() - 0.5
            await self._keeper.fall(wearer, "belt", impact_t, probability=0.9, model="stand-in", why="fell")
        elif what < 0.9:
            await self._keeper.test(wearer)
        elif what < 0.95:
            await self._keeper.cancel(wearer)
        else:
            await self._keeper.recovered(wearer, boottime() - 0.5)


def generate(order: Order, home: type[Restless] = Restless) -> None:
    """Until killed, or asked to stop."""
    logging.basicConfig(filename=order.folder / f"{order.home}.log", level=logging.WARNING)

    async def until_asked() -> None:
        running = asyncio.ensure_future(home(order).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(until_asked())
