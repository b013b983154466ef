"""What is gathered from recordings, and on whom methods are judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from falld.errors import FalldError
from falld.learn.baselines.impact import Magnitude
from falld.learn.baselines.method import Features, Found, Said
from falld.learn.baselines.trace import Floats, Trace, trace
from falld.learn.benchmark.aftermath import STAYS, UNTOLD, WALKS, aftermath
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.events import responder_hears
from falld.learn.benchmark.fits import scores
from falld.learn.benchmark.folds import Fold, by_dataset, by_person
from falld.learn.benchmark.harvest import Harvest, harvest
from falld.learn.benchmark.judge import Judge, splits
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording, write_csv
from falld.samples.recording import Meta
from falld.samples.survey import survey
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES
from falld.tasks.cache import Cache

PEOPLE = 10


def silent(line: str) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets of the same size; person p's sensor is tilted by p tenths of a g, so that it can be recognised."""
    path = tmp_path_factory.mktemp("sets") / "two.parquet"
    t = np.arange(400) / 50
    with ArchiveWriter(path) as archive:
        for p in range(PEOPLE):
            for is_fall in (False, True):
                acc = np.tile(np.array([p / 10, 0, 1], np.float32), (400, 1))
                acc[200] = (0, 0, 4 if is_fall else 2.6)
                name = "even" if p % 2 == 0 else "odd"
                meta = Meta(placement="waist", sample_rate_hz=50.0, source=name, subject=f"s{p}", is_fall=is_fall)
                archive.add(meta, [Block(t, acc)])
    return path


@dataclass
class Watcher:
    """Learns nothing, and keeps whom it was shown."""

    name: str = "watcher"
    source: str = "of this test"
    taught: list[set[int]] = field(default_factory=list)

    def threshold(self, placement: str) -> float:
        return 0.5

    def found(self, trace: Trace) -> Found:
        person = round(10 * float(trace.segments[0].acc[0, 0]))
        return Found(np.array([4.0]), np.array([5.0]), np.zeros(1), np.array([[person]], np.float32))

    def fit(self, features: Features, label: npt.NDArray[np.int64]) -> Watcher:
        assert set(label.tolist()) == {0, 1}
        self.taught.append(set(features[:, 0].astype(int).tolist()))
        return self

    def score(self, features: Features) -> Floats:
        return features[:, 0] / PEOPLE


def gathered(path: Path) -> tuple[Harvest, Facts, Watcher]:
    watcher = Watcher()
    found = harvest([str(path)], [watcher], silent, cache=Cache())
    return found, Facts.of(found.trials), watcher


def judge(found: Harvest, facts: Facts, folds: list[Fold], lab: npt.NDArray[np.bool_]) -> Judge:
    (one,) = found.methods
    return Judge(facts, one, splits(one, folds, scores(one, folds, Cache(), 1)), lab)


def persons(found: Harvest, chosen: npt.NDArray[np.bool_]) -> set[int]:
    return {int(found.trials[i].person[-1]) for i in np.flatnonzero(chosen)}


def test_who_is_judged_was_neither_learnt_from_nor_chosen_on(two_sets: Path) -> None:
    found, _, watcher = gathered(two_sets)
    tested: list[int] = []
    folds = by_person(found.trials)
    learnt = [fold for fold in folds if fold.train.any()]
    list(scores(found.methods[0], learnt, Cache(), 1))
    for fold, taught in zip(learnt, watcher.taught, strict=True):
        assert taught == persons(found, fold.train)
    for fold in folds:
        train, tune, test = (persons(found, part) for part in (fold.train, fold.tune, fold.test))
        assert not test & tune
        assert not train & (test | tune)
        tested += test
    assert sorted(tested) == list(range(PEOPLE)), "everybody once"


def test_a_data_set_left_out_teaches_nothing(two_sets: Path) -> None:
    found, facts, watcher = gathered(two_sets)
    folds = by_dataset(found.trials, facts)
    assert [fold.name for fold in folds] == ["without even", "without odd"]
    assert persons(found, folds[0].test) == set(range(0, PEOPLE, 2))
    list(scores(found.methods[0], folds, Cache(), 1))
    for fold, taught in zip(folds, watcher.taught, strict=True):
        assert taught
        assert not persons(found, fold.test) & (taught | persons(found, fold.tune))


def test_what_does_not_learn_is_tuned_on_all_others(two_sets: Path) -> None:
    found = harvest([str(two_sets)], [Magnitude()], silent, cache=Cache())
    facts = Facts.of(found.trials)
    folds = by_person(found.trials)
    (method,) = found.methods
    for one in splits(method, folds, scores(method, folds, Cache(), 1)):
        assert (one.tune ^ one.test).all()
    of = judge(found, facts, folds, facts.scripted)
    judged = of.at_rate(2.0)
    everything = judged.counts.score(facts, judged.tested)
    assert (everything.falls, everything.hits, everything.alarms) == (10, 10, 0), "a fall is 4 g, all else 2.6"
    lax = of.own().counts.score(facts, judged.tested)
    assert (lax.hits, lax.alarms) == (10, 10)


def test_a_placement_that_nobody_showed_takes_the_strictest_threshold(tmp_path: Path) -> None:
    path = tmp_path / "places.parquet"
    t = np.arange(400) / 50
    with ArchiveWriter(path) as archive:
        for p, place in enumerate(("waist", "waist", "wrist", "wrist", "ankle")):
            for peak, is_fall in ((2.0 + p / 4, False), (6.0, True)):
                acc = np.tile(np.array([0, 0, 1], np.float32), (400, 1))
                acc[200] = (0, 0, peak)
                meta = Meta(placement=place, sample_rate_hz=50.0, source=place, subject=f"s{p}", is_fall=is_fall)
                archive.add(meta, [Block(t, acc)])
    found = harvest([str(path)], [Magnitude()], silent, cache=Cache())
    facts = Facts.of(found.trials)
    folds = [fold for fold in by_dataset(found.trials, facts) if fold.name == "without ankle"]
    (ankle,) = judge(found, facts, folds, facts.lab).at_rate(0.5).thresholds
    assert ankle["trunk"] == pytest.approx(2.25)
    assert ankle["other"] == ankle["wrist"] == pytest.approx(2.75)


def test_a_data_set_can_be_chosen(two_sets: Path) -> None:
    found = harvest([str(two_sets)], [Magnitude()], silent, only=["odd"], cache=Cache())
    assert {trial.dataset for trial in found.trials} == {"odd"}
    with pytest.raises(FalldError, match="holds no recording to judge"):
        harvest([str(two_sets)], [Magnitude()], silent, only=["other"], cache=Cache())


def test_what_cannot_be_used_is_named(tmp_path: Path, two_sets: Path) -> None:
    found = harvest([str(tmp_path / "missing.csv"), str(two_sets)], [Magnitude()], silent, cache=Cache())
    assert len(found.trials) == 2 * PEOPLE
    assert len(found.left_out) == 1
    assert "missing.csv" in found.left_out[0]


def test_a_responder_hears_what_is_not_taken_back_in_20_s() -> None:
    said = [
        Said("fall", 10.0, 12.5),
        Said("recovered", 10.0, 30.0),
        Said("fall", 50.0, 52.5),
        Said("recovered", 50.0, 72.6),
        Said("recovered", 99.0, 101.0),
        Said("fall", 100.0, 102.5),
        Said("confirmed", 80.0, 95.0),
    ]
    heard = responder_hears(said)
    assert heard.impact_t.tolist() == [50.0, 80.0, 100.0]
    assert heard.t.tolist() == [52.5, 95.0, 102.5]


@pytest.mark.parametrize(
    ("scene", "what"),
    [("fall-recovered-waist", WALKS), ("fall-forward-waist", STAYS), ("fall-collapse-wrist", STAYS)],
)
def test_whether_somebody_stays_down_is_seen(tmp_path: Path, scene: str, what: str) -> None:
    meta, block = simulate(SCENES[scene])
    path = tmp_path / "scene.csv"
    write_csv(path, replace(meta, expected=None), [block])
    recording = CsvRecording(path)
    impact = meta.falls[0].impact_s
    assert impact is not None
    assert aftermath(trace(recording, survey(recording).clock), impact) == what
    early = block.t <= impact + 4
    write_csv(path, replace(meta, expected=None), [Block(block.t[early], block.acc[early])])
    cut = CsvRecording(path)
    assert aftermath(trace(cut, survey(cut).clock), impact) == UNTOLD
    assert aftermath(trace(cut, survey(cut).clock), None) == ""
