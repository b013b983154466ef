"""Parts of a window that are reduced together are reduced as each would be alone, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from falld.detect.spans import Spans, points
from falld.detect.window import POST, PRE

SECONDS = [(-3.0, -2.0), (-1.0, 0.1), (-1.0, 0.0), (0.5, 0.5), (0.0, 2.5)]


@pytest.mark.parametrize("shape", [(1,), (3, 1), (5, 40), (2, 3, 4)])
def test_together_as_alone(shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(2).normal(0, 2, (*shape, PRE + 1 + POST)).astype(np.float32)
    spans = Spans(SECONDS)
    means, largest, least = spans.means(a), spans.largest(a), spans.least(a)
    spreads = spans.spreads(a, means)
    for i, seconds in enumerate(SECONDS):
        part = np.ascontiguousarray(a[..., points(*seconds)])
        n = np.float32(part.shape[-1])
        mean = part.sum(axis=-1) / n
        centred = part - mean[..., None]
        assert np.array_equal(means[..., i], mean)
        assert np.array_equal(spreads[..., i], np.sqrt((centred * centred).sum(axis=-1) / n))
        assert np.array_equal(largest[..., i], part.max(axis=-1))
        assert np.array_equal(least[..., i], part.min(axis=-1))


def test_a_span_has_its_last_point() -> None:
    assert points(0.0, 0.0) == slice(PRE, PRE + 1)
    assert points(-3.0, 2.5) == slice(0, PRE + 1 + POST)
