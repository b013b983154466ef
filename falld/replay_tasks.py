"""What a worker does for a replay: small recordings in batches, of a long one a stretch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from falld.detect.bundle import SUMS, Bundle
from falld.detect.gate import Finding
from falld.detect.stretch import Stretch, findings
from falld.errors import FalldError
from falld.replay import Line, Replay
from falld.samples.recording import Filed, RecordingError
from falld.samples.survey import name_of


@dataclass(frozen=True, slots=True)
class Settings:
    """What is said of a recording depends on these, too."""

    bundle: str
    """Its folder, absolute."""
    sums: str
    """The checksums of its files."""
    placement: str | None = None
    candidates: bool = False

    @classmethod
    def of(cls, bundle: Path, placement: str | None = None, candidates: bool = False) -> Settings:
        """With what is in the bundle's folder now.

        Raises:
            FalldError: it is not a bundle.
        """
        Bundle.load(bundle)
        return cls(str(bundle.absolute()), (bundle / SUMS).read_text("ascii"), placement, candidates)

    def loaded(self) -> Bundle:
        """The bundle.

        Raises:
            FalldError: it is not there, or another one.
        """
        return _loaded(self.bundle, self.sums)


@lru_cache(maxsize=2)
def _loaded(folder: str, sums: str) -> Bundle:
    bundle = Bundle.load(Path(folder))
    if (Path(folder) / SUMS).read_text("ascii") != sums:
        raise FalldError(folder, "is another bundle than the one to be replayed", "put the same one there")
    return bundle


@dataclass(frozen=True, slots=True)
class Told:
    """All that is said of one recording."""

    lines: list[Line]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """Recordings of which something is to be said."""

    settings: Settings
    recordings: list[Filed]
    digests: list[str]

    def __str__(self) -> str:
        first, last = self.recordings[0], self.recordings[-1]
        name = name_of(first.source, first.number)
        return name if first is last else f"{name} to {name_of(last.source, last.number)}"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording in which something is to be found."""

    settings: Settings
    name: str
    placement: str
    stretch: Stretch

    def __str__(self) -> str:
        return self.name


def tell_batch(batch: Batch) -> list[Told]:
    """What is said of each recording of a batch.

    Raises:
        FalldError: the recordings are not here, or others are; the bundle likewise.
    """
    replay = Replay(batch.settings.loaded(), batch.settings.placement, batch.settings.candidates)
    told = []
    for recording, digest in zip(batch.recordings, batch.digests, strict=True):
        _check(recording, digest)
        lines = list(replay.lines(recording))
        told.append(Told(lines, replay.warnings))
    return told


def find_part(part: Part) -> list[Finding]:
    """What is found in a stretch, with its probability.

    Raises:
        FalldError: the bundle is not here.
    """
    return findings(part.stretch, part.settings.loaded(), part.placement)


def _check(recording: Filed, digest: str) -> None:
    """That the file is the one that was meant."""
    remedy = "let all workers see the same files at the same paths, and leave these as they are meanwhile"
    try:
        found = recording.digest()
    except RecordingError as error:
        raise FalldError(error.where, error.what, remedy) from None
    if found != digest:
        raise FalldError(recording.source, "is another file than the one to be replayed", remedy)
