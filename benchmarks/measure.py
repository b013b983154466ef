"""What the programs here share: interleaved timing, the machine's name, and figures beside their targets."""

from __future__ import annotations

import compileall
import json
import os
import platform
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("numpy", "onnxruntime", "pyarrow", "scipy", "scikit-learn", "tsfel")
LOOK_S = 0.02
"""A process's peak is looked at so often until it ends."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str = ""
    """None of a ratio."""
    beside: str = ""
    """What else there is to say: how it spread, on how much of the data."""
    most: float | None = None
    """The target, where there is one."""
    least: float | None = None

    @property
    def met(self) -> bool | None:
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


@dataclass(frozen=True, slots=True)
class Report:
    """What a program measured."""

    figures: Sequence[Figure]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What must be so for the figures to mean anything, for a program: counts that must agree."""


@dataclass(frozen=True, slots=True)
class Times:
    """Repetitions of one thing, in seconds."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    @property
    def least(self) -> float:
        return min(self.each)

    def figure(self, what: str, beside: str = "") -> Figure:
        scale, unit = (1.0, "s") if self.median >= 1 else (1e3, "ms") if self.median >= 1e-3 else (1e6, "µs")
        least = f"least {number(self.least * scale)} {unit}"
        return Figure(what, self.median * scale, unit, f"{least}; {beside}" if beside else least)


def interleaved(works: Mapping[str, Callable[[], float]], repetitions: int) -> dict[str, Times]:
    """Each work in turn, again and again, so that what else the machine does hits all of them alike.

    Args:
        works: each does its work once and says how many seconds it took.
    """
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            spent[name].append(work())
    return {name: Times(tuple(each)) for name, each in spent.items()}


@dataclass(frozen=True, slots=True)
class Run:
    """A program that ran to its end."""

    cpu_s: float
    """Of all its threads and children, user and system."""
    wall_s: float
    peak_mb: float
    """Most that was resident, in 10^6 bytes."""
    said: str


def environment() -> dict[str, str]:
    """Of a Python program that is measured: this checkout, compiled as an installation has it, numeric libraries with
    one thread."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **_ONE_THREAD, "PYTHONPATH": str(ROOT)}


def run(*command: str | Path, core: int | None = None) -> Run:
    """Runs Python on something, with one thread for numeric libraries.

    Args:
        core: the only one that it may use; None: all.
    """

    def bind() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    with tempfile.TemporaryFile("w+") as said:
        began, peak = time.perf_counter(), 0
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=said, env=environment(), preexec_fn=bind
        )
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], [], [], LOOK_S)[0]:
                peak = max(peak, status(process.pid).get("VmHWM", 0))
        finally:
            os.close(ended)
        _, how, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(how)
        if process.returncode:
            raise click.ClickException(f"{' '.join(map(str, command))} ended with status {process.returncode}")
        said.seek(0)
        return Run(used.ru_utime + used.ru_stime, wall_s, peak / 1e6, said.read())


def status(pid: int) -> dict[str, int]:
    """Sizes of /proc/PID/status in bytes, and the number of threads. The system's own account of a child's peak begins
    with what its parent had."""
    told = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if value.endswith("kB"):
            told[key] = int(value.split()[0]) * 1024
        elif key == "Threads":
            told[key] = int(value)
    return told


def last_core() -> int:
    """One that this process may use; the first has the machine's interrupts."""
    return max(os.sched_getaffinity(0))


def installed(program: str) -> str:
    """The path of a program of this machine."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise click.ClickException(f"the program {program} is not installed: install it")
    return path


def data(name: str) -> Path:
    """An archive of real recordings, in `$FALLD_DATA`."""
    path = Path(os.environ.get("FALLD_DATA", ROOT.parent / "shared" / "data")) / f"{name}.parquet"
    if not path.is_file():
        raise click.ClickException(
            f"{path} is not there: name the folder of the archives as FALLD_DATA, or use --quick"
        )
    return path


def machine() -> dict[str, str]:
    """What ran this."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.lower().startswith("model name")]
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = "not installed"
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "load before": load,
        "python": platform.python_version(),
        **libraries,
    }


def number(value: float) -> str:
    """Three digits."""
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.2e}"


def program(measure: Callable[[bool], Report]) -> click.Command:
    """The command line of a benchmark."""

    @click.command(help=(sys.modules[measure.__module__].__doc__ or "").strip())
    @click.option("--quick", is_flag=True, help="On little, to see that it works; the figures mean nothing.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a Markdown table.")
    def command(quick: bool, as_json: bool) -> None:
        on = machine()
        compileall.compile_dir(ROOT / "falld", quiet=2)
        show(measure(quick), on, quick=quick, as_json=as_json)

    return command


def show(report: Report, on: Mapping[str, str], *, quick: bool = False, as_json: bool = False) -> None:
    """As a Markdown table, or for a program.

    Args:
        on: what `machine` said before.
    """
    if as_json:
        figures = [asdict(each) | {"met": each.met} for each in report.figures]
        click.echo(json.dumps({"machine": on, "quick": quick, "facts": dict(report.facts), "figures": figures}))
        return
    click.echo(", ".join(f"{name} {value}" for name, value in on.items()) + (" (--quick)" if quick else "") + "\n")
    click.echo("| what | measured | beside it | target | met |\n|---|---|---|---|---|")
    for each in report.figures:
        click.echo(_row(each))


def _row(figure: Figure) -> str:
    limits = ((figure.most, "at most"), (figure.least, "at least"))
    target = " and ".join(f"{words} {limit:g}" for limit, words in limits if limit is not None)
    met = "" if figure.met is None else "yes" if figure.met else "**no**"
    value = f"{number(figure.value)} {figure.unit}".strip()
    return f"| {figure.what} | {value} | {figure.beside} | {target} | {met} |"
