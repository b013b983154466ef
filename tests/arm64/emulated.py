"""falld on arm64: Debian's tree under QEMU's user emulation, with the package that `make deb` makes.

    make test-arm64 RELEASE=bookworm

What it computes is held against this machine, and so are its decisions. It says nothing of how fast a Pi is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).parent / "guest"
sys.path[:0] = [str(ROOT), str(ROOT / "tests/bluez"), str(ROOT / "deploy/debian"), str(GUEST)]

from build import PYTHON, build, unpack  # noqa: E402
from image import RELEASE, install, planted  # noqa: E402
from judged import Window, described, impacts, judged, versions  # noqa: E402

from falld.detect.bundle import REFERENCE, Bundle  # noqa: E402
from falld.detect.reference import TOLERANCE, Reference  # noqa: E402
from falld.resources import shipped_bundle  # noqa: E402
from falld.samples.catalogue import open_paths  # noqa: E402
from falld.samples.recording import Filed, Unusable  # noqa: E402

ARCH = "arm64"
HOST = {
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "qemu-aarch64-static": "qemu-user-static",
    "systemd-nspawn": "systemd-container",
}
PACKAGES = ("ca-certificates", "libstdc++6", "python3", "systemd")
BINFMT, FORMAT = Path("/proc/sys/fs/binfmt_misc"), Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
PROCESSORS = {"cortex-a72": "Pi 4", "cortex-a76": "Pi 5"}
"""What QEMU is to be: their instructions differ, so numpy and onnxruntime choose other code. Those of Pi 3 and Zero 2 W
have the instructions of the first."""
DATA = Path(os.environ.get("FALLD_DATA", ROOT.parent / "shared/data"))
EACH = 25
"""Impacts of an archive's falls, and of all else in it."""
CONFIG = """\
version: 1
home: {id: h1}
state_dir: /root/state
wearers:
  - id: w1
    wearables: [{recording: /root/recordings/fall-forward-waist.csv.gz, id: belt}]
routes:
  - broker: {host: 127.0.0.1, port: 1883, tls: false}
"""
DISGUISED = 'mount --bind /root/cpuinfo /proc/cpuinfo && exec "$@"'
"""onnxruntime looks there, and crashes where it finds a processor of another architecture."""
DOCTOR = ("falld", "doctor", "-c", "/root/falld.yaml", "--json")
REPLAY = ("replay", "recordings/", "--candidates", "--jsonl")
ACKNOWLEDGED = "the home heard that a responder has seen it"
WELL = {"configuration", "permissions", "disk", "model", "broker name"}
"""What the doctor must find so where neither a broker nor a daemon runs."""


class Trouble(Exception):
    """What must be is not so."""


def main() -> int:
    """0: all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=ROOT / ".arm64", help="Folder for the tree.")
    parser.add_argument("--release", choices=PYTHON, default=RELEASE, help=f"Debian's; {RELEASE} if not said.")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a tree of another architecture is entered by root")
    if platform.machine() != "x86_64":
        sys.exit("run it on x86-64, which it compares with")
    install(HOST)
    register()
    options.cache.mkdir(exist_ok=True)
    began = time.monotonic()
    tree = plant(options.cache, options.release)
    say(f"tree and package are there after {time.monotonic() - began:.0f} s")
    try:
        with tempfile.TemporaryDirectory(prefix="falld-arm64-") as folder:
            for trial in (installs, examines, replays, demonstrates):
                say(f"passed {trial.__name__}: {trial(tree)}")
            compares(tree, Path(folder))
    except (Trouble, subprocess.SubprocessError) as error:
        say(f"FAILED: {error}")
        return 1
    finally:
        shutil.rmtree(tree)
    say(f"passed, after {time.monotonic() - began:.0f} s")
    return 0


def register() -> None:
    """Programs for arm64 are run by QEMU. Where no service tells the kernel so, as in a container, it is told here."""
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], check=True)
    if not (BINFMT / FORMAT.stem).exists():
        (BINFMT / "register").write_text(FORMAT.read_text())


def plant(cache: Path, release: str) -> Path:
    """A fresh tree with the package, what the demonstration needs more, and the trials."""
    tree = planted(cache, release, PACKAGES, ARCH)
    with tempfile.TemporaryDirectory(prefix="falld-deb-") as folder:
        package = build(Path(folder), ARCH, release, Path(folder) / "out", "none")
        shutil.move(package, tree / "root/falld.deb")
    demo = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["demo"]
    unpack(tree / "opt/demo", ARCH, PYTHON[release], *demo)
    shutil.copytree(ROOT / "recordings", tree / "root/recordings")
    shutil.copytree(GUEST, tree / "root", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "root/falld.yaml").write_text(CONFIG)
    return tree


def inside(
    tree: Path, *command: str, processor: str = next(iter(PROCESSORS)), may_end: tuple[int, ...] = (0,), **options: str
) -> str:
    """What a program of the tree says.

    Args:
        may_end: with these exit statuses.
        options: of systemd-nspawn.
    """
    nspawn = ["systemd-nspawn", "--quiet", "--pipe", "--as-pid2", "--private-network", "--register=no", "--keep-unit"]
    nspawn += ["--resolv-conf=off", "--timezone=off", f"--directory={tree}", "--chdir=/root"]
    nspawn += [f"--setenv=QEMU_CPU={processor}", *(f"--{option}={value}" for option, value in options.items())]
    whole = [*nspawn, "sh", "-c", DISGUISED, "sh", *command]
    done = subprocess.run(whole, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode not in may_end:
        raise Trouble(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def installs(tree: Path) -> str:
    """No systemd runs there."""
    inside(tree, "dpkg", "--install", "/root/falld.deb")
    told = inside(tree, "dpkg-query", "--show", "--showformat=${Status} ${Architecture}", "falld")
    hold(told == f"install ok installed {ARCH}", told)
    changed = inside(tree, "dpkg", "--verify", "falld")
    hold(changed == "", changed)
    inside(tree, "id", "falld")
    return inside(tree, "falld", "--version").strip()


def examines(tree: Path) -> str:
    found = [json.loads(line) for line in inside(tree, *DOCTOR, may_end=(1,)).splitlines()]
    verdicts = {each["check"]: each["verdict"] for each in found}
    hold({check for check, verdict in verdicts.items() if verdict == "pass"} >= WELL, found)
    hold(verdicts["broker TCP"] == "do", found)  # none runs
    return "; ".join(f"{each['check']}: {each['what']}" for each in found if each["check"] in WELL)


def replays(tree: Path) -> str:
    """The same events at the same times as here."""
    told = inside(tree, "falld", *REPLAY).splitlines()
    command = [sys.executable, "-m", "falld", *REPLAY]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    here = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    largest = 0.0
    for ours, theirs in itertools.zip_longest(here.splitlines(), told, fillvalue="{}"):
        one, other = json.loads(ours), json.loads(theirs)
        largest = max(largest, abs(one.pop("probability", 0.0) - other.pop("probability", 0.0)))
        hold(one == other, f"{theirs}\nis here\n{ours}")
    hold(largest <= TOLERANCE, f"probabilities differ by {largest:.1e}")
    falls = sum(json.loads(line)["event"] == "fall" for line in told)
    return f"{len(told)} lines, {falls} falls; probabilities differ by {largest:.1e} at most"


def demonstrates(tree: Path) -> str:
    """Its exit status tells whether all happened that must. A broker is not in the package."""
    (site,) = (tree / "opt/falld/lib").glob("python3.*/site-packages")
    (site / "demo.pth").write_text("/opt/demo\n")  # looked into where the package has nothing of the name
    story = inside(tree, "falld", "demo").splitlines()
    hold(f"  yes  {ACKNOWLEDGED}" in story, story)
    return f"{ACKNOWLEDGED}; {story[-1]}"


def compares(tree: Path, folder: Path) -> None:
    """The same feature vectors and the same windows, judged here and there, and windows of the same recordings."""
    bundle = Bundle.load(shipped_bundle())
    recorded = list(impacts(open_paths([str(ROOT / "recordings")])))
    referred, lived = list(cases()), list(real())
    given = [*recorded, *referred, *lived]
    windows, placements = np.stack([window for window, _ in given]), [placement for _, placement in given]
    vectors = described(windows, placements)
    np.savez(folder / "given.npz", windows=windows, placements=np.array(placements), vectors=vectors)
    here = judged(bundle, vectors)
    limits = np.array([bundle.threshold(placement) for placement in placements])
    say(
        f"{len(recorded)} impacts of recordings/, {len(referred)} reference cases, {len(lived)} impacts of real"
        f" recordings: {np.sum(here >= limits)} are falls on this machine ({versions()})"
    )
    python = ["/opt/falld/bin/python3", "judged.py", "/mnt/given.npz", "recordings", "/mnt/told.npz"]
    for processor, machine in PROCESSORS.items():
        with_what = inside(tree, *python, processor=processor, bind=f"{folder}:/mnt").strip()
        hold(with_what.startswith("aarch64"), with_what)
        with np.load(folder / "told.npz") as arrays:
            told = dict(arrays)
        (folder / "told.npz").unlink()
        say(f"{machine}, as {processor}: {with_what}")
        largest = apart(told["of_vectors"], here)
        say(f"  ONNX outputs of the same features: {largest:.1e} apart at most")
        hold(largest <= TOLERANCE, f"more than {TOLERANCE:g}")
        say(
            f"  features of the same windows: {apart(told['features'], vectors):.1e} apart at most,"
            f" {np.mean(told['features'] != vectors):.1%} of them in some bit"
        )
        otherwise = np.sum((told["of_features"] >= limits) != (here >= limits))
        say(
            f"  ONNX outputs of these features: {apart(told['of_features'], here):.1e} apart at most,"
            f" {otherwise} of {len(given)} decided otherwise"
        )
        hold(otherwise == 0, "a fall is none, or the other way round")
        say(f"  windows of the recordings: {apart(told['windows'], windows[: len(recorded)]):.1e} g apart at most")


def cases() -> Iterator[tuple[Window, str]]:
    """The bundle's reference cases."""
    for each in Reference.from_bytes((shipped_bundle() / REFERENCE).read_bytes()).cases:
        for window in each.windows.acc:
            yield window, each.placement


def real() -> Iterator[tuple[Window, str]]:
    """The first impacts of each archive of real recordings, where there are some: of falls, and of all else."""
    for archive in sorted(DATA.glob("*.parquet")):
        for fall in (True, False):
            some = (one for one in open_paths([str(archive)]) if is_fall(one) == fall)
            yield from itertools.islice(impacts(some), EACH)


def is_fall(one: Filed | Unusable) -> bool:
    return not isinstance(one, Unusable) and one.meta.is_fall is True


def apart(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    hold(one.shape == other.shape, f"{one.shape} and {other.shape}")
    return float(np.abs(one - other).max())


def hold(true: object, why: object) -> None:
    if not true:
        raise Trouble(str(why))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
