"""falld and the recipe in the folds, on simulated wearers: to see that it works takes no recording of a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from players import PEOPLE, play
from threadpoolctl import threadpool_limits

from falld.learn.baselines.impact import Magnitude
from falld.learn.baselines.own import Falld
from falld.learn.baselines.recipe import Recipe, own_features
from falld.learn.baselines.scouted import FollowsUp, Scouted
from falld.learn.baselines.trace import trace
from falld.learn.benchmark.counts import Facts
from falld.learn.benchmark.folds import Fold, by_dataset
from falld.learn.benchmark.harvest import Harvest, harvest
from falld.learn.benchmark.markdown import alone, filled, write_markdown
from falld.learn.benchmark.report import Report, benchmark
from falld.learn.benchmark.whole import whole
from falld.learn.extract import Table, extract, trial_of
from falld.samples.catalogue import open_paths
from falld.samples.recording import Unusable
from falld.samples.survey import survey
from falld.tasks.cache import Cache

METHODS: tuple[Scouted, ...] = (Recipe(), Falld())
# A fold of so few has less than one batch of a network.
pytestmark = pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger:UserWarning")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    return play(tmp_path_factory.mktemp("own") / "scenes.parquet", ("left", "smartfallmm"))


@pytest.fixture(scope="module")
def table(archive: str) -> Table:
    return extract([archive], lambda line: None)


@pytest.fixture(scope="module")
def found(archive: str) -> Harvest:
    return harvest([archive], [Magnitude(), *METHODS], lambda line: None, cache=Cache())


@pytest.fixture(scope="module")
def fold(table: Table) -> Fold:
    return by_dataset(table.trials, Facts.of(table.trials))[0]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_judged_people_teach_nothing(method: Scouted, table: Table, fold: Fold) -> None:
    shown = fold.train[table.trial]
    other = table.acc.copy()
    other[~shown] = other[~shown][:, ::-1] * np.float32(3)
    with threadpool_limits(1):
        score, same = (method.study(one)(fold.train) for one in (table, replace(table, acc=other)))
    assert score.shape == table.label.shape
    assert (same[shown] == score[shown]).all()
    assert (same[~shown] != score[~shown]).any()
    falls, others = score[~shown & (table.label == 1)], score[~shown & (table.label == 0)]
    assert len(falls)
    assert falls.min() > others.mean(), "scenes that it has seen played by others"


def test_the_judged_people_s_labels_teach_nothing(table: Table, fold: Fold) -> None:
    hidden = ~fold.train[table.trial]
    turned = replace(table, label=np.where(hidden & (table.label >= 0), 1 - table.label, table.label))
    with threadpool_limits(1):
        score, same = (Recipe().study(one)(fold.train) for one in (table, turned))
    assert (same == score).all()


def test_each_candidate_has_the_features_of_its_own_placement(table: Table) -> None:
    x = own_features(table)
    wrist = np.array([trial.meta.placement == "wrist" for trial in table.trials])[table.trial]
    alone = own_features(replace(table, trial=table.trial[wrist], acc=table.acc[wrist]))
    assert (x[wrist] == alone).all()
    assert len(x) == len(table.trial)


def test_falld_s_own_alarms_are_told_and_heard(table: Table) -> None:
    method = Falld()
    assert isinstance(method, FollowsUp)
    score = np.where(table.label == 1, 0.999, 0.001)
    told, heard = method.alarms(table, score, np.ones(len(table.trials), bool))
    assert (told == (table.label == 1)).all()
    assert (heard == told).all(), "nobody walks on"
    walked = replace(table, walk_t=table.t + 5.0)
    told, heard = method.alarms(walked, score, np.ones(len(table.trials), bool))
    assert told.any()
    assert not heard.any(), "everybody is up again"


def test_scouted_methods_are_judged_on_the_product_s_candidates(found: Harvest, table: Table) -> None:
    plain, recipe, falld = found.methods
    assert plain.study is None
    assert (recipe.candidates.impact_t == table.impact_t).all()
    assert falld.candidates is not recipe.candidates
    assert (falld.candidates.label == table.label).all()
    assert (falld.candidates.hit == table.hit).all()
    assert (np.diff(table.t)[np.diff(table.trial) == 0] >= 0).all(), "in order of trial, then time"


def test_only_some_data_sets_are_shown(archive: str) -> None:
    found = harvest([archive], [Recipe()], lambda line: None, only=["left"], cache=Cache())
    assert {trial.dataset for trial in found.trials} == {"left"}
    (recipe,) = found.methods
    assert recipe.candidates.trial.max() < len(found.trials)
    assert recipe.study is not None
    with threadpool_limits(1):
        assert len(recipe.study()(np.ones(len(found.trials), bool))) == len(recipe.candidates.trial)


def test_a_fall_is_whole_with_an_impact_and_time_around_it(archive: str) -> None:
    for recording in open_paths([archive]):
        assert not isinstance(recording, Unusable)
        judged = survey(recording)
        trial, course = trial_of(recording, judged), trace(recording, judged.clock)
        impact = trial.truth.impact_s
        assert whole(course, trial.truth) == (impact is not None)
        if impact is None:
            continue
        assert not whole(course, replace(trial.truth, start_s=impact - 1.0)), "begins at the fall"
        (segment,) = course.segments
        stop = round((impact - segment.origin + 1.5) * 50)
        ended = replace(segment, acc=segment.acc[:stop], magnitude=segment.magnitude[:stop])
        assert not whole(replace(course, segments=(ended,)), trial.truth), "ends with it"
        soft = replace(segment, magnitude=np.minimum(segment.magnitude, np.float32(1.5)))
        assert not whole(replace(course, segments=(soft,)), trial.truth), "has no impact"
        at, hardest = round((impact - segment.origin) * 50), segment.magnitude.max()
        quiet = np.ones(at + 600, np.float32)
        quiet[: len(segment)] = segment.magnitude[: at + 600]
        for other, plain in ((at - 80, False), (at + 100, True), (at + 550, False)):
            twice = quiet.copy()
            twice[other] = 0.9 * hardest
            longer = replace(segment, acc=np.zeros((len(twice), 3), np.float32), magnitude=twice)
            assert whole(replace(course, segments=(longer,)), trial.truth) == plain, "an alarm there would be false"
        assert not whole(replace(course, clock=replace(course.clock, kind="nominal")), trial.truth)


@pytest.fixture(scope="module")
def report(archive: str) -> Report:
    return benchmark([archive], [Magnitude(), *METHODS], lambda line: None, kinds=("dataset",))


def test_falld_is_held_against_every_other(report: Report) -> None:
    section = report.section("paired")
    assert section is not None
    assert {(row[0], row[1]) for row in section.rows} == {
        (name, at) for name in ("magnitude", "recipe") for at in ("trunk", "wrist")
    }
    said = section.json()["rows"][0]
    assert said["2/h"].keys() == {"value", "low", "high"}
    equal = report.section("equal")
    assert equal is not None
    points = {(row["method"], row["at"]): row["2/h"] for row in equal.json()["rows"]}
    assert points["falld", "trunk"]["falls"] == points["falld", "trunk"]["hits"] == PEOPLE
    assert points["falld", "trunk"]["alarms"] <= 2 * points["falld", "trunk"]["hours"]
    for key in ("paired_by_dataset", "paired_transferred", "by_dataset", "responder_by_dataset"):
        assert report.section(key) is not None, key
    assert report.section("as_published") is None, "of the folds that were not asked for"


def test_a_page_s_places_are_filled_and_the_rest_stays(report: Report, tmp_path: Path) -> None:
    page = "# Title\n\n<!-- table data -->\nold\n<!-- end -->\n\nprose\n\n<!-- table other -->\nkept\n<!-- end -->\n"
    new = filled(report, page)
    assert new.startswith("# Title\n\n<!-- table data -->\n\n| data set | people |")
    assert "| left | 7 | 28 | 14 |" in new
    assert "old" not in new
    assert new.endswith("<!-- end -->\n\nprose\n\n<!-- table other -->\nkept\n<!-- end -->\n")
    assert filled(report, new) == new
    path = tmp_path / "page.md"
    write_markdown(report, path)
    assert path.read_text() == alone(report)
    assert filled(report, path.read_text()) == path.read_text()
    path.write_text(page)
    write_markdown(report, path)
    assert path.read_text() == new
