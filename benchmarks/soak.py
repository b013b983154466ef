"""A home and its hub for a long time: what they hold, what they write, and whether an alert is lost.

    python benchmarks/soak.py [--hours 24] [--speed 1] [--folder DIR]

A real mosquitto, `falld hub`, and `falld run` with four recorded wearables at 50 Hz: real life from FALLD_DATA, or a
simulated one, with a simulated fall of each wearer now and then. The broker is killed and comes back now and then, in
the first half of the run the hub too; then that is left alone, for its memory is looked at. A responder answers what
sounds. Streams may be played faster than life (`--speed`): figures of samples and falls are then of so many hours of
stream, and those of what is done by the clock (health, what was learnt, beats, retries) of wall clock. What was seen
each minute is in `looks.jsonl`.
"""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import json
import re
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from endurance import DAY_S, Life, grown
from measure import ROOT, Figure, Report, data, environment, installed, machine, show
from wear import life, wear

from falld.alert.clock import utc_now
from falld.daemon.control import ask_health
from falld.errors import FalldError
from falld.hub.store import Store

sys.path.append(str(ROOT / "tests"))
from brokers import Mosquitto

WEARABLES = 4
FALLS_A_DAY = 12
"""Of stream, of each wearer: far more than anybody, so that much is sent."""
LAST_S = 60.0
"""Of stream, without a fall at the end."""
BROKER_CUTS, HUB_CUTS = 12, 6
"""In a run; those of the hub in its first half."""
RAISE_AFTER_S = 20.0
AWAY_S = 20.0
"""So long a broker is away: a home waits up to a minute between its tries then."""
ANSWER_S = 2.0
BEGUN_S = 600.0
"""A recording is read whole before it is played."""
SETTLE_S = 180.0
"""At the end, until the hub has everything: a home sends again after 15 s, and then less and less often."""
_COMMITTED = re.compile(r" committed: .*message (\d+) of alert (\S+)")


@dataclass(slots=True)
class Ledger:
    """What happened, as far as it is not in the store."""

    messages: set[tuple[str, int]] = field(default_factory=set)
    """alert_id and seq of what the daemon said that it committed."""
    lines: dict[str, int] = field(default_factory=dict)
    """Of the log, by level."""
    falls: int = 0
    """Put into the streams."""
    broker_cuts: int = 0
    hub_cuts: int = 0
    wall_s: float = 0.0


class Soak:
    """One run, in a folder."""

    def __init__(self, folder: Path, hours: float, speed: float) -> None:
        self.ledger = Ledger()
        self._folder = folder
        self._state, self._kept = folder / "home", folder / "hub"
        self._state.mkdir()
        self._kept.mkdir()
        self.home, self.hub = Life(self._state), Life(self._kept)
        self._store = self._kept / "hub.db"
        self._seconds = hours * 3600
        self._speed = speed
        self._broker = Mosquitto(installed("mosquitto"), folder)
        self._listening = asyncio.Event()
        self._daemon: asyncio.subprocess.Process
        self._serving: asyncio.subprocess.Process

    async def run(self, lived: Path | None, every_s: float) -> None:
        """Until the time is over, or SIGINT or SIGTERM.

        Args:
            lived: the archive of real life, if any.
            every_s: how often is looked.
        """
        config = await asyncio.to_thread(self._prepare, lived)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with contextlib.AsyncExitStack() as self._programs:
            self._programs.enter_context(self._broker)
            self._serving = await self._program(*self._hub_command())
            self._daemon = await self._program("run", "--config", str(config))
            async with asyncio.timeout(BEGUN_S):
                await self._listening.wait()
            began = time.monotonic()
            works = (self._look(began, every_s), self._cut(began), self._answer(), self._until(began, stop))
            *helpers, answering, time_over = tasks = [asyncio.create_task(work) for work in works]
            try:
                await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
                self.ledger.wall_s = time.monotonic() - began
                for task in tasks:
                    if task.done():
                        task.result()
                await _cancel(helpers)
                await self._settle()
            finally:
                await _cancel([*helpers, answering, time_over])
            for process in (self._daemon, self._serving):
                process.terminate()
                await process.wait()

    async def _until(self, began: float, stop: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(began + self._seconds - time.monotonic()):
                await stop.wait()

    def missing(self) -> tuple[int, int]:
        """Messages that were committed at home and are not in the hub's store; rows left in the outbox."""
        with contextlib.closing(sqlite3.connect(self._store)) as db:
            there = set(db.execute("SELECT alert_id, seq FROM message"))
        with contextlib.closing(sqlite3.connect(self._state / "outbox.db")) as db:
            (left,) = db.execute("SELECT count(*) FROM outbox").fetchone()
        return len(self.ledger.messages - there), left

    def _prepare(self, archive: Path | None) -> Path:
        """The recordings and the configuration."""
        lived, wearers = life(archive), []
        stream_s = self._seconds * self._speed
        apart = DAY_S / FALLS_A_DAY
        for n in range(WEARABLES):
            path = self._folder / f"w{n}.csv"
            first = apart * (n + 1) / (WEARABLES + 1)
            falls = [first + apart * i for i in range(int(stream_s / apart) + 1)]
            falls = [at for at in falls if at + LAST_S < stream_s]
            self.ledger.falls += len(falls)
            wear(path, lived, stream_s, n / WEARABLES, falls)
            wearable = {"recording": str(path), "id": f"wrist{n}", "speed": self._speed}
            wearers.append({"id": f"w{n}", "wearables": [wearable]})
        config = self._folder / "falld.json"
        config.write_text(
            json.dumps(
                {
                    "version": 1,
                    "home": {"id": "h1"},
                    "state_dir": str(self._state),
                    "wearers": wearers,
                    "alert": {"raise_after_s": RAISE_AFTER_S},
                    "routes": [{"broker": {"host": "127.0.0.1", "port": self._broker.port, "tls": False}}],
                }
            )
        )
        return config

    def _hub_command(self) -> list[str]:
        return ["hub", "--broker", f"mqtt://127.0.0.1:{self._broker.port}", "--store", str(self._store)]

    async def _program(self, *arguments: str) -> asyncio.subprocess.Process:
        """Killed at the end. Its log goes to the ledger alone: in a home the journal writes it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "falld", *arguments,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=environment(),
        )  # fmt: skip
        reading = asyncio.create_task(self._read(process, arguments[0]))

        async def ended() -> None:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading

        self._programs.push_async_callback(ended)
        return process

    async def _read(self, process: asyncio.subprocess.Process, name: str) -> None:
        assert process.stderr is not None
        listening = 0
        async for line in process.stderr:
            text = line.decode(errors="replace")
            level = f"{name} {text.split(' ', 1)[0]}" if name == "run" else name
            self.ledger.lines[level] = self.ledger.lines.get(level, 0) + 1
            listening += "listening" in text
            if listening == WEARABLES:
                self._listening.set()
            said = _COMMITTED.search(text)
            if said is not None:
                self.ledger.messages.add((said[2], int(said[1])))

    async def _look(self, began: float, every_s: float) -> None:
        with (self._folder / "looks.jsonl").open("w") as out:
            while True:
                t = time.monotonic() - began
                for name, of, process in (("home", self.home, self._daemon), ("hub", self.hub, self._serving)):
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just been killed
                        out.write(json.dumps({"what": name} | asdict(of.look(t, process.pid))) + "\n")
                out.flush()
                await asyncio.sleep(every_s - (time.monotonic() - began) % every_s)

    async def _cut(self, began: float) -> None:
        """Kills broker and hub now and then."""
        cuts = [((n + 0.5) / BROKER_CUTS, self._cut_broker) for n in range(BROKER_CUTS)]
        cuts += [((n + 1) / (HUB_CUTS + 1) / 2, self._cut_hub) for n in range(HUB_CUTS)]
        for part, cut in sorted(cuts, key=lambda one: one[0]):
            await asyncio.sleep(began + part * self._seconds - time.monotonic())
            await cut()
        await asyncio.get_running_loop().create_future()

    async def _cut_broker(self) -> None:
        self._broker.kill()
        self.ledger.broker_cuts += 1
        try:
            await asyncio.sleep(AWAY_S)
        finally:
            self._broker.start()

    async def _cut_hub(self) -> None:
        self.hub.ends(self._serving.pid)
        self._serving.kill()
        await self._serving.wait()
        self.ledger.hub_cuts += 1
        self._serving = await self._program(*self._hub_command())

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(ANSWER_S)
            if self._store.exists():
                await asyncio.to_thread(_resolve, self._store)

    async def _settle(self) -> None:
        give_up = time.monotonic() + SETTLE_S
        while time.monotonic() < give_up:
            await asyncio.sleep(ANSWER_S)
            told = await asyncio.to_thread(ask_health, self._state)
            if not told["outbox"] and not told["open"]:
                return


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _resolve(path: Path) -> None:
    """Close what sounds."""
    with contextlib.suppress(FalldError), contextlib.closing(Store.open(path, create=False)) as store:
        for entry in store.unanswered():
            store.respond(entry.alert_id, "resolved", "anna", utc_now(), entry.home)


def measure(folder: Path, hours: float, speed: float, every_s: float, lived: Path | None) -> Report:
    """In an empty folder."""
    soak = Soak(folder, hours, speed)
    asyncio.run(soak.run(lived, every_s))
    ledger, (missing, left) = soak.ledger, soak.missing()
    hours = ledger.wall_s / 3600
    log = sum(count for level, count in ledger.lines.items() if level.startswith("run"))
    levels = ", ".join(f"{count} {level}" for level, count in sorted(ledger.lines.items()))
    alerts = len({alert_id for alert_id, _ in ledger.messages})
    return Report(
        [
            Figure("wall clock", hours, "h"),
            Figure("stream of each wearable", hours * speed, "h", f"{WEARABLES} wearables, {speed:g} times life"),
            Figure("broker and hub killed", ledger.broker_cuts + ledger.hub_cuts, "", f"the hub {ledger.hub_cuts}"),
            Figure("alerts", alerts, "", f"{len(ledger.messages)} messages; {ledger.falls} falls were put in"),
            Figure("messages that are not in the hub's store", missing, most=0),
            Figure("rows left in the outbox", left, most=0),
            Figure("lines in the daemon's log", log * 24 / hours, "a day of wall clock", levels),
            *grown("daemon", soak.home.looks, speed),
            *grown("hub", soak.hub.looks, speed),
        ],
        {"missing": missing, "left": left, "messages": len(ledger.messages), "log": ledger.lines},
    )


@click.command(help=(__doc__ or "").strip())
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=24.0, show_default=True)
@click.option("--speed", type=click.FloatRange(1, 1000), default=1.0, show_default=True)
@click.option("--every", "every_s", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds.")
@click.option("--simulated", is_flag=True, help="A simulated life; else asks for FALLD_DATA.")
@click.option("--folder", type=click.Path(path_type=Path), help="A new one, on the disk to look at; all of it stays.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a Markdown table.")
def main(hours: float, speed: float, every_s: float, simulated: bool, folder: Path | None, as_json: bool) -> None:
    on = machine()
    compileall.compile_dir(ROOT / "falld", quiet=2)
    lived = None if simulated else data("geneactiv")
    with tempfile.TemporaryDirectory() as name:
        if folder is not None:
            folder.mkdir(parents=True)
        report = measure(folder or Path(name), hours, speed, every_s, lived)
    show(report, on, as_json=as_json)
    sys.exit(any(figure.met is False for figure in report.figures))


if __name__ == "__main__":
    main()
