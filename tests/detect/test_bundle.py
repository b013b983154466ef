"""A bundle that is damaged or made for another falld is refused by name."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

from falld.detect.bundle import Bundle, BundleError
from falld.detect.reference import AT_ONCE, TOLERANCE, Reference
from falld.detect.window import POST, PRE, Windows
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
    names = ("model.onnx", "card.yaml", "reference.npz")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


def test_the_shipped_one_loads() -> None:
    bundle = Bundle.load(shipped_bundle())
    assert bundle.name == shipped_bundle().name
    assert all(0 < bundle.threshold(place) < 1 for place in PLACEMENTS)
    (probability,) = bundle.probabilities(Windows(np.zeros((1, PRE + 1 + POST, 3), np.float32)), "waist")
    assert 0 <= probability <= 1


@pytest.mark.parametrize("name", ["model.onnx", "card.yaml", "reference.npz"])
def test_a_changed_file_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name}.*damaged or changed"):
        Bundle.load(copy)


@pytest.mark.parametrize("name", ["model.onnx", "card.yaml", "reference.npz", "SHA256SUMS"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: cannot be read"):
        Bundle.load(copy)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"feature_set": "other-9"}, "is for features other-9"),
        ({"grid_hz": 100.0}, "at 100.0 Hz"),
        ({"features": 3}, "not 2 times 3 features and 2 probabilities as the card says"),
        ({"thresholds": {"wrist": 0.5}}, "does not say all of"),
        ({"thresholds": 0.5}, "does not say all of"),
        ({"lowest_hz": None}, "does not say all of"),
        ({"lowest_hz": "slow"}, "has a value of the wrong kind"),
        ({"doubts": {"unknown": [0.5]}}, "has a value of the wrong kind"),
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


def change_reference(folder: Path, shift: float) -> Reference:
    """Another probability of the second case at the second placement."""
    kept = Reference.from_bytes((folder / "reference.npz").read_bytes())
    first, second, *others = kept.cases
    probability = second.probability.copy()
    probability[1] += np.float32(shift)
    changed = replace(kept, cases=(first, replace(second, probability=probability), *others))
    (folder / "reference.npz").write_bytes(changed.to_bytes())
    sign(folder)
    return kept


@pytest.mark.parametrize("shift", [2 * TOLERANCE, -2 * TOLERANCE, float("nan")])
def test_one_that_this_machine_judges_otherwise_is_refused(copy: Path, shift: float) -> None:
    kept = change_reference(copy, shift)
    with pytest.raises(BundleError) as refused:
        Bundle.load(copy)
    assert f"reference case {kept.cases[1].names[1]} has probability" in refused.value.what
    assert refused.value.remedy == f"install {kept.made_with}, or take another bundle"


def test_rounding_is_borne(copy: Path) -> None:
    change_reference(copy, TOLERANCE / 2)
    assert Bundle.load(copy).name == shipped_bundle().name


@pytest.mark.parametrize("data", [b"", b"no archive", None])
def test_what_are_no_reference_cases_is_refused(copy: Path, data: bytes | None) -> None:
    path = copy / "reference.npz"
    path.write_bytes(path.read_bytes()[:-100] if data is None else data)
    sign(copy)
    with pytest.raises(BundleError, match=r"reference\.npz: holds no reference cases"):
        Bundle.load(copy)


class Runtime:
    """Counts how many rows it is given at once; in company it gives other bits."""

    def __init__(self, session: onnxruntime.InferenceSession, off: float = 0.0) -> None:
        self.session = session
        self.off = np.float32(off)
        self.rows: list[int] = []

    def run(self, names: list[str], rows: dict[str, Any]) -> list[Any]:
        (output,) = self.session.run(names, rows)
        self.rows.append(len(output))
        return [output + self.off if len(output) > 1 else output]


def test_candidates_are_run_together_only_where_that_changes_no_bit(copy: Path) -> None:
    bundle = Bundle.load(copy)
    reference = Reference.from_bytes((copy / "reference.npz").read_bytes())
    exact, rough = Runtime(bundle.session), Runtime(bundle.session, 1e-7)
    assert reference.same_at_once(replace(bundle, session=exact)._judge)
    assert not reference.same_at_once(replace(bundle, session=rough)._judge)
    windows = Windows(np.random.default_rng(1).normal(0, 1, (AT_ONCE + 2, PRE + 1 + POST, 3)).astype(np.float32))
    together = Runtime(bundle.session)
    found = [
        replace(bundle, session=together, batches=True).probabilities(windows, "wrist"),
        replace(bundle, session=rough, batches=False).probabilities(windows, "wrist"),
    ]
    assert together.rows == [AT_ONCE, 2]
    assert found[0].tolist() == found[1].tolist()


def test_a_runtime_that_fails_is_told(copy: Path) -> None:
    bundle = Bundle.load(copy)

    class Failing:
        def run(self, names: list[str], rows: dict[str, Any]) -> list[Any]:
            return bundle.session.run(names, {"features": rows["features"][..., :3]})

    with pytest.raises(BundleError, match="cannot judge a candidate"):
        replace(bundle, session=Failing()).probabilities(Windows(np.zeros((1, PRE + 1 + POST, 3), np.float32)), "hip")
