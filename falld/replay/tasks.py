"""What a worker does for a replay: small recordings in batches, of a long one a stretch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from falld.detect.bundle import SUMS, Bundle, check_sums
from falld.detect.gate import Finding
from falld.detect.stretch import Stretch, findings
from falld.errors import FalldError
from falld.replay.recording import Replay, Told
from falld.replay.together import together
from falld.tasks.batches import Batch


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
        check_sums(bundle)
        return cls(str(bundle.absolute()), (bundle / SUMS).read_text("ascii"), placement, candidates)

    def loaded(self) -> Bundle:
        """The bundle.

        Raises:
            FalldError: it is not there, or another one.
        """
        return same_bundle(self.bundle, self.sums)


@lru_cache(maxsize=4)
def same_bundle(folder: str, sums: str) -> Bundle:
    """The bundle that another process means.

    Args:
        folder: where it is, absolute.
        sums: the checksums of its files.

    Raises:
        FalldError: it is not there, or another one.
    """
    bundle = Bundle.load(Path(folder))
    if (Path(folder) / SUMS).read_text("ascii") != sums:
        raise FalldError(folder, "is another bundle than the one that was meant", "put the same one there")
    return bundle


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording in which something is to be found."""

    settings: Settings
    name: str
    placement: str
    stretch: Stretch

    def __str__(self) -> str:
        return self.name


def tell_batch(batch: Batch[Settings]) -> list[Told]:
    """What is said of each recording of a batch.

    Raises:
        FalldError: the recordings are not here, or others are; the bundle likewise.
    """
    replay = Replay(batch.how.loaded(), batch.how.placement, batch.how.candidates)
    return [Told(list(lines), told.warnings) for _, lines, told in together(replay, batch.checked())]


def find_part(part: Part) -> list[Finding]:
    """What is found in a stretch, with its probability.

    Raises:
        FalldError: the bundle is not here.
    """
    return findings(part.stretch, part.settings.loaded(), part.placement)
