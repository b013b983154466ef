"""What is kept between runs, and when it is no longer good."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from falld.errors import FalldError
from falld.learn.baselines.method import Features, Found, Said
from falld.learn.baselines.trace import Floats, Trace
from falld.learn.benchmark.fits import scores
from falld.learn.benchmark.folds import by_person
from falld.learn.benchmark.harvest import Harvest, harvest
from falld.learn.benchmark.kept import packed, unpacked
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.recording import Meta
from falld.tasks import fingerprint
from falld.tasks.cache import Cache

PEOPLE = 10


def write(path: Path, peak: float = 4.0) -> None:
    t = np.arange(300) / 50
    with ArchiveWriter(path) as archive:
        for p in range(PEOPLE):
            for is_fall in (False, True):
                acc = np.tile(np.array([0, 0, 1], np.float32), (300, 1))
                acc[150] = (0, 0, peak if is_fall else 2.0)
                meta = Meta(placement="waist", sample_rate_hz=50.0, source="set", subject=f"s{p}", is_fall=is_fall)
                archive.add(meta, [Block(t, acc)])


@dataclass
class Counted:
    """Counts how often it is asked, and gives up when told to."""

    name: str = "counted"
    source: str = "of this test"
    looked: list[str] = field(default_factory=list)
    fitted: int = 0
    patience: int = 1000

    def threshold(self, placement: str) -> float:
        return 0.5

    def found(self, trace: Trace) -> Found:
        if len(self.looked) == self.patience:
            raise KeyboardInterrupt
        self.looked.append(trace.recording.source)
        peak = np.array([[trace.segments[0].magnitude.max()]], np.float32)
        said = (Said("fall", 3.0, 4.0),) if peak[0, 0] > 3 else ()
        return Found(np.array([3.0]), np.array([4.0]), np.zeros(1), peak, said)

    def fit(self, features: Features, label: npt.NDArray[np.int64]) -> Counted:
        self.fitted += 1
        return self

    def score(self, features: Features) -> Floats:
        return features[:, 0] / 10.0


def run(method: Counted, folder: Path, cache: Cache) -> tuple[Harvest, list[Floats]]:
    found = harvest([str(folder)], [method], lambda line: None, cache=cache)
    return found, list(scores(found.methods[0], by_person(found.trials), cache, 1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, peak in (("a", 4.0), ("b", 4.2)):
        write(folder / f"{name}.parquet", peak)
    return folder


def test_a_second_run_asks_for_nothing_and_gives_the_same(data: Path, tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    cache = Cache(tmp_path / "kept")
    found, score = run(first, data, cache)
    again, same = run(second, data, cache)
    assert len(first.looked) == 4 * PEOPLE
    assert first.fitted == 5
    assert (len(second.looked), second.fitted) == (0, 0)
    assert all((one == other).all() for one, other in zip(score, same, strict=True))
    for name in ("trial", "impact_t", "t", "score", "hit", "label"):
        assert (getattr(found.methods[0].candidates, name) == getattr(again.methods[0].candidates, name)).all()
    assert again.methods[0].falls is not None
    assert len(again.methods[0].falls.t) == 2 * PEOPLE


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_several_fits_at_once_give_what_one_after_the_other_gives(data: Path) -> None:
    found, score = run(Counted(), data, Cache())
    together = list(scores(found.methods[0], by_person(found.trials), Cache(), 2))
    assert len(together) == len(score) == 5
    assert all((one == other).all() for one, other in zip(score, together, strict=True))


def test_without_a_folder_nothing_is_kept(data: Path) -> None:
    method = Counted()
    run(method, data, Cache())
    run(method, data, Cache())
    assert len(method.looked) == 8 * PEOPLE
    assert method.fitted == 10


def test_an_interrupted_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "kept")
    with pytest.raises(KeyboardInterrupt):
        run(Counted(patience=3 * PEOPLE), data, cache)
    assert not list((tmp_path / "kept").glob(".*")), "no half of a file"
    second = Counted()
    run(second, data, cache)
    assert {Path(source).name for source in second.looked} == {"b.parquet"}


def test_other_recordings_of_the_same_name_are_looked_at_and_fitted_anew(data: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "kept")
    run(Counted(), data, cache)
    write(data / "b.parquet", 5.0)
    method = Counted()
    _, score = run(method, data, cache)
    assert {Path(source).name for source in method.looked} == {"b.parquet"}
    assert method.fitted == 5
    assert max(one.max() for one in score) == pytest.approx(0.5)


def test_what_is_damaged_is_set_aside_and_found_again(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "kept"
    run(Counted(), data, Cache(folder))
    broken = next(folder.glob("counted-*.npz"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:40])
    run(Counted(), data, Cache(folder))
    assert broken.read_bytes() == whole
    assert broken.with_suffix(".damaged").read_bytes() == whole[:40]
    assert f"{broken.name}: is damaged" in caplog.text
    with pytest.raises(FalldError, match="cannot be made"):
        Cache(broken)


def test_a_method_is_the_text_of_all_that_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = fingerprint.code("falld.learn.baselines.own")
    assert own == fingerprint.code("falld.learn.baselines.own")
    assert own != fingerprint.code("falld.learn.baselines.impact")
    real = fingerprint._text

    def changed(module: str) -> str | None:
        text = real(module)
        return text + "\n" if text and module == "falld.detect.features" else text

    monkeypatch.setattr(fingerprint, "_text", changed)
    fingerprint.code.cache_clear()
    assert fingerprint.code("falld.learn.baselines.own") != own, "it learns from features"
    assert fingerprint.code("falld.learn.baselines.recipe") != fingerprint.code("falld.learn.baselines.impact")
    monkeypatch.undo()
    fingerprint.code.cache_clear()


def test_findings_come_back_as_they_were() -> None:
    some = Found(np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.array([0.1, 0.9]), said=(Said("recovered", 1.0, 9.0),))
    none = Found(np.empty(0), np.empty(0), np.empty(0), said=())
    back = unpacked(packed([none, some, none]))
    assert [len(one.t) for one in back] == [0, 2, 0]
    assert back[1].said == some.said
    assert back[0].said == back[2].said == ()
    assert back[1].features is None
    assert (back[1].score == some.score).all()
    plain = unpacked(packed([Found(np.ones(1), np.ones(1), np.ones(1), np.ones((1, 3), np.float32))]))
    assert plain[0].features is not None
    assert plain[0].features.shape == (1, 3)
    assert plain[0].said is None
