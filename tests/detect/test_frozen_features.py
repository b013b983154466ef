"""What the gate finds and its features, to the bit as they were when the shipped bundles were trained."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from falld.detect.features import features
from falld.detect.gate import Candidates
from falld.detect.scout import Scout
from falld.detect.walk import Looks
from falld.resources import recordings_dir
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.csvfile import CsvRecording

FROZEN = {
    "as recorded": "388cbb1fe9e73a5d",
    "every third lost": "51d7c07513b41579",
    "in bursts": "d493df61fd92315f",
    "jitter": "287772413bf6b228",
    "one in four": "85f1a41d67116f01",
    "seven times as many": "823b1f7330f0bbc2",
    "with gaps": "c9816512ce689490",
}


def altered(block: Block, how: str) -> tuple[Block, Clock]:
    """A recording of 100 Hz as a worse sensor or link would have given it, by whole numbers alone."""
    t, acc, n = block.t, block.acc, np.arange(len(block))
    if how == "every third lost":
        some = n % 3 > 0
        return Block(t[some], acc[some]), Clock("stamps", 100.0)
    if how == "in bursts":
        return Block(t[np.minimum(n // 8 * 8 + 7, n[-1])], acc), Clock("stamps", 100.0, 7)
    if how == "jitter":
        return Block(np.maximum.accumulate(t + n * 7919 % 997 / 200_000), acc), Clock("stamps", 100.0)
    if how == "one in four":
        return Block(t[::4], acc[::4]), Clock("stamps", 25.0)
    if how == "seven times as many":
        return Block(t[0] + np.arange(7 * len(n)) / 700, np.repeat(acc, 7, axis=0)), Clock("stamps", 700.0)
    if how == "with gaps":
        some = n * 31 % 1009 > 40
        return Block(t[some] + n[some] // 1500 * 0.5, acc[some]), Clock("stamps", 100.0)
    return block, Clock("stamps", 100.0)


@pytest.mark.parametrize("how", FROZEN)
def test_nothing_that_is_judged_has_changed(how: str) -> None:
    digest = hashlib.sha256()
    for path in sorted(recordings_dir().glob("*.csv.gz")):
        for whole in CsvRecording(str(path)).blocks():
            block, clock = altered(whole, how)
            scout = Scout(clock)
            for item in [*scout.feed(block), *scout.finish()]:
                if isinstance(item, Candidates):
                    for array in (item.impact_t, item.t, item.windows.acc, features(item.windows, "waist")[0]):
                        digest.update(np.ascontiguousarray(array).tobytes())
                elif isinstance(item, Looks):
                    for array in (item.done, item.t, item.walking, item.posture, item.spread):
                        digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest()[:16] == FROZEN[how]
