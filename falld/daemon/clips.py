"""A home's clips: what a wearable measured around an impact, cut, kept and handed to the publisher."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from falld.alert.clip import encode
from falld.alert.clipbox import ClipBox, ClipError
from falld.alert.uuid7 import uuid7
from falld.alert.wire import Clip
from falld.detect.events import Decision
from falld.detect.window import GRID_HZ
from falld.publish.worker import Call
from falld.samples.block import Block
from falld.samples.clock import Clock
from falld.samples.ring import Ring

BEFORE_S, AFTER_S = 20.0, 40.0
"""Around the impact: what led to it, and whether the wearer got up. 3000 samples of 6 bytes, 24 kB in base64."""
HOLD_S = 120.0
"""A clip's 60 s, and as much for samples that come late in one go; 120 kB a wearable."""
NEAR_ODDS = 1 / 3
"""A candidate whose odds are at least this part of the threshold's came near to being a fall."""

log = logging.getLogger(__name__)


class Clips:
    """What the wearables of a home share. A disk that fails costs clips, and is told as `fault`.

    Args:
        disk: runs the box's methods on one thread.
        wake: called when a clip is to be sent.
        near_misses_a_day: how many clips of candidates that became no alert are sent in any 24 h.
    """

    def __init__(self, box: ClipBox, disk: Call, wake: Callable[[], None], *, near_misses_a_day: int) -> None:
        self.fault: ClipError | None = None
        self.near_misses_a_day = near_misses_a_day
        self._box = box
        self._disk = disk
        self._wake = wake

    async def begin(self, alert_id: str, clip: Clip) -> bool:
        """Keep what there is so far, for the case that this program ends. False: nothing more is to come of it."""
        try:
            return await self._disk(self._box.begin, alert_id, clip)
        except ClipError as error:
            self._fail(error)
            return False

    async def complete(self, alert_id: str, clip: Clip) -> None:
        """Keep it to be sent."""
        try:
            await self._disk(self._box.keep, alert_id, clip, "due")
        except ClipError as error:
            self._fail(error)
        else:
            self._kept()

    async def near_miss(self, clip: Clip) -> None:
        """Keep it to be sent under an id of its own, if the day's budget allows."""
        alert_id = uuid7()
        try:
            if await self._disk(self._box.near_misses, alert_id) >= self.near_misses_a_day:
                return
            await self._disk(self._box.keep, alert_id, clip, "near")
        except ClipError as error:
            self._fail(error)
        else:
            self._kept()

    async def again(self, alert_id: str) -> bool:
        """A hub asks for the clip of an alert. False: it is not there, or not whole yet."""
        try:
            found = await self._disk(self._box.again, alert_id)
        except ClipError as error:
            self._fail(error)
            return False
        self._wake()
        return found

    def _kept(self) -> None:
        self.fault = None
        self._wake()

    def _fail(self, error: ClipError) -> None:
        if str(error) != str(self.fault):
            log.error("%s", error)
        self.fault = error


@dataclass(slots=True)
class _Growing:
    """A clip that waits for the seconds after its impact."""

    impact_t: float
    alert_id: str | None
    """None: of a near miss, which is kept only when it is whole and no alert has come of it."""
    begun: bool = False
    new: bool = True
    """Told of by the samples that come now: cutting 60 s takes as long as half of an alert's way to its hub."""


class Cutter:
    """Cuts the clips of one wearable. Times are stream time.

    A clip is kept with the first samples after its fall was decided, and again when it is whole: after a restart a hub
    gets the impact and what led to it, though not what followed.
    """

    def __init__(self, clips: Clips) -> None:
        self._clips = clips
        self._clock: Clock | None = None
        self._ring: Ring | None = None
        self._growing: list[_Growing] = []
        self._told_t = -float("inf")

    def fall(self, impact_t: float, alert_id: str | None) -> None:
        """A fall was told, in this alert; None: it was told before."""
        self._told_t = impact_t
        if alert_id is not None:
            self._growing.append(_Growing(impact_t, alert_id))

    def candidate(self, decision: Decision) -> None:
        """A candidate was judged; it may be a near miss. One at a time."""
        waiting = any(each.alert_id is None for each in self._growing)
        if self._clips.near_misses_a_day and not waiting and near(decision):
            self._growing.append(_Growing(decision.impact_t, None))

    async def feed(self, block: Block, clock: Clock) -> None:
        """Samples that the detector has judged, of which `fall` and `candidate` have told."""
        if self._ring is None or clock != self._clock:
            await self.end()
            self._ring, self._clock = Ring(clock, GRID_HZ, HOLD_S), clock
        self._ring.feed(block)
        if self._growing and self._ring.last_t is not None:
            await self._grow(self._ring.last_t)
        for each in self._growing:
            each.new = False

    async def silent(self, t: float) -> None:
        """No sample came until `t`."""
        if self._ring is not None and any(each.impact_t + AFTER_S <= t for each in self._growing):
            self._ring.flush()
            await self._grow(t)

    async def end(self) -> None:
        """No more samples of this kind come: what grows is whole."""
        if self._ring is not None and self._growing:
            self._ring.flush()
            await self._grow(float("inf"))

    async def _grow(self, t: float) -> None:
        growing, self._growing = self._growing, []
        self._growing += [each for each in growing if not await self._done(each, t)]

    async def _done(self, each: _Growing, t: float) -> bool:
        """Whether nothing more is to be done for it."""
        whole = t >= each.impact_t + AFTER_S
        if each.alert_id is None:
            if abs(each.impact_t - self._told_t) < AFTER_S:
                return True
            if whole and (clip := self._cut(each)) is not None:
                await self._clips.near_miss(clip)
            return whole
        if not whole and (each.begun or each.new):
            return False
        clip = self._cut(each)
        if clip is None:
            log.warning("alert %s: there is no clip of it, for its samples are gone", each.alert_id)
            return True
        if not each.begun and not await self._clips.begin(each.alert_id, clip):
            return True
        each.begun = True
        if whole:
            await self._clips.complete(each.alert_id, clip)
        return whole

    def _cut(self, each: _Growing) -> Clip | None:
        """None: the impact is no longer in the ring."""
        if self._ring is None:
            return None
        cut = self._ring.cut(each.impact_t, round(BEFORE_S * GRID_HZ), round(AFTER_S * GRID_HZ))
        return None if cut is None else encode(GRID_HZ, cut.at, cut.acc)


def near(decision: Decision) -> bool:
    """Whether a candidate was not a fall, but nearly."""
    p, threshold = decision.probability, decision.threshold
    # As products: a probability may be 1.
    return p < threshold and p * (1 - threshold) >= NEAR_ODDS * threshold * (1 - p)
