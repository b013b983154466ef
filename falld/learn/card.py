"""The card of a bundle: what the program needs, and what a reader should know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import falld
from falld.detect.bursts import ALIKE, LOOKED_BACK_S, MOST, REFRACTORY_S
from falld.detect.features import FEATURE_SET, NAMES
from falld.detect.smooth import POINTS
from falld.detect.window import APART, GATE_G, GRID_HZ, POST, PRE
from falld.learn.augment import WAYS
from falld.learn.benchmark.groups import age_group, sex_group
from falld.learn.calibrate import Calibration, cross_fitted, error
from falld.learn.extract import Table
from falld.learn.groups import group
from falld.learn.score import Score, heard, score
from falld.learn.train import COPIES, FORESTS, NETWORKS, PLAIN_SHARE, SMOOTH_SHARE
from falld.learn.validate import (
    LAB_ALARMS_PER_HOUR,
    LIFE_ALARMS_PER_DAY,
    ORDINARY_LIFE,
    Thresholds,
    Validation,
    folds,
)
from falld.samples.recording import PLACEMENTS

LOWEST_HZ = 18.0
"""Slowest sensor in the training data."""
STAGED = ("sisfall", "weda_fall", "umafall", "mobifall")
"""Data sets of staged falls whose stamps and lengths can be trusted; each is once left out as a whole."""

_WHO = (age_group, sex_group)

_LIMITS = [
    "All falls are staged, nearly all by young people; there is no real fall and no long recording of an older person.",
    "Ordinary life is 21 h of one wearer on the wrist, 32 h of 35 seated adults, and 10 h of 15 adults on the chest.",
    "Falls without an impact of 1.6 g (sliding down, a fall onto a bed) are not seen at all.",
    "An unknown placement, the ankle and the upper arm take the stricter threshold; no figure stands for them.",
]


def card(
    name: str,
    table: Table,
    calibration: Calibration,
    thresholds: Thresholds,
    doubts: Thresholds,
    people: Validation,
    sets: Validation,
    command: str,
) -> dict[str, Any]:
    """All that stands in `card.yaml`."""
    return {
        "name": name,
        "falld": falld.__version__,
        "feature_set": FEATURE_SET,
        "features": len(NAMES),
        "grid_hz": GRID_HZ,
        "lowest_hz": LOWEST_HZ,
        "range_g": "2 or more",
        "window_s": [-PRE / GRID_HZ, POST / GRID_HZ],
        "gate": f"|a| of at least {GATE_G} g, the largest within {APART / GRID_HZ:g} s on both sides",
        "model": (
            f"half {FORESTS} histogram gradient boostings on numbers for phases of the impact, half {NETWORKS} small "
            f"networks on its course; at the trunk {PLAIN_SHARE:.2f} of a boosting that saw no copies, and the rest of "
            "these; added up in logits (scikit-learn, exported to ONNX)"
        ),
        "shown": (
            f"each impact as it is; but for the trunk {SMOOTH_SHARE:.2f} of what the model says of means over "
            f"{POINTS / GRID_HZ:g} s, and the rest of what it says of it as it is; added up in logits"
        ),
        "has_also_seen": f"{COPIES} copies of each impact, by chance in other ways: {', '.join(WAYS)}",
        "calibration": _calibration(table, calibration, people),
        "weighed": (
            f"the odds are divided by one more than the impacts of {ALIKE:.0%} and more that lie {REFRACTORY_S:g} to "
            f"{LOOKED_BACK_S:g} s before, at most by {MOST + 1}; thresholds and figures are of probabilities so weighed"
        ),
        "thresholds": {place: thresholds[group(place)] for place in PLACEMENTS},
        "doubts": {place: doubts[group(place)] for place in PLACEMENTS},
        "thresholds_chosen": (
            f"the lowest with at most {LAB_ALARMS_PER_HOUR:g} false alarms an hour of scripted activities, at which "
            f"more than {LIFE_ALARMS_PER_DAY:g} a day of ordinary life is not shown (lower end of the 95 % interval); "
            "doubts the lowest with which no more false alarms are heard in the end than are told at once; on people "
            "that the scoring model never saw"
        ),
        "trained_on": _data(table),
        "figures": {
            "command": command,
            "rule": (
                "event by event: an alert from 1 s before to 10 s after the impact is a hit, every other one a false "
                "alarm, 10 s refractory; hours are those of recordings without a fall; 95 % intervals (Wilson, "
                "Poisson); no person of a test is in its training or in the choice of its threshold"
            ),
            "heard": (
                "what a responder hears in the end: falls after which nobody was up and walking within 20 s, and "
                "doubtful candidates after which nobody was within 30 s, or before the recording ended, as most "
                "staged ones do"
            ),
            "other_people": _figures(table, people, _score),
            "other_people, heard": _figures(table, people, _heard),
            "other_data_sets": _figures(table, sets, _score),
            "other_data_sets, heard": _figures(table, sets, _heard),
        },
        "limits": _LIMITS,
    }


def _calibration(table: Table, calibration: Calibration, people: Validation) -> dict[str, Any]:
    taught = table.label >= 0
    before, label = people.alone[taught], table.label[taught]
    after = cross_fitted(before, label, folds(table)[table.trial][taught])
    return {
        "sigmoid": {"scale": round(calibration.scale, 4), "shift": round(calibration.shift, 4)},
        "expected_error_before": round(error(before, label), 4),
        "expected_error_after": round(error(after, label), 4),
        "note": (
            f"of {len(label)} candidates of other people, {label.mean():.1%} of them falls; fitted on four folds, "
            "judged on the fifth. In a home falls are far rarer: there the same number means less."
        ),
    }


def _data(table: Table) -> dict[str, Any]:
    said: dict[str, Any] = {}
    datasets = np.array([trial.dataset for trial in table.trials])
    for name in np.unique(datasets).tolist():
        inside = [trial for trial in table.trials if trial.dataset == name]
        taught = datasets[table.trial] == name
        said[name] = {
            "recordings": len(inside),
            "people": len({trial.person for trial in inside}),
            "hours": round(sum(trial.hours for trial in inside), 1),
            "falls_taught": int(np.count_nonzero(taught & (table.label == 1))),
            "others_taught": int(np.count_nonzero(taught & (table.label == 0))),
            "left_out": int(np.count_nonzero(taught & (table.label < 0))),
        }
    return said


def _score(table: Table, judged: Validation, chosen: npt.NDArray[np.bool_]) -> Score:
    return score(table, judged.probability, judged.threshold, chosen)


def _heard(table: Table, judged: Validation, chosen: npt.NDArray[np.bool_]) -> Score:
    return heard(table, judged.probability, judged.threshold, judged.doubt, chosen)


def _people(table: Table) -> dict[str, npt.NDArray[np.bool_]]:
    """(trials,) each, of whom it is known."""
    groups = [np.array([of(trial.meta) for trial in table.trials]) for of in _WHO]
    return {who: found == who for found in groups for who in np.unique(found).tolist() if who != "not said"}


def _figures(
    table: Table, judged: Validation, rule: Callable[[Table, Validation, npt.NDArray[np.bool_]], Score]
) -> dict[str, Any]:
    datasets = np.array([trial.dataset for trial in table.trials])
    groups = np.array([group(trial.meta.placement) for trial in table.trials])
    tested = np.zeros(len(table.trials), bool)
    tested[np.unique(table.trial[judged.probability >= 0])] = True
    tested = np.isin(datasets, np.unique(datasets[tested]))
    life = np.isin(datasets, ORDINARY_LIFE)
    said: dict[str, Any] = {}

    def tell(name: str, chosen: npt.NDArray[np.bool_], *, per_day: bool = False) -> None:
        scored = rule(table, judged, chosen)
        if scored.falls or scored.hours:
            said[name] = scored.describe(per_day=per_day)

    for place in ("trunk", "wrist"):
        here = tested & (groups == place)
        tell(f"staged, {place}", here & np.isin(datasets, STAGED))
        for dataset in STAGED:
            tell(f"{dataset}, {place}", here & (datasets == dataset))
        staged = here & np.isin(datasets, STAGED)
        for name, of in _people(table).items():
            tell(f"staged, {place}, {name}", staged & of)
        for dataset in np.unique(datasets[here & life]).tolist():
            tell(f"ordinary life, {dataset}, {place}", here & (datasets == dataset), per_day=True)
    return said
