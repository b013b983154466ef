"""What looks like a fall comes in bursts: sport, housework, a sensor that is being put on. A fall does not."""

from __future__ import annotations

REFRACTORY_S = 10.0
"""Impacts so close belong to one event: rebounds, and the first attempts to get up."""
LOOKED_BACK_S = 60.0
"""A bout of sport or of housework lasts minutes; to look back further finds no more (docs/detector.md, "Bursts")."""
ALIKE = 0.01
"""Probability from which an impact looks like a fall: 1 to 8 an hour of ordinary life, and 1 in 130 of walking's."""
MOST = 7
"""So many are counted at most: the odds of a fall never drop below an eighth, of whoever trembles or exercises."""


class Bursts:
    """Weighs an impact by how many like it the last minute held.

    Falls come at their own rate, whatever the wearer does; other impacts that look like them come at one that changes
    from minute to minute. The odds of a fall are those of the one rate to the other, and after `n` events in a span
    the other rate's expectation is in proportion to `n + 1` (the posterior mean of a Poisson rate under a Gamma prior
    of shape 1). So the odds are divided by `n + 1`.
    """

    def __init__(self) -> None:
        self._alike: list[float] = []
        """Impacts of the last minute that looked like a fall, in order."""

    def weigh(self, impact_t: float, probability: float) -> float:
        """The probability of a fall, knowing what came before.

        Args:
            impact_t: seconds of stream time; not before that of any weighed earlier.
            probability: by the impact alone.
        """
        self._alike = [at for at in self._alike if at > impact_t - LOOKED_BACK_S]
        before = sum(at <= impact_t - REFRACTORY_S for at in self._alike)
        if probability >= ALIKE:
            self._alike.append(impact_t)
        if not before:
            return probability
        return probability / (probability + (1 - probability) * (1 + min(before, MOST)))

    def dump(self) -> list[float]:
        """Plain values."""
        return list(self._alike)

    @classmethod
    def restore(cls, saved: list[float]) -> Bursts:
        """What `dump` gave."""
        bursts = cls()
        bursts._alike = list(saved)
        return bursts
