"""Learners on the impacts that the product's own gate lets through, cut out by the product's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from falld.learn.baselines.method import Named
from falld.learn.baselines.trace import Floats, Mask
from falld.learn.extract import Table

Fit = Callable[[Mask], Floats]
"""From the (n,) trials to learn from to the (c,) scores of every candidate."""


@runtime_checkable
class Scouted(Named, Protocol):
    """A method that is shown the candidates instead of the recordings, and is trained anew for each fold."""

    def study(self, table: Table) -> Fit:
        """What is common to all folds, once.

        Args:
            table: every candidate of every trial. A fit must learn from no other than those of the trials it is given,
                and from none whose label is below 0.
        """
        ...


@runtime_checkable
class FollowsUp(Protocol):
    """A scouted method that has a rule for its own thresholds, and for what a responder hears in the end."""

    def alarms(self, table: Table, score: Floats, tune: Mask) -> tuple[Mask, Mask]:
        """Which candidates it tells at once, and which a responder hears of, (c,) each.

        Args:
            table: all candidates.
            score: (c,) by a model that saw neither the tuned nor the judged trials.
            tune: (n,) trials to choose thresholds on.
        """
        ...

    def taken_back(self, table: Table) -> Mask:
        """Which candidates, (c,), would be taken back before a responder hears of them, were they told."""
        ...
