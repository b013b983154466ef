"""Reference cases as they are made."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from falld.detect.bundle import Bundle
from falld.errors import FalldError
from falld.learn import reference
from falld.learn.cost import cost
from falld.resources import recordings_dir, shipped_bundle
from falld.samples.block import Block
from falld.samples.csvfile import CsvRecording
from falld.simulate.scenes import SCENES, Scene


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes as they were recorded, which is quicker than to play them, and where they were worn then."""
    names = {scene.seed: name for name, scene in SCENES.items()}

    def simulate(scene: Scene) -> tuple[object, Block]:
        recording = CsvRecording(recordings_dir() / f"{names[scene.seed]}.csv.gz")
        parts = list(recording.blocks())
        return recording.meta, Block(np.concatenate([p.t for p in parts]), np.concatenate([p.acc for p in parts]))

    monkeypatch.setattr(reference, "simulate", simulate)


@pytest.mark.usefixtures("recorded")
def test_a_model_and_a_card_become_a_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(shipped_bundle(), folder)
    for name in ("reference.npz", "SHA256SUMS"):
        (folder / name).unlink()
    reference.seal(folder)
    made = (folder / "reference.npz").read_bytes()
    assert Bundle.load(folder).name == shipped_bundle().name
    assert len(made) < 30_000
    reference.seal(folder)
    assert (folder / "reference.npz").read_bytes() == made


@pytest.mark.usefixtures("recorded")
def test_a_model_that_hangs_on_rounding_gets_none() -> None:
    bundle = Bundle.load(shipped_bundle())

    class Unsteady:
        def run(self, names: object, rows: dict[str, np.ndarray]) -> list[np.ndarray]:
            last = rows["features"].sum(axis=(1, 2))[:, None].view(np.int32) % 8 / 8
            return [np.concatenate((1 - last, last), axis=1)]

    with pytest.raises(FalldError, match="so that rounding does not matter"):
        reference.make(replace(bundle, session=Unsteady()))


def test_what_a_candidate_costs() -> None:
    found = cost(shipped_bundle())
    assert found.features > 0
    assert found.whole > 0
    assert str(found).startswith("one candidate costs ")
