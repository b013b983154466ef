"""Reference cases as they are kept."""

from __future__ import annotations

import io

import numpy as np
import pytest

from falld.detect.bundle import REFERENCE
from falld.detect.reference import CASES, Reference
from falld.resources import shipped_bundle


@pytest.fixture(scope="module")
def data() -> bytes:
    return (shipped_bundle() / REFERENCE).read_bytes()


def test_they_are_small_and_come_back_as_they_were(data: bytes) -> None:
    reference = Reference.from_bytes(data)
    assert len(data) < 30_000
    assert Reference.from_bytes(reference.to_bytes()).to_bytes() == reference.to_bytes()
    assert {cases.placement for cases in reference.cases} == {"wrist", "waist"}
    for cases in reference.cases:
        assert len(set(cases.names)) == CASES
        assert cases.probability.dtype == np.float32
        assert cases.probability.min() < 0.1
        assert cases.probability.max() > 0.9, "from what is surely no fall to what surely is one"


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {key: arrays[key] for key in arrays if key != "probability"},
        lambda arrays: arrays | {"probability": arrays["probability"].astype(np.float64)},
        lambda arrays: arrays | {"acc_mg": arrays["acc_mg"][:, :, :9]},
        lambda arrays: arrays | {"placement": np.array(["elbow", "wrist"])},
        lambda arrays: {key: array[:0] if array.ndim else array for key, array in arrays.items()},
        lambda arrays: arrays | {"name": np.array([None])},
    ],
)
def test_anything_else_is_refused(data: bytes, change: object) -> None:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **change(dict(np.load(io.BytesIO(data)))))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r".+"):
        Reference.from_bytes(stream.getvalue())
