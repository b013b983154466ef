"""The detector: blocks of samples in, falls and gaps out. Pure: no clock, no thread, no I/O."""

from __future__ import annotations

import numpy as np

from falld.detect.bundle import Bundle
from falld.detect.events import Event
from falld.detect.judge import Judge
from falld.detect.learnt import Learnt
from falld.detect.scout import Scout
from falld.detect.state import pack, unpack
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.timeline import LONGEST_STEP_S


class Detector:
    """One wearable's detector. The events do not depend on how its stream was cut into blocks.

    Args:
        bundle: the classifier.
        clock: what the stream's stamps are worth.
        placement: where the wearable sits.
        candidates: also tell of every impact that was judged.
        learnt: what was learnt of the wearer so far, and goes on being learnt in it; None: nothing adapts.
        state: what `save` gave, to go on from there; what `learnt` held is replaced.

    Raises:
        StateError: the state cannot be gone on with.
    """

    def __init__(
        self,
        bundle: Bundle,
        clock: Clock,
        placement: str,
        *,
        candidates: bool = False,
        learnt: Learnt | None = None,
        state: bytes | None = None,
    ) -> None:
        self._bundle = bundle
        self._learnt = learnt or Learnt()
        self._scout = Scout(clock)
        self._judge = Judge(bundle, placement, candidates=candidates, learnt=self._learnt)
        self._held: list[Block] = []
        """Samples that came since the last ones were looked at, in which nothing is to be decided yet."""
        self._latest = 0.0
        """Stamp of the last sample."""
        self._due = -np.inf
        """Stamp before which nothing is to be decided, unless there is a gap."""
        if state is not None:
            saved = unpack(state, bundle.name)
            self._learnt.restore(saved["learnt"])
            self._scout.restore(saved["scout"])
            self._judge.restore(saved["judge"])

    @property
    def filled(self) -> int:
        """Grid samples interpolated over missing ones so far."""
        self._catch_up()
        return self._scout.filled

    def feed(self, block: Block) -> list[Event]:
        """The next samples; what they decide, in order of `t`.

        Samples in which nothing can be decided are looked at some seconds together, as a look costs more than they do:
        the arrays must not be changed afterwards.
        """
        t = block.t
        if not len(t):
            return []
        if t[-1] < self._due and np.maximum.reduce(t[1:] - t[:-1], initial=t[0] - self._latest) <= LONGEST_STEP_S:
            self._held.append(block)
            self._latest = t[-1]
            return []
        return self._look([*self._held, block])

    def advance(self, t: float) -> list[Event]:
        """No sample came until stream time `t`: what waited for one too long is decided on what there is."""
        self._catch_up()
        events = self._judge.judge(self._scout.advance(t))
        self._due = -np.inf
        return events

    def deadline(self) -> float | None:
        """The stream time at which `advance` decides something, if no sample comes."""
        self._catch_up()
        return self._scout.deadline()

    def finish(self) -> list[Event]:
        """The stream has ended; what waits is decided on what there is."""
        self._catch_up()
        self._due = -np.inf
        return self._judge.judge(self._scout.finish())

    def was_fall(self, impact_t: float) -> None:
        """A person said that the alarm with this impact was a true one: the wearer's budget does not pay for it."""
        self._catch_up()
        self._learnt.was_fall(impact_t)

    def save(self) -> bytes:
        """The state, to be given to another detector with the same bundle."""
        self._catch_up()
        state = {"scout": self._scout.dump(), "judge": self._judge.dump(), "learnt": self._learnt.dump()}
        return pack(state, self._bundle.name)

    def _catch_up(self) -> None:
        if self._held:
            events = self._look(self._held)
            assert not events, "what was held could decide nothing"

    def _look(self, blocks: list[Block]) -> list[Event]:
        block = blocks[0]
        if len(blocks) > 1:
            block = Block(np.concatenate([each.t for each in blocks]), np.concatenate([each.acc for each in blocks]))
        self._held = []
        self._latest = float(block.t[-1])
        events = self._judge.judge(self._scout.feed(block))
        self._due = self._scout.due(watched=self._judge.watching)
        return events
