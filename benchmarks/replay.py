"""Replay from archive to events on one core, beside the floor and beside the usual open-source ways.

Each is a process of its own on the same core, with one thread and the file in the page cache, and its processor time
counts from its start: interpreter, imports, reading, work. Peers do a part of the windows, evenly over the archive,
and the time of these windows, not of their start, is scaled to all of them. falld keeps no result between runs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Figure, Report, Run, data, interleaved, last_core, program, run
from traces import small_archive

HERE = Path(__file__).resolve().parent
REPETITIONS = 5
PEER_REPETITIONS = 3
PEERS = {
    "live": ("peer (a), window by window", 1000, 100.0),
    "batch": ("peer (a), forest batched", 10_000, 30.0),
    "arrays": ("peer (a), features and forest in arrays", 100_000, None),
    "tsfel": ("peer (b), tsfel's temporal features, no classifier", 1000, None),
}
"""In words; windows that are done; how many times falld's time it has to take at least."""
FLOORS = {"geneactiv": 5.0, "sisfall": 10.0}
"""How many times the floor a replay may take."""


def measure(quick: bool) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        archives = [small_archive(Path(folder))] if quick else [data(name) for name in FLOORS]
        forest = Path(folder) / "forest.pickle"
        run(HERE / "peers.py", "train", archives[0] if quick else data("sisfall"), forest)
        figures: list[Figure] = []
        facts = {}
        for archive in archives:
            some, facts[archive.stem] = one(archive, forest, quick)
            figures += some
    return Report(figures, facts)


def one(archive: Path, forest: Path, quick: bool) -> tuple[list[Figure], dict[str, int]]:
    """The figures of one archive, and how many samples each saw."""
    core, name = last_core(), archive.stem
    samples: dict[str, int] = {}

    def floor() -> float:
        done = run(HERE / "floor.py", archive, core=core)
        samples["floor"] = int(done.said)
        return done.cpu_s

    def replay() -> float:
        done = run("-m", "falld", "replay", "--jsonl", archive, core=core)
        samples["falld"] = replayed(done)
        return done.cpu_s

    times = interleaved({"floor": floor, "falld": replay}, 1 if quick else REPETITIONS)
    falld = times["falld"]
    figures = [
        times["floor"].figure(f"{name}: floor"),
        falld.figure(f"{name}: falld replay", f"{samples['falld'] / falld.median / 1e6:.2f} million samples a second"),
        Figure(f"{name}: falld / floor", falld.median / times["floor"].median, most=FLOORS.get(name)),
    ]
    parts = {how: 40 if quick else windows for how, (_, windows, _) in PEERS.items()}
    judges = {how: peer(how, archive, forest, windows, samples) for how, windows in parts.items()}
    for how, spent in interleaved(judges, 1 if quick else PEER_REPETITIONS).items():
        words, _, least = PEERS[how]
        figures.append(spent.figure(f"{name}: {words}", f"{samples[f'{how} windows']} of {samples['windows']} windows"))
        figures.append(Figure(f"{name}: {words} / falld", spent.median / falld.median, least=least))
    return figures, samples


def peer(how: str, archive: Path, forest: Path, windows: int, samples: dict[str, int]) -> Callable[[], float]:
    """A work that says how long the whole archive would take."""

    def work() -> float:
        done = run(HERE / "peers.py", "judge", how, archive, forest, "--windows", str(windows), core=last_core())
        told = json.loads(done.said)
        samples.update({how: told["samples"], f"{how} windows": told["done"], f"{how} alarms": told["alarms"]})
        samples["windows"] = told["windows"]
        return done.cpu_s + told["work_s"] * (told["windows"] / told["done"] - 1)

    return work


def replayed(done: Run) -> int:
    """Samples that a replay says it has seen."""
    lines = (json.loads(line) for line in done.said.splitlines())
    return sum(line["samples"] for line in lines if line["event"] == "end")


if __name__ == "__main__":
    program(measure)()
