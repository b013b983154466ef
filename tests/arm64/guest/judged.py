"""What this machine makes of impacts: features and probabilities, by the very code that runs in a home.

judged.py GIVEN.npz RECORDINGS TOLD.npz
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import onnxruntime

from falld.detect.bundle import Bundle
from falld.detect.features import NAMES
from falld.detect.gate import Candidates
from falld.detect.scout import Scout
from falld.detect.smooth import shown
from falld.detect.window import Windows
from falld.resources import shipped_bundle
from falld.samples.catalogue import open_paths
from falld.samples.recording import Filed, RecordingError, Unusable
from falld.samples.survey import survey

Window = npt.NDArray[np.float32]


def main(given: str, recordings: str, told: str) -> None:
    with np.load(given) as arrays:
        windows, placements, vectors = arrays["windows"], arrays["placements"].tolist(), arrays["vectors"]
    bundle = Bundle.load(shipped_bundle())  # holds its reference cases against what they gave where it was made
    own = described(windows, placements)
    np.savez(
        told,
        of_vectors=judged(bundle, vectors),
        features=own,
        of_features=judged(bundle, own),
        windows=np.stack([window for window, _ in impacts(open_paths([recordings]))]),
    )


def impacts(recordings: Iterable[Filed | Unusable]) -> Iterator[tuple[Window, str]]:
    """Windows around all that the gate finds where a recording can be used, and their placement."""
    for recording in recordings:
        if isinstance(recording, Unusable):
            continue
        try:
            scout = Scout(survey(recording).clock)
        except RecordingError:
            continue
        for item in [item for block in recording.blocks() for item in scout.feed(block)] + scout.finish():
            if isinstance(item, Candidates):
                for window in item.windows.acc:
                    yield window, recording.meta.placement


def described(windows: npt.NDArray[np.float32], placements: Iterable[str]) -> npt.NDArray[np.float32]:
    """(c, 2, d) features of (c, w, 3) windows, each alone, as they come live."""
    alone = [shown(Windows(window[None]), placement) for window, placement in zip(windows, placements, strict=True)]
    return np.concatenate([np.empty((0, 2, len(NAMES)), np.float32), *alone])


def judged(bundle: Bundle, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(c,) probabilities of (c, 2, d) features, each alone."""
    runs = (bundle.session.run(["probabilities"], {"features": vector[None]}) for vector in vectors)
    return np.array([output[0, 1] for (output,) in runs], np.float32)


def versions() -> str:
    return f"{platform.machine()}, numpy {np.__version__} and onnxruntime {onnxruntime.__version__}"


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.write(f"{versions()}\n")
