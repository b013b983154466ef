"""95 % intervals of counts."""

from __future__ import annotations

import math

from scipy.stats import chi2

_Z = 1.959964
"""97.5 % quantile of the normal distribution."""


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    share = hits / total
    scale = 1 + _Z**2 / total
    centre = share + _Z**2 / (2 * total)
    reach = _Z * math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def poisson(count: int, exposure: float) -> tuple[float, float]:
    """Interval of a rate: exact, from the chi-squared distribution (Garwood 1936)."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low) / exposure, float(chi2.ppf(0.975, 2 * count + 2)) / 2 / exposure


def percent(hits: int, total: int) -> str:
    """A share and its interval, of at least one."""
    value, low, high = (100 * share for share in (hits / total, *wilson(hits, total)))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
