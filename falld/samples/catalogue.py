"""From paths on a command line to recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from falld.samples.archive import SUFFIX, index_path, read_archive
from falld.samples.csvfile import SUFFIXES, CsvRecording
from falld.samples.recording import Filed, RecordingError, Unusable

REMEDY = f"give a {', '.join(SUFFIXES)} or {SUFFIX} file, or a folder of them"


def open_paths(paths: Iterable[str]) -> Iterator[Filed | Unusable]:
    """The recordings that the paths name, in their order, each opened when it is asked for.

    A folder stands for what lies directly in it, sorted by name, without hidden files. What cannot be opened is an
    `Unusable`, and the others follow.
    """
    for path in paths:
        if Path(path).is_dir():
            yield from _open_folder(path)
        else:
            yield from _open_file(path)


def _open_folder(path: str) -> Iterator[Filed | Unusable]:
    try:
        names = sorted(entry.name for entry in Path(path).iterdir() if not entry.is_dir())
    except OSError as error:
        yield Unusable(path, None, RecordingError(path, f"cannot be read: {error.strerror}", "make it readable"))
        return
    indexes = {index_path(name) for name in names if name.endswith(SUFFIX)}
    found = [name for name in names if name.endswith((*SUFFIXES, SUFFIX)) and name not in indexes and name[0] != "."]
    if not found:
        yield Unusable(path, None, RecordingError(path, "holds no recordings", REMEDY))
    for name in found:
        yield from _open_file(path + name if path.endswith("/") else f"{path}/{name}")


def _open_file(path: str) -> Iterator[Filed | Unusable]:
    if path.endswith(SUFFIX):
        yield from read_archive(path)
        return
    try:
        if path.endswith(index_path("")):
            raise RecordingError(path, "is the index of an archive", f"give the {SUFFIX} file beside it")
        if not path.endswith(SUFFIXES):
            what = "is neither a recording nor an archive" if Path(path).exists() else "does not exist"
            raise RecordingError(path, what, REMEDY)
        yield CsvRecording(path)
    except RecordingError as error:
        yield Unusable(path, None, error)
