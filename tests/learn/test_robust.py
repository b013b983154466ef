"""What a degraded recording is, and how it is held against the one as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from falld.learn.robust import GAP_EVERY_S, GAP_S, WAYS, Degraded
from falld.samples.block import Block
from falld.samples.recording import Meta

RATE = 100.0
META = Meta(sample_rate_hz=RATE, source="noise")


@dataclass(frozen=True, slots=True)
class Given:
    """A minute of noise in blocks of some length."""

    length: int
    source: str = "noise"
    number: int | None = 3
    meta: Meta = META

    def blocks(self) -> Iterator[Block]:
        acc = np.random.default_rng(1).normal(0, 2, (6000, 3)).astype(np.float32)
        for start in range(0, len(acc), self.length):
            part = acc[start : start + self.length]
            yield Block((start + np.arange(len(part))) / RATE, part)


def of(how: str, length: int = 500) -> Block:
    blocks = list(Degraded(Given(length), how).blocks())
    return Block(np.concatenate([b.t for b in blocks]), np.concatenate([b.acc for b in blocks]))


@pytest.mark.parametrize("how", WAYS)
def test_it_does_not_depend_on_the_blocks(how: str) -> None:
    for length in (7, 6000):
        np.testing.assert_array_equal(of(how, length).t, of(how).t)
        np.testing.assert_allclose(of(how, length).acc, of(how).acc, atol=1e-6)


def test_each_is_what_it_says() -> None:
    given = of("as it is")
    assert np.abs(of("±2 g").acc).max() == 2.0
    assert np.allclose(np.diff(of("25 Hz").t), 1 / 25)
    assert Degraded(Given(7), "25 Hz").meta.sample_rate_hz == 25.0
    assert 0.03 < 1 - len(of("5 % lost").t) / len(given.t) < 0.07
    steps = np.diff(of("gaps of 0.2 s").t)
    assert (steps > 1.5 / RATE).sum() == pytest.approx(60 / GAP_EVERY_S, abs=1)
    assert steps.max() == pytest.approx(GAP_S + 1 / RATE, abs=1.5 / RATE)
    turned = of("turned").acc
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(given.acc, axis=1), atol=1e-5)
    assert np.abs(turned - given.acc).max() > 0.5
