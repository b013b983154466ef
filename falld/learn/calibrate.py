"""Probabilities that mean what they say: of candidates with 0.9, nine in ten are falls, in the mixture of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float64]
_BINS = 10
_FARTHEST = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt's sigmoid (1999): logits times `scale` plus `shift`. It changes no order."""

    scale: float = 1.0
    shift: float = 0.0

    def __call__(self, probability: Floats) -> Floats:
        calibrated: Floats = 1 / (1 + np.exp(-(self.scale * _logit(probability) + self.shift)))
        return calibrated


def calibrate(probability: Floats, label: npt.NDArray[np.int64]) -> Calibration:
    """The sigmoid that fits best.

    Args:
        probability: (n,) by models that never saw the candidate's person.
        label: (n,) 1 a fall, 0 none.
    """
    fitted = LogisticRegression(C=1e6).fit(_logit(probability)[:, None], label)
    return Calibration(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def error(probability: Floats, label: npt.NDArray[np.int64]) -> float:
    """Expected calibration error: mean distance of what was said and what was, over bins of equal width."""
    where = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    off = np.abs(np.bincount(where, probability, _BINS) - np.bincount(where, label, _BINS))
    return float(off.sum() / len(label))


def cross_fitted(probability: Floats, label: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]) -> Floats:
    """(n,) each calibrated by what the other folds say."""
    out = np.empty(len(probability))
    for k in np.unique(fold).tolist():
        out[fold == k] = calibrate(probability[fold != k], label[fold != k])(probability[fold == k])
    return out


def _logit(probability: Floats) -> Floats:
    p = np.clip(probability, _FARTHEST, 1 - _FARTHEST)
    logit: Floats = np.log(p / (1 - p))
    return logit
