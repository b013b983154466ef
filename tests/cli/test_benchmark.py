"""`falld benchmark`: tables, JSON and what it refuses."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from falld.cli import main
from falld.cli.benchmark import BUNDLE
from falld.resources import shipped_bundle
from falld.samples.archive_writer import ArchiveWriter
from falld.simulate.recording import simulate
from falld.simulate.scenes import SCENES

NAMES = ("fall-forward-waist", "jump-waist", "fall-collapse-wrist", "clap-and-table-wrist")
# A fold of so few has less than one batch of a network.
pytestmark = pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger:UserWarning")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four scenes, played by four people of two data sets."""
    path = tmp_path_factory.mktemp("scenes") / "scenes.parquet"
    with ArchiveWriter(path) as writer:
        for name in NAMES:
            meta, block = simulate(SCENES[name])
            for person in range(4):
                own = replace(meta, subject=f"p{person}", source=f"set{person % 2}", age=30.0 + 15 * person, events=())
                writer.add(own, [block])
    return str(path)


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["benchmark", *args])


@pytest.fixture(scope="module")
def full(archive: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, dict[str, Any]]:
    """Every method and the shipped bundle."""
    path = tmp_path_factory.mktemp("out") / "report.json"
    result = run(archive, "--json", str(path), "--workers", "1")
    assert result.exit_code == 0, result.output
    return result, json.loads(path.read_text())


def test_every_method_is_in_every_table(full: tuple[Result, dict[str, Any]]) -> None:
    _, report = full
    bundle = shipped_bundle().name
    assert len(report["methods"]) == 10
    assert list(report["methods"])[-3:] == ["recipe", "falld", bundle]
    for key in ("as_published", "loose", "by_person", "by_dataset", "equal", "responder"):
        assert {row["method"] for row in report["tables"][key]["rows"]} == set(report["methods"])
    for key in ("paired", "paired_transferred"):
        assert {row["falld minus"] for row in report["tables"][key]["rows"]} >= set(report["methods"]) - {
            "falld",
            bundle,
        }
    assert {"delay", "ordinary_life", "differences", f"missed {bundle}"} <= set(report["tables"])
    groups = report["tables"]["groups_sensitivity"]["rows"]
    assert {row["by"] for row in groups} == {"data set", "placement", "age", "sex", "rate", "range", "after the fall"}


def test_counts_are_those_of_the_recordings(full: tuple[Result, dict[str, Any]]) -> None:
    _, report = full
    rows = {(row["method"], row["at"]): row for row in report["tables"]["as_published"]["rows"]}
    assert rows["magnitude", "trunk"]["found %"]["total"] == 4
    assert rows["magnitude", "trunk"]["false/h scripted"]["count"] > 0, "a jump is more than 2.5 g"
    assert [row["falls"] for row in report["tables"]["data"]["rows"]] == [4, 4]
    assert report["curves"].keys() == {"dataset", "person"}, "no wearer is long enough"
    for points in report["curves"]["person"]["magnitude"].values():
        thresholds = [point["threshold"] for point in points]
        assert thresholds == sorted(thresholds)
        assert all(0 <= point["sensitivity"] <= 1 for point in points)


def test_the_tables_are_aligned_and_say_what_they_are_not(full: tuple[Result, dict[str, Any]]) -> None:
    result, _ = full
    text = result.stdout
    assert text.startswith("Some recordings are simulated: no figure of detection quality may come from them.")
    assert "Sucerquia" in text
    assert "The loose score beside the strict one" in text
    lines = text[text.index("With the thresholds that each method came with") :].splitlines()
    header = next(line for line in lines if line.startswith("method") and "people" in line)
    line = next(line for line in lines if line.startswith("magnitude  ") and "trunk" in line)
    assert header.index("falls") + len("falls") == line.index(" 4 ") + 2
    assert "scenes.parquet: 16 recordings" in result.stderr


def test_methods_can_be_chosen_and_twice_is_the_same(archive: str) -> None:
    first, second = (run(archive, "--methods", "bourke,sisfall-c9", "--only", "set1") for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.stdout == second.stdout
    assert "bourke" in first.stdout
    assert "magnitude: " not in first.stdout
    assert "set0" not in first.stdout


def test_a_page_gets_the_tables_of_the_folds_asked_for(archive: str, tmp_path: Path) -> None:
    page, cache = tmp_path / "page.md", tmp_path / "kept"
    args = (archive, "--methods", "published", "--folds", "dataset", "--workers", "1")
    args = (*args, "--work", str(cache), "--markdown", str(page))
    assert run(*args).exit_code == 0
    text = page.read_text()
    assert "<!-- table equal -->\n\n| method | at | judged | falls | 0.5/h |" in text
    assert "<!-- table as_published -->" not in text
    kept = {path.name for path in cache.iterdir()}
    methods = {"magnitude", "bourke", "minmax", "sisfall", "kangas", "forest"}
    assert {name.split("-")[0] for name in kept} == {"facts", *methods}
    assert run(*args).exit_code == 0
    assert page.read_text() == text
    assert {path.name for path in cache.iterdir()} == kept


def test_a_bundle_that_may_know_the_people_is_told_of(archive: str) -> None:
    result = run(archive, "--methods", "bundle", "--bundle", str(shipped_bundle()))
    assert result.exit_code == 0, result.output
    known = "trained_on" in (shipped_bundle() / "card.yaml").read_text()
    assert ("was, or may have been, trained on people of" in result.stdout) != known


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["--methods", "burke"], "no method is called 'burke'"),
        (["--only", "other"], "holds no recording to judge"),
        (["--methods", "bourke,bourke"], "two methods are called bourke"),
        (
            ["--methods", "bourke", "--folds", "people"],
            "there are none called 'people'; choose of dataset, wearer, person",
        ),
        (["--methods", "bourke", "--json", "/no/such/folder/x.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(archive: str, args: list[str], what: str) -> None:
    result = run(archive, *args)
    assert result.exit_code == 2
    assert what in result.stderr


def test_plots_name_the_extra_that_they_need(archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> ModuleType:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    result = run(archive, "--methods", "bourke", "--plots", str(tmp_path))
    assert result.exit_code == 2
    assert "pip install 'falld[plot]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_plots_are_pictures(archive: str, tmp_path: Path, missing: Callable[[str], None]) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        missing("matplotlib is not installed")
    args = ("--methods", "magnitude,falld", "--folds", "dataset", "--work", str(tmp_path / "kept"), "--workers", "1")
    for folder in ("first", "second"):
        result = run(archive, *args, "--plots", str(tmp_path / folder))
        assert result.exit_code == 0, result.output
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / f).iterdir()} for f in ("first", "second"))
    kinds = ("dataset-{}-scripted-per-hour.svg", "paired-{}.svg")
    assert sorted(first) == [kind.format(at) for kind in kinds for at in ("trunk", "wrist")]
    assert all(picture.startswith(b"<?xml") for picture in first.values())
    assert first == second


def test_several_processes_and_a_cluster_give_what_one_gives(archive: str, tmp_path: Path, dask: str) -> None:
    args = (archive, str(tmp_path / "none.csv"), "--methods", f"bourke,forest,{BUNDLE}", "--folds", "person")
    told = []
    hows: tuple[tuple[str, ...], ...] = ((), ("--workers", "2"), ("--scheduler", dask))
    for how in hows:
        path = tmp_path / "report.json"
        result = run(*args, *how, "--json", str(path))
        assert result.exit_code == 0, result.output
        told.append((result.stdout, result.stderr, path.read_bytes()))
    assert told[0] == told[1] == told[2]


def test_what_is_kept_of_recordings_is_not_looked_at_again(archive: str, tmp_path: Path) -> None:
    args = (archive, str(tmp_path / "none.csv"), "--methods", f"bourke,{BUNDLE}", "--folds", "person")
    kept = ("--work", str(tmp_path / "kept"))
    first = run(*args, *kept)
    assert first.exit_code == 0, first.output
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("falld.learn.benchmark.looks._look", None)
        again = run(*args, *kept)
        assert (again.stdout, again.stderr) == (first.stdout, first.stderr)
        patch.undo()
    more = run(*args, *kept, "--methods", f"bourke,minmax,{BUNDLE}")
    assert more.stdout == run(*args, "--methods", f"bourke,minmax,{BUNDLE}").stdout
