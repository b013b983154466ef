"""Makes a bundle's reference cases, from simulated falls and daily activities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from falld.detect.bundle import REFERENCE, SUMMED, SUMS, Bundle
from falld.detect.gate import Candidates
from falld.detect.reference import CASES, TOLERANCE, Cases, Reference, windows_of
from falld.detect.scout import Scout
from falld.detect.window import Windows
from falld.errors import FalldError
from falld.samples.clock import Clock
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

PLACES = ("wrist", "waist")
"""One of each group that is judged in its own way."""
_SHAKES = 4
_ROUNDING = 2.0**-20
"""Relative: more than rounding does to a feature on another machine, eight units in the last place of a float32."""


def seal(folder: Path) -> None:
    """Put reference cases and checksums beside a model and its card.

    Args:
        folder: a bundle's.

    Raises:
        BundleError: model and card do not fit.
        FalldError: the model tells too few cases clearly.
    """
    reference = make(Bundle.untried(folder))
    (folder / REFERENCE).write_bytes(reference.to_bytes())
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in SUMMED]
    (folder / SUMS).write_text("".join(sums), "ascii")


def make(bundle: Bundle) -> Reference:
    """The cases, spread over all that the model says of simulated recordings.

    Raises:
        FalldError: it tells too few of them clearly.
    """
    made_with = f"onnxruntime {onnxruntime.__version__} and numpy {np.__version__}"
    return Reference(tuple(_cases(bundle, place) for place in PLACES), made_with)


def _cases(bundle: Bundle, placement: str) -> Cases:
    found = list(_candidates(placement))
    names, acc_mg = [name for name, _ in found], np.stack([acc for _, acc in found])
    windows = windows_of(acc_mg)
    probability = bundle.probabilities(windows, placement)
    clear = np.flatnonzero(_clear(bundle, windows, placement))
    if len(clear) < CASES:
        what = f"tells only {len(clear)} simulated cases at the {placement} so that rounding does not matter"
        raise FalldError(f"bundle {bundle.name}", what, f"{CASES} are needed: train another model")
    ranked = clear[np.argsort(probability[clear], kind="stable")]
    chosen = ranked[np.linspace(0, len(ranked) - 1, CASES).round().astype(np.int64)]
    return Cases(placement, tuple(names[i] for i in chosen.tolist()), acc_mg[chosen], probability[chosen])


def _candidates(placement: str) -> Iterator[tuple[str, npt.NDArray[np.int16]]]:
    """What the gate finds in every scene, as worn there: names and windows in thousandths of g."""
    for name, scene in SCENES.items():
        _, block = simulate(replace(scene, placement=placement))
        scout = Scout(Clock("stamps", scene.sensor.rate_hz, scene.sensor.batch - 1))
        for item in [*scout.feed(block), *scout.finish()]:
            if isinstance(item, Candidates):
                for t, acc in zip(item.impact_t.tolist(), item.windows.acc, strict=True):
                    yield f"{name} on the {placement} at {t:.2f} s", np.round(acc * 1000.0).astype(np.int16)


def _clear(bundle: Bundle, windows: Windows, placement: str) -> npt.NDArray[np.bool_]:
    """(c,) where rounding does not matter: a feature that lies on a tree's cut would tell of nothing else."""
    rng = np.random.default_rng(0)
    told = []
    for _ in range(_SHAKES):
        shaken = windows.acc * (1.0 + _ROUNDING * rng.choice((-1.0, 1.0), windows.acc.shape))
        told.append(bundle.probabilities(Windows(shaken.astype(np.float32)), placement))
    clear: npt.NDArray[np.bool_] = np.ptp(told, axis=0) < TOLERANCE / 10
    return clear
