"""From paths to recordings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.catalogue import open_paths
from falld.samples.csvfile import write_csv
from falld.samples.recording import Meta, RecordingError, Unusable

BLOCK = Block(np.arange(3.0), np.ones((3, 3), np.float32))


def opened(paths: Iterable[str]) -> list[tuple[str, int | None, bool]]:
    """Source, number, and whether it can be used."""
    return [(found.source, found.number, not isinstance(found, Unusable)) for found in open_paths(paths)]


def fault(path: str) -> RecordingError:
    (found,) = open_paths([path])
    assert isinstance(found, Unusable)
    assert (found.source, found.number) == (path, None)
    assert found.error.remedy
    return found.error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with `rec/` in it."""
    monkeypatch.chdir(tmp_path)
    rec = tmp_path / "rec"
    rec.mkdir()
    write_csv(rec / "c.csv", Meta(placement="wrist"), [BLOCK])
    write_csv(rec / "a.csv.gz", Meta(), [BLOCK])
    with ArchiveWriter(rec / "b.parquet") as writer:
        writer.add(Meta(sample_rate_hz=50.0), [BLOCK])
        writer.add(Meta(sample_rate_hz=50.0), [BLOCK])
    (rec / "notes.txt").write_text("")
    (rec / ".hidden.csv").write_text("")
    (rec / "old.csv").mkdir()
    return rec


@pytest.mark.parametrize("path", ["rec", "rec/", "./rec"])
def test_a_folder_is_its_recordings_by_name(folder: Path, path: str) -> None:
    stem = path if path.endswith("/") else path + "/"
    assert opened([path]) == [
        (stem + "a.csv.gz", None, True),
        (stem + "b.parquet", 0, True),
        (stem + "b.parquet", 1, True),
        (stem + "c.csv", None, True),
    ]


def test_paths_come_in_their_order_as_given(folder: Path) -> None:
    paths = ["./rec/c.csv", "none.csv", "rec//b.parquet", "rec/c.csv"]
    assert opened(paths) == [
        ("./rec/c.csv", None, True),
        ("none.csv", None, False),
        ("rec//b.parquet", 0, True),
        ("rec//b.parquet", 1, True),
        ("rec/c.csv", None, True),
    ]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("none.csv", "does not exist"),
        ("none.parquet", "does not exist"),
        ("none", "does not exist"),
        ("rec/notes.txt", "is neither a recording nor an archive"),
        ("rec/b.index.csv", "is the index of an archive"),
        ("rec/old.csv", "holds no recordings"),
    ],
)
def test_what_cannot_be_opened_says_why(folder: Path, path: str, what: str) -> None:
    assert what in fault(path).what


def test_an_index_left_alone_is_not_taken_for_a_recording(folder: Path) -> None:
    (folder / "b.parquet").unlink()
    assert opened(["rec"]) == [
        ("rec/a.csv.gz", None, True),
        ("rec/b.index.csv", None, False),
        ("rec/c.csv", None, True),
    ]


def test_a_bad_description_makes_one_recording_unusable(folder: Path) -> None:
    (folder / "a.yaml").write_text("sample_rate_hz: fast\n")
    first, *others = open_paths(["rec"])
    assert isinstance(first, Unusable)
    assert first.source == "rec/a.csv.gz"
    assert first.error.where == "rec/a.yaml:1"
    assert not any(isinstance(found, Unusable) for found in others)


def test_samples_are_judged_only_when_they_are_read(folder: Path) -> None:
    (folder / "c.csv").write_text("nothing\n")
    (found,) = open_paths(["rec/c.csv"])
    assert not isinstance(found, Unusable)
    assert found.meta.placement == "wrist"
    with pytest.raises(RecordingError, match=r"rec/c\.csv:1: no header"):
        next(found.blocks())


def test_a_path_is_opened_when_it_is_asked_for(folder: Path) -> None:
    found = open_paths(["rec/c.csv", "rec/late.csv"])
    next(found)
    write_csv(folder / "late.csv", Meta(), [BLOCK])
    assert not isinstance(next(found), Unusable)
