"""What is said of falls in scenes that go on."""

from __future__ import annotations

import numpy as np

from falld.detect.bundle import Bundle
from falld.learn.extract import Table, Trial
from falld.learn.spliced import outcome
from falld.learn.truth import Truth
from falld.resources import shipped_bundle
from falld.samples.recording import Meta


def test_a_fall_is_told_taken_back_heard_or_none_of_it() -> None:
    bundle = Bundle.load(shipped_bundle())
    trial = Trial("d", "p", Meta("waist"), Truth(30.0, 0.0), 0.02)
    sure, walked = bundle.threshold("waist") + 0.01, np.array([np.inf, 45.0, 90.0, 40.0])
    table = Table(
        trials=[trial] * 4,
        trial=np.arange(4),
        impact_t=np.full(4, 30.0),
        t=np.full(4, 32.5),
        acc=np.zeros((4, 276, 3), np.float32),
        label=np.ones(4, np.int64),
        hit=np.ones(4, bool),
        walk_t=walked,
    )
    said = outcome(table, np.array([sure, sure, sure, 0.01]), bundle, np.ones(4, bool))
    counts = {name: str(value).split(",")[0] for name, value in said.items()}
    assert counts == {"falls": "4", "told": "3", "taken_back": "1", "heard": "2", "false_alarms": "0"}
