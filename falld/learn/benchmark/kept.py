"""What a method found in the recordings of a file, as arrays that can be kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falld.learn.baselines.method import Features, Found, Said
from falld.tasks.cache import Arrays

_COLUMNS = ("impact_t", "t", "score")


def packed(found: Sequence[Found]) -> Arrays:
    """Recordings one after the other, with how much is of each."""
    arrays: Arrays = {"counts": np.array([len(one.t) for one in found], np.int64)}
    for name in _COLUMNS:
        arrays[name] = np.concatenate([np.empty(0), *(getattr(one, name) for one in found)])
    features = [one.features for one in found if one.features is not None]
    if features:
        arrays["features"] = np.concatenate(features)
    spoken = [one.said for one in found if one.said is not None]
    if spoken:
        said = [event for one in spoken for event in one]
        arrays["said_counts"] = np.array([len(one) for one in spoken], np.int64)
        arrays["said_kind"] = np.array([event.kind for event in said], "U16")
        arrays["said_times"] = np.array([(event.impact_t, event.t) for event in said]).reshape(-1, 2)
    return arrays


def unpacked(arrays: Arrays) -> list[Found]:
    """What `packed` was given."""
    n = len(arrays["counts"])
    ends = np.cumsum(arrays["counts"])[:-1]
    impact_t, t, score = (np.split(arrays[name].astype(np.float64), ends) for name in _COLUMNS)
    features: Sequence[Features | None] = [None] * n
    if "features" in arrays:
        features = np.split(arrays["features"].astype(np.float32), ends)
    said: Sequence[tuple[Said, ...] | None] = [None] * n
    if "said_counts" in arrays:
        cuts = np.cumsum(arrays["said_counts"])[:-1]
        parts = zip(np.split(arrays["said_kind"], cuts), np.split(arrays["said_times"], cuts), strict=True)
        said = [
            tuple(Said(kind, *times) for kind, times in zip(kinds.tolist(), each.tolist(), strict=True))
            for kinds, each in parts
        ]
    return [Found(*one) for one in zip(impact_t, t, score, features, said, strict=True)]
