"""What is learnt by is weighed as the product weighs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_ins import hard_impacts, knocks

from falld.detect.detector import Detector
from falld.detect.events import Decision
from falld.detect.window import Windows
from falld.learn.extract import extract
from falld.learn.weighed import weighed
from falld.samples.archive import read_archive
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.recording import Meta, Unusable
from falld.samples.survey import survey

SEEDS = (1, 2)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Two recordings of five knocks in two minutes each."""
    path = tmp_path / "life.parquet"
    with ArchiveWriter(path) as writer:
        for seed in SEEDS:
            meta = Meta(placement="waist", sample_rate_hz=50.0, subject=f"s{seed}", source="life", is_fall=False)
            writer.add(meta, [knocks([2.6, 2.0, 2.4, 3.0, 2.2], seed, still_s=11, gain=1.0)])
    return str(path)


def test_as_the_detector_weighs(archive: str) -> None:
    bundle = hard_impacts()
    told: list[float] = []
    for recording in read_archive(archive):
        assert not isinstance(recording, Unusable)
        detector = Detector(bundle, survey(recording).clock, "waist", candidates=True)
        events = [e for block in recording.blocks() for e in detector.feed(block)] + detector.finish()
        told += [e.probability for e in events if isinstance(e, Decision) and e.event == "candidate"]
    table = extract([archive], lambda line: None)
    alone = bundle.probabilities(Windows(table.acc), "waist").astype(np.float64)
    assert weighed(table, alone).tolist() == told
    assert sum(told) < alone.sum()


def test_what_was_not_judged_stays_so(archive: str) -> None:
    table = extract([archive], lambda line: None)
    second = table.trial == 1
    found = weighed(table, np.where(second, 0.5, -1.0))
    assert (found[~second] == -1).all()
    assert found[second][0] == 0.5, "another recording's impacts do not count"
    assert (found[second][1:] < 0.5).all()
