"""The campaign: alerts under faults, counted by ledgers that falld does not keep. Status 0: nothing was lost, and every
design that is broken on purpose lost something.

    make campaign
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import clocksteps
import controls
import crashpoints
from cutmachine import ROOT, Machine, build
from fixed import POINTS, crash
from fulldisks import full
from network import troubled
from powercuts import series
from road import preload
from seeds import Plan, trial
from verdict import HEADER, OF_THEM, Verdict, row

CONTROLS: dict[str, dict[str, Callable[..., None]]] = {
    "direct publish": {"generate": controls.publish_directly},
    "delete on PUBACK": {"generate": controls.delete_on_puback},
    "acknowledge before commit": {"hub": controls.acknowledge_before_commit},
}


@dataclass(frozen=True)
class Setting:
    """What a part of the campaign gets."""

    folder: Path
    mosquitto: str
    seeds: int
    alerts: int
    """Of each of three homes, for each seed."""
    control_seeds: int
    trouble_seeds: int
    disk_seeds: int
    clock_seeds: int
    failure_stride: int
    cuts: int
    control_cuts: int


@dataclass
class Outcome:
    """Of a trial. A control is to lose."""

    verdict: Verdict
    control: bool = False

    @property
    def well(self) -> bool:
        v = self.verdict
        if self.control:
            return bool(v.lost)
        return not (v.lost or v.late or v.wrong or v.never_shown or v.never_sounded or v.shown_twice)


def worst_moments(setting: Setting) -> Iterator[Outcome]:
    """One death, where it hurts most."""
    for number, point in enumerate(POINTS):
        folder = setting.folder / f"fixed-{number}"
        yield Outcome(crash(point, folder, setting.mosquitto))
        shutil.rmtree(folder)
        (design,) = (name for name, variant in CONTROLS.items() if variant == point.control)
        control = crash(point, folder, setting.mosquitto, control=True)
        control.name = design
        yield Outcome(control, control=True)
        shutil.rmtree(folder)


def overlapping_deaths(setting: Setting) -> Iterator[Outcome]:
    """kill -9 of homes, broker and hub."""
    for seed in range(1, setting.seeds + 1):
        folder = setting.folder / f"seed-{seed}"
        yield Outcome(trial(f"seed {seed}", Plan(seed, alerts=setting.alerts), folder, setting.mosquitto))
        shutil.rmtree(folder)
    for design, variant in CONTROLS.items():
        for seed in range(1, setting.control_seeds + 1):
            folder = setting.folder / f"control-{seed}"
            plan = Plan(seed, alerts=setting.alerts // 2, broken=True)
            yield Outcome(trial(f"{design}, seed {seed}", plan, folder, setting.mosquitto, **variant), control=True)
            shutil.rmtree(folder)


def troubles(setting: Setting) -> Iterator[Outcome]:
    """Deaths, and networks, brokers and programs that misbehave."""
    for seed in range(1, setting.trouble_seeds + 1):
        folder = setting.folder / f"trouble-{seed}"
        protocol = ("auto", "3.1.1")[seed % 2]
        plan = Plan(seed, alerts=setting.alerts // 2, fault_apart_s=1.0, down_s=5.0, protocol=protocol)
        yield Outcome(troubled(f"seed {seed}, MQTT {protocol}", plan, folder, setting.mosquitto))
        shutil.rmtree(folder)


def clock_steps(setting: Setting) -> Iterator[Outcome]:
    """Deaths, and a wall clock that is set by years, hours and seconds while alerts are open."""
    faketime = clocksteps.library()
    if faketime is None:
        say("not run: install the package faketime")
        return
    for seed in range(1, setting.clock_seeds + 1):
        folder = setting.folder / f"clock-{seed}"
        plan = Plan(seed, homes=2, alerts=setting.alerts // 2, fault_apart_s=1.5, down_s=1.0)
        yield Outcome(clocksteps.stepped(f"seed {seed}", plan, folder, setting.mosquitto, faketime))
        shutil.rmtree(folder)


def full_disks(setting: Setting) -> Iterator[Outcome]:
    """Disks of homes and hub that are full from time to time, while broker and hub die."""
    if os.geteuid() != 0:
        say("not run: small file systems are mounted by root")
        return
    for seed in range(1, setting.disk_seeds + 1):
        folder = setting.folder / f"disk-{seed}"
        plan = Plan(seed, alerts=setting.alerts // 2, fault_apart_s=0.8, down_s=2.0)
        yield Outcome(full(f"seed {seed}", plan, folder, setting.mosquitto))
        shutil.rmtree(folder)


def outbox_steps(setting: Setting) -> Iterator[Outcome]:
    """A crash before and after each call that the outbox makes on its file; a disk that fails from a call on."""
    strace = shutil.which("strace")
    if strace is None:
        say("not run: install the package strace")
        return
    folder = setting.folder / "steps"
    made = crashpoints.count(strace, folder)
    yield Outcome(crashpoints.tried("each call", strace, folder, crashpoints.crashes(made)))
    some = crashpoints.failures(made)[:: setting.failure_stride]
    yield Outcome(crashpoints.tried(f"a failure at each {setting.failure_stride}th", strace, folder, some))


def power_cuts(setting: Setting) -> Iterator[Outcome]:
    """A machine with home, broker and hub, killed with alerts in flight."""
    if os.geteuid() != 0:
        say("not run: the machine's root and disk are made and mounted by root")
        return
    kernel, archive = build(ROOT / ".campaign-vm")
    folder = setting.folder / "machine"
    folder.mkdir()
    machine = Machine(folder)
    machine.switch_on(kernel, archive)
    for verdict, control in series(machine, folder / "cut", setting.mosquitto, setting.cuts, setting.control_cuts):
        yield Outcome(verdict, control)


PARTS: dict[str, Callable[[Setting], Iterable[Outcome]]] = {
    "worst moments": worst_moments,
    "overlapping deaths": overlapping_deaths,
    "outbox steps": outbox_steps,
    "troubles": troubles,
    "full disks": full_disks,
    "clock steps": clock_steps,
    "power cuts": power_cuts,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="Of the overlapping deaths.")
    parser.add_argument("--alerts", type=int, default=170, metavar="N", help="Of each of three homes, for each seed.")
    parser.add_argument("--control-seeds", type=int, default=3, metavar="N", help="Of each broken design.")
    parser.add_argument("--trouble-seeds", type=int, default=8, metavar="N", help="Of networks and brokers.")
    parser.add_argument("--disk-seeds", type=int, default=3, metavar="N", help="Of full disks.")
    parser.add_argument("--clock-seeds", type=int, default=3, metavar="N", help="Of clock steps.")
    parser.add_argument("--failure-stride", type=int, default=5, metavar="N", help="Fail at each Nth call alone.")
    parser.add_argument("--cuts", type=int, default=100, metavar="N", help="Of the power, with alerts in flight.")
    parser.add_argument("--control-cuts", type=int, default=10, metavar="N", help="Of the broken design.")
    parser.add_argument("--only", default="", metavar="PART,...", help=f"Of {', '.join(PARTS)}.")
    options = parser.parse_args()
    mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if mosquitto is None:
        parser.error("the program mosquitto is not installed")
    parts = options.only.split(",") if options.only else list(PARTS)
    preload()
    began = time.monotonic()
    version = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    say(
        f"{platform.system()} {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {version}; seeds from 1\n"
    )
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="falld-campaign-") as folder:
        counts = {name: value for name, value in vars(options).items() if name != "only"}
        setting = Setting(Path(folder), mosquitto, **counts)
        for name in parts:
            say(f"\n{name}: {(PARTS[name].__doc__ or '').strip()}\n{HEADER}")
            for outcome in PARTS[name](setting):
                outcomes.append(outcome)
                fate = ("" if outcome.well else "  IT LOST NOTHING") if outcome.control else verdict_of(outcome)
                say(f"{row(outcome.verdict)}{'  control' if outcome.control else ''}{fate}")
    say(f"\n{summary(outcomes)}\ntook {(time.monotonic() - began) / 60:.0f} min")
    return 0 if all(outcome.well for outcome in outcomes) else 1


def verdict_of(outcome: Outcome) -> str:
    v = outcome.verdict
    return "" if outcome.well else f"  FAILED {[*v.lost[:3], *v.late[:3], *v.wrong[:3]]}"


def summary(outcomes: list[Outcome]) -> str:
    """Totals, and what 0 of N says at 95 %: at most 3 / N (the rule of three)."""
    falld = [outcome.verdict for outcome in outcomes if not outcome.control]
    alerts, lost = sum(v.alerts for v in falld), sum(len(v.lost) + len(v.late) for v in falld)
    faults: Counter[str] = sum((v.faults for v in falld), Counter())
    kinds = {name: n for name, n in faults.most_common() if not name.startswith(OF_THEM)}
    told = ", ".join(f"{n} {name}" for name, n in kinds.items())
    further = "".join(f", {n} {name}" for name, n in faults.items() if name.startswith(OF_THEM))
    losing = sum(bool(outcome.verdict.lost) for outcome in outcomes if outcome.control)
    bound = f"; fewer than 1 in {alerts // 3} at 95 %" if alerts and not lost else ""
    return (
        f"falld: {lost} lost of {sum(v.accepted for v in falld)} messages of {alerts} alerts{bound}\n"
        f"  shown twice: {sum(v.shown_twice for v in falld)}; resent: {sum(v.resent for v in falld)}\n"
        f"  faults: {sum(kinds.values())} ({told}){further}\n"
        f"broken designs: {losing} of {sum(outcome.control for outcome in outcomes)} trials lost alerts"
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
