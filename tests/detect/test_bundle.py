"""A bundle that is damaged or made for another falld is refused by name."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from falld.detect.bundle import Bundle, BundleError
from falld.resources import shipped_bundle
from falld.samples.recording import PLACEMENTS


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(shipped_bundle(), folder)
    return folder


def change_card(folder: Path, **changes: object) -> None:
    card = yaml.safe_load((folder / "card.yaml").read_text("utf-8"))
    card = {key: value for key, value in (card | changes).items() if value is not None}
    (folder / "card.yaml").write_text(yaml.safe_dump(card), "utf-8")
    sign(folder)


def sign(folder: Path) -> None:
    names = ("model.onnx", "card.yaml")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


def test_the_shipped_one_loads() -> None:
    bundle = Bundle.load(shipped_bundle())
    assert bundle.name == shipped_bundle().name
    assert all(0 < bundle.threshold(place) < 1 for place in PLACEMENTS)
    probability = bundle.probability(np.zeros(bundle.features, np.float32))
    assert 0 <= probability <= 1


@pytest.mark.parametrize("name", ["model.onnx", "card.yaml"])
def test_a_changed_file_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name}.*damaged or changed"):
        Bundle.load(copy)


@pytest.mark.parametrize("name", ["model.onnx", "card.yaml", "SHA256SUMS"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: cannot be read"):
        Bundle.load(copy)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"feature_set": "other-9"}, "is for features other-9"),
        ({"grid_hz": 100.0}, "at 100.0 Hz"),
        ({"features": 3}, "the card says 3 features"),
        ({"thresholds": {"wrist": 0.5}}, "does not say all of"),
        ({"lowest_hz": None}, "does not say all of"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(copy: Path, changes: dict[str, object], what: str) -> None:
    change_card(copy, **changes)
    with pytest.raises(BundleError, match=what):
        Bundle.load(copy)


def test_what_is_no_model_is_refused(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"not a model")
    sign(copy)
    with pytest.raises(BundleError, match=r"model\.onnx: onnxruntime refuses it"):
        Bundle.load(copy)
