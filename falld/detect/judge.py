"""What the stream's findings come to: falls, doubts that are confirmed, and wearers who walk again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from falld.detect.budget import doubtful_ladder, ladder
from falld.detect.bundle import Bundle
from falld.detect.bursts import REFRACTORY_S, Bursts
from falld.detect.events import Decision, Event, Gap
from falld.detect.explain import explain
from falld.detect.gate import Candidates, End, Finding
from falld.detect.learnt import Learnt
from falld.detect.walk import Looks
from falld.detect.watch import Ended, Watches
from falld.detect.window import Windows


class Judge:
    """Gives a candidate its probability, by its window and by what the last minute held, holds it against the limits in
    force, and follows it up.

    What is learnt takes effect in the stream's order: a candidate is judged by the looks that were done before the
    last point of its window, and by the alarms before it. The impact gate has measured by then, uncorrected: which
    candidates there are depends on their samples alone, so that whatever has been learnt, their number and scores
    stay comparable, and 10 % of gain cannot lose an impact that was found.

    Args:
        bundle: the classifier.
        placement: where the wearable sits.
        candidates: also tell of every impact that was judged.
        learnt: about the wearer, and added to.
    """

    def __init__(self, bundle: Bundle, placement: str, *, candidates: bool, learnt: Learnt) -> None:
        self._bundle = bundle
        self._placement = placement
        self._thresholds = ladder(bundle.threshold(placement))
        self._doubts = doubtful_ladder(bundle.doubt(placement))
        self._candidates = candidates
        self._learnt = learnt
        self._last_fall_t = -float("inf")
        self._bursts = Bursts()
        self._watches = Watches()

    @property
    def watching(self) -> bool:
        """Whether an impact is followed up."""
        return bool(self._watches.active)

    def judge(self, found: list[Finding]) -> list[Event]:
        """What the findings come to. Candidates and looks of one piece of grid are taken by their last points."""
        events: list[Event] = []
        candidates: Candidates | None = None
        for item in found:
            if isinstance(item, Looks):
                events += self._follow(candidates, item)
                candidates = None
                continue
            events += self._follow(candidates, None)
            candidates = item if isinstance(item, Candidates) else None
            if isinstance(item, Gap):
                events.append(item)
            elif isinstance(item, End):
                events += self._end(self._watches.cut_off(item.t))
        return events + self._follow(candidates, None)

    def dump(self) -> dict[str, Any]:
        """All that the future depends on, but for what is learnt."""
        return {
            "last_fall_t": self._last_fall_t,
            "bursts": self._bursts.dump(),
            "watches": self._watches.dump(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where `dump` stopped."""
        self._last_fall_t = saved["last_fall_t"]
        self._bursts = Bursts.restore(saved["bursts"])
        self._watches = Watches.restore(saved["watches"])

    def _follow(self, candidates: Candidates | None, looks: Looks | None) -> list[Event]:
        number = 0 if looks is None else len(looks.done)
        if candidates is None:
            self._learn(looks, 0, number)
            return self._look(looks, 0, number)
        before = [0] * len(candidates) if looks is None else np.searchsorted(looks.done, candidates.done).tolist()
        windows = self._calibrated(candidates.windows, looks, before)
        known = candidates.probabilities if self._learnt.gravity is None else None
        probabilities = (self._bundle.probabilities(windows, self._placement) if known is None else known).tolist()
        events: list[Event] = []
        seen = 0
        for i, until in enumerate(before):
            events += self._look(looks, seen, until)
            events += self._decide(candidates, i, windows, probabilities[i])
            seen = until
        return events + self._look(looks, seen, number)

    def _calibrated(self, windows: Windows, looks: Looks | None, before: list[int]) -> Windows:
        """The windows as a true sensor would have shown them, each by as many of the looks as were `before` it."""
        gravity = self._learnt.gravity
        if gravity is None:
            return windows
        acc = np.empty_like(windows.acc)
        seen = 0
        for i, until in enumerate(before):
            self._learn(looks, seen, until)
            acc[i] = gravity.correct(windows.acc[i])
            seen = until
        self._learn(looks, seen, 0 if looks is None else len(looks.done))
        return Windows(acc)

    def _learn(self, looks: Looks | None, start: int, stop: int) -> None:
        if looks is not None and self._learnt.gravity is not None:
            self._learnt.gravity.see(looks, start, stop)

    def _look(self, looks: Looks | None, start: int, stop: int) -> list[Event]:
        events: list[Event] = []
        budget = self._learnt.budget
        for i in range(start, stop if budget is not None or self._watches.active else start):
            assert looks is not None  # as there are some
            if budget is not None:
                budget.look()
            if self._watches.active:
                events += self._end(self._watches.see(looks, i))
        return events

    def _end(self, over: list[Ended]) -> list[Event]:
        """What is told of watches that are over. One that walked was an alarm only if it was told at once."""
        if self._learnt.budget is not None:
            for each in over:
                limits = self._thresholds if each.walked else self._doubts
                decision = each.watch.decision
                self._learnt.budget.count(decision.impact_t, decision.probability, limits)
        return [each.said for each in over if each.said is not None]

    def _decide(self, found: Candidates, i: int, windows: Windows, probability: float) -> list[Event]:
        t, impact_t = float(found.t[i]), float(found.impact_t[i])
        probability = self._bursts.weigh(impact_t, probability)
        raised = 0 if self._learnt.budget is None else self._learnt.budget.raised
        candidate = Decision(
            event="candidate",
            t=t,
            impact_t=impact_t,
            probability=probability,
            threshold=self._thresholds[raised],
            placement=self._placement,
            model=self._bundle.name,
            incomplete=found.incomplete,
        )
        events: list[Event] = [candidate] if self._candidates else []
        if probability < self._doubts[0] or t < self._last_fall_t + REFRACTORY_S:
            return events
        fall = probability >= candidate.threshold
        silent = probability < self._doubts[raised]
        if fall:
            self._last_fall_t = t
        elif self._watches.busy(t - REFRACTORY_S, silent=silent):
            return events
        decision = replace(candidate, event="fall" if fall else "candidate", why=explain(windows.acc[i]))
        # How the wearer stood is held against later looks, which are as measured too.
        self._watches.begin(decision, int(found.at[i]), found.windows.acc[i], silent=silent)
        return [*events, decision] if fall else events
