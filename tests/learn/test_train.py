"""From candidates to a model and its file, on simulated wearers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from players import play
from threadpoolctl import threadpool_limits

from falld.detect.smooth import shown
from falld.detect.window import Windows
from falld.errors import FalldError
from falld.learn.bundle import export
from falld.learn.calibrate import Calibration
from falld.learn.extract import Table, extract
from falld.learn.farm import fit_all
from falld.learn.train import Examples, Model, fit
from falld.learn.validate import Split
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.recording import Meta
from falld.tasks.cache import Cache

pytestmark = pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger:UserWarning")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(extract([play(tmp_path_factory.mktemp("train") / "scenes.parquet")], lambda line: None))


@pytest.fixture(scope="module")
def model(examples: Examples) -> Model:
    with threadpool_limits(1):
        return fit(examples, np.arange(len(examples.table.trial)))


def test_the_model_tells_falls_from_the_rest(examples: Examples, model: Model) -> None:
    label, found = examples.table.label, model.probability(examples.own, examples.smooth)
    assert found[label == 1].min() > 0.5 > found[label == 0].max()


def test_it_is_judged_by_what_a_home_is_shown(examples: Examples) -> None:
    table = examples.table
    for name, placement in (("wrist", "wrist"), ("trunk", "waist")):
        some = examples.group == name
        assert some.any()
        own = np.stack((examples.own, examples.smooth), axis=1)[some]
        np.testing.assert_array_equal(own, shown(Windows(table.acc[some]), placement))


def test_the_forest_without_copies_counts_at_the_trunk_alone(examples: Examples, model: Model) -> None:
    other = replace(model, plain=model.forests[0])
    changed = other.logit(examples.own) != model.logit(examples.own)
    trunk = examples.group == "trunk"
    assert changed[trunk].any()
    assert (~trunk).any()
    assert not changed[~trunk].any()


def test_an_impact_smoothed_counts_everywhere_but_at_the_trunk(examples: Examples, model: Model) -> None:
    shaken = examples.smooth[::-1]
    changed = model.probability(examples.own, shaken) != model.probability(examples.own, examples.smooth)
    trunk = examples.group == "trunk"
    assert changed[~trunk].any()
    assert not changed[trunk].any()


def test_the_file_says_what_the_model_says(examples: Examples, model: Model) -> None:
    calibration = Calibration(0.8, -0.3)
    exported = export(model, calibration).SerializeToString()
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    x = np.concatenate([examples.own, *examples.copies])
    smooth = np.roll(x, 1, axis=0)
    (said,) = session.run(["probabilities"], {"features": np.stack((x, smooth), axis=1)})
    np.testing.assert_allclose(said[:, 1], calibration(model.probability(x, smooth)), atol=1e-5)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)


def test_the_same_candidates_give_the_same_model(examples: Examples, model: Model) -> None:
    with threadpool_limits(1):
        again = fit(examples, np.arange(len(examples.table.trial)))
    assert export(again, Calibration()).SerializeToString() == export(model, Calibration()).SerializeToString()


def test_tables_follow_one_another_as_archives_do(tmp_path: Path) -> None:
    first, second = (play(tmp_path / f"{name}.parquet", (name,)) for name in "ab")
    both = extract([first, second], lambda line: None)
    joined = extract([first], lambda line: None).followed_by(extract([second], lambda line: None))
    assert joined.trials == both.trials
    for column in ("trial", "impact_t", "t", "acc", "label", "hit", "walk_t"):
        np.testing.assert_array_equal(getattr(joined, column), getattr(both, column))


def test_nothing_to_learn_from_is_told(tmp_path: Path) -> None:
    still = Block(np.arange(500) / 50, np.tile(np.float32([0, 0, 1]), (500, 1)))
    with ArchiveWriter(tmp_path / "still.parquet") as writer:
        writer.add(Meta(sample_rate_hz=50.0, placement="waist"), [still])
    with pytest.raises(FalldError, match=r"still\.parquet: no impact in any usable recording"):
        extract([str(tmp_path / "still.parquet")], lambda line: None)


def test_an_interrupted_run_goes_on(examples: Examples, tmp_path: Path) -> None:
    table: Table = examples.table
    odd = np.array([trial.person.endswith(("1", "3", "5", "7", "9")) for trial in table.trials])
    splits = [Split("odd", ~odd, np.zeros(len(odd), bool), odd), Split("even", odd, np.zeros(len(odd), bool), ~odd)]
    whole, _ = fit_all(examples, splits, 1, Cache(), lambda line: None)
    fit_all(examples, splits[:1], 1, Cache(tmp_path), lambda line: None)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    resumed, _ = fit_all(examples, splits, 1, Cache(tmp_path), lambda line: None)
    assert kept.stat().st_mtime_ns == before
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(np.array(whole), np.array(resumed))
    assert ((whole[0] >= 0) == odd[table.trial]).all()
