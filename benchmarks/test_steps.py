"""Single steps, one after another, to compare with an earlier run: `pytest benchmarks --benchmark-compare`.

Ratios are told by the programs beside this one, which measure both sides in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import peers
import pytest
from live import HZ, PER_BLOCK, Stream
from sklearn.ensemble import RandomForestClassifier
from traces import samples_of

from falld.detect.bundle import Bundle
from falld.resources import shipped_bundle

Benchmark = Callable[..., Any]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


@pytest.fixture
def window() -> npt.NDArray[np.float32]:
    return samples_of("fall-forward-waist", 4.0, 6.0)


def test_numpy_dot(benchmark: Benchmark) -> None:
    block = samples_of("lie-down-waist", 0.0, 1.0)[:PER_BLOCK]
    benchmark(np.dot, block.T, block)


def test_block_without_a_candidate(benchmark: Benchmark, bundle: Bundle) -> None:
    benchmark(Stream(bundle, samples_of("lie-down-waist", 0.0, 3.0)[::2]).feed, 100)


def test_eleven_seconds_with_a_candidate(benchmark: Benchmark, bundle: Bundle) -> None:
    benchmark(Stream(bundle, samples_of("fall-forward-waist", 3.0, 14.0)[::2]).feed, round(11 * HZ / PER_BLOCK))


def test_features_of_a_window_by_peer_a(benchmark: Benchmark, window: npt.NDArray[np.float32]) -> None:
    benchmark(peers.features, window, 100.0)


def test_forest_on_a_window_by_peer_a(benchmark: Benchmark, window: npt.NDArray[np.float32]) -> None:
    rows = np.random.default_rng(peers.SEED).normal(size=(2000, 28)).astype(np.float32)
    trees = RandomForestClassifier(peers.TREES, random_state=peers.SEED).fit(rows, rows[:, 0] > 1)
    benchmark(trees.predict_proba, peers.features(window, 100.0)[None])


def test_temporal_features_of_a_window_by_tsfel(benchmark: Benchmark, window: npt.NDArray[np.float32]) -> None:
    benchmark(peers.of_tsfel(), window, 100.0)
