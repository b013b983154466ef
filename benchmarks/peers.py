"""The usual open-source ways, frozen: `python benchmarks/peers.py HOW ARCHIVE ...`.

Windows of 2 s with half overlap, at the recording's own rate. Peer (a): 28 statistics in NumPy and SciPy and a forest
of 100 trees, called window by window as it runs live (`live`); with the forest called once for all windows (`batch`);
and with the features of all windows at once, too (`arrays`). Peer (b): tsfel's temporal features, without a classifier
(`tsfel`). One object of JSON comes out: processor seconds of the windows that were done, and how many there are.
"""

from __future__ import annotations

import csv
import json
import pickle
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats

WINDOW_S = 2.0
TREES = 100
SEED = 1
AT_ONCE = 4096
"""Windows whose features are computed at once: 5 MB a column of 200 Hz."""

Floats = npt.NDArray[np.floating]


def features(window: npt.NDArray[np.float32], hz: float) -> Floats:
    """(28,) of one window, (n, 3) in g."""
    magnitude = np.sqrt((window * window).sum(axis=1))
    out = []
    for axis in range(3):
        x = window[:, axis]
        out += [x.mean(), x.std(), x.min(), x.max()]
    out += [magnitude.mean(), magnitude.std(), magnitude.min(), magnitude.max(), np.ptp(magnitude)]
    out += [stats.skew(magnitude), stats.kurtosis(magnitude)]
    out.append(np.count_nonzero(np.diff(magnitude > magnitude.mean())))
    correlation = np.corrcoef(window, rowvar=False)
    out += [correlation[0, 1], correlation[0, 2], correlation[1, 2]]
    out.append(np.abs(window).sum(axis=1).mean())
    jerk = np.linalg.norm(np.diff(window, axis=0), axis=1) * hz
    out += [jerk.mean(), jerk.std(), jerk.max()]
    half = len(window) // 4
    first, last = window[:half].mean(axis=0), window[-half:].mean(axis=0)
    cosine = first @ last / (np.linalg.norm(first) * np.linalg.norm(last))
    out.append(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return np.nan_to_num(np.asarray(out, np.float32))


def features_at_once(windows: npt.NDArray[np.float32], hz: float) -> Floats:
    """(c, 28) of (c, n, 3): the same statistics."""
    magnitude = np.sqrt((windows * windows).sum(axis=2))
    out = []
    for axis in range(3):
        x = windows[:, :, axis]
        out += [x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(axis=1)]
    mean = magnitude.mean(axis=1, keepdims=True)
    out += [mean[:, 0], magnitude.std(axis=1), magnitude.min(axis=1), magnitude.max(axis=1), np.ptp(magnitude, axis=1)]
    out += [stats.skew(magnitude, axis=1), stats.kurtosis(magnitude, axis=1)]
    out.append(np.count_nonzero(np.diff(magnitude > mean, axis=1), axis=1))
    centred = windows - windows.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred * centred).sum(axis=1))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        out.append((centred[:, :, i] * centred[:, :, j]).sum(axis=1) / (spread[:, i] * spread[:, j]))
    out.append(np.abs(windows).sum(axis=2).mean(axis=1))
    jerk = np.linalg.norm(np.diff(windows, axis=1), axis=2) * hz
    out += [jerk.mean(axis=1), jerk.std(axis=1), jerk.max(axis=1)]
    half = windows.shape[1] // 4
    first, last = windows[:, :half].mean(axis=1), windows[:, -half:].mean(axis=1)
    length = np.linalg.norm(first, axis=1) * np.linalg.norm(last, axis=1)
    out.append(np.arccos(np.clip((first * last).sum(axis=1) / length, -1.0, 1.0)))
    return np.nan_to_num(np.stack(out, axis=1).astype(np.float32))


class Archive:
    """An archive, whole in memory, and the windows in it."""

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path)
        number = table.column("recording").to_numpy()
        acc = np.stack([table.column(name).to_numpy() for name in ("x_mg", "y_mg", "z_mg")], axis=1)
        self.acc = acc.astype(np.float32) / 1000
        begin = np.concatenate(([0], np.flatnonzero(np.diff(number)) + 1, [len(number)]))
        with Path(str(path).removesuffix(".parquet") + ".index.csv").open(encoding="utf-8", newline="") as file:
            index = {int(row["recording"]): row for row in csv.DictReader(file)}
        self.recordings = []
        """Rate, whether it holds a fall, first and last row."""
        for i in range(len(begin) - 1):
            row = index[int(number[begin[i]])]
            self.recordings.append((float(row["fs"]), row["is_fall"] == "1", int(begin[i]), int(begin[i + 1])))

    def starts(self) -> list[tuple[float, int, int]]:
        """Rate, first row and length of each window."""
        found = []
        for hz, _, begin, end in self.recordings:
            n = round(WINDOW_S * hz)
            found += [(hz, start, n) for start in range(begin, end - n + 1, n // 2)]
        return found


def part(starts: list[tuple[float, int, int]], most: int) -> list[tuple[float, int, int]]:
    """So many of the windows, evenly over the archive."""
    if len(starts) <= most:
        return starts
    return [starts[i] for i in np.linspace(0, len(starts) - 1, most).astype(int)]


def at_once(archive: Archive, starts: list[tuple[float, int, int]]) -> Iterator[Floats]:
    """Features of windows, in batches of one rate."""
    begin = 0
    while begin < len(starts):
        hz, _, n = starts[begin]
        end = begin
        while end < min(len(starts), begin + AT_ONCE) and starts[end][0] == hz:
            end += 1
        views = sliding_window_view(archive.acc, n, axis=0)
        windows = views[[start for _, start, _ in starts[begin:end]]].transpose(0, 2, 1)
        yield features_at_once(np.ascontiguousarray(windows), hz)
        begin = end


@click.group(help=__doc__)
def main() -> None:
    warnings.simplefilter("ignore")  # of the statistics of windows in which nothing moves


@main.command()
@click.argument("archive", type=Path)
@click.argument("forest", type=Path)
@click.option("--windows", default=20_000, show_default=True, help="To be learnt from, evenly over the archive.")
def train(archive: Path, forest: Path, windows: int) -> None:
    """Make the forest. A window is a fall if it has the largest |a| of a recording that holds one."""
    from sklearn.ensemble import RandomForestClassifier

    read = Archive(archive)
    magnitude = np.sqrt((read.acc * read.acc).sum(axis=1))
    peaks = np.asarray([begin + int(magnitude[begin:end].argmax()) for _, fall, begin, end in read.recordings if fall])
    starts = read.starts()
    falls = [w for w in starts if np.any((peaks >= w[1]) & (peaks < w[1] + w[2]))]
    chosen = falls + part([w for w in starts if w not in set(falls)], windows)
    rows = np.concatenate(list(at_once(read, chosen)))
    label = np.arange(len(chosen)) < len(falls)
    trees = RandomForestClassifier(TREES, random_state=SEED).fit(rows, label)
    forest.write_bytes(pickle.dumps(trees))


@main.command()
@click.argument("how", type=click.Choice(["live", "batch", "arrays", "tsfel"]))
@click.argument("archive", type=Path)
@click.argument("forest", type=Path)
@click.option("--windows", type=int, required=True, help="To be done, evenly over the archive.")
def judge(how: str, archive: Path, forest: Path, windows: int) -> None:
    """Judge windows, and tell what it took."""
    trees = pickle.loads(forest.read_bytes())
    read = Archive(archive)
    starts = read.starts()
    chosen = part(starts, windows)
    extract = of_tsfel() if how == "tsfel" else features
    began = time.process_time()
    alarms = 0
    match how:
        case "live":
            for hz, start, n in chosen:
                row = features(read.acc[start : start + n], hz)
                alarms += int(trees.predict_proba(row[None])[0, 1] >= 0.5)
        case "batch":
            rows = np.stack([features(read.acc[start : start + n], hz) for hz, start, n in chosen])
            alarms = int((trees.predict_proba(rows)[:, 1] >= 0.5).sum())
        case "arrays":
            rows = np.concatenate(list(at_once(read, chosen)))
            alarms = int((trees.predict_proba(rows)[:, 1] >= 0.5).sum())
        case "tsfel":
            for hz, start, n in chosen:
                extract(read.acc[start : start + n], hz)
    work_s = time.process_time() - began
    told = {"samples": len(read.acc), "windows": len(starts), "done": len(chosen), "work_s": work_s, "alarms": alarms}
    click.echo(json.dumps(told))


def of_tsfel() -> Any:
    """The function that takes a window and its rate."""
    import tsfel

    wanted = tsfel.get_features_by_domain("temporal")

    def extract(window: npt.NDArray[np.float32], hz: float) -> Any:
        return tsfel.time_series_features_extractor(wanted, window, fs=hz, verbose=0)

    return extract


if __name__ == "__main__":
    main()
