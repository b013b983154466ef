"""A small network that sees an impact's course point by point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier

Features = npt.NDArray[np.float32]
_HIDDEN = (48,)
_DECAY = 2e-2
"""One hidden layer and strong decay: more layers, and a twentieth of the decay, fit better the data sets that are known
and worse those that are not."""
_RATE = 1e-3
_BATCH = 256


@dataclass(frozen=True)
class Network:
    """Layers of weights, with rectifiers between them."""

    weights: tuple[Features, ...]
    """(inputs, outputs) each; the first takes features as they are."""
    biases: tuple[Features, ...]

    def logit(self, x: Features) -> npt.NDArray[np.float64]:
        """(n,) of (n, d)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = (np.maximum(x, 0) if i else x) @ weight + bias
        logit: npt.NDArray[np.float64] = x[:, 0].astype(np.float64)
        return logit


def train_network(epochs: Iterable[tuple[Features, npt.NDArray[np.int64]]], seed: int) -> Network:
    """Learns from each epoch once.

    Args:
        epochs: (n, d) features and (n,) labels, 0 or 1.
    """
    learner = MLPClassifier(_HIDDEN, alpha=_DECAY, batch_size=_BATCH, learning_rate_init=_RATE, random_state=seed)
    mean = spread = None
    for x, y in epochs:
        if mean is None or spread is None:
            mean, spread = x.mean(axis=0), x.std(axis=0) + np.float32(1e-3)
        learner.partial_fit((x - mean) / spread, y, classes=[0, 1])
    assert mean is not None
    assert spread is not None
    first, *others = (weight.astype(np.float32) for weight in learner.coefs_)
    bias, *biases = (each.astype(np.float32) for each in learner.intercepts_)
    # Features are used as they are: their mean and spread become part of the first layer.
    first = first / spread[:, None]
    return Network((first, *others), (bias - mean @ first, *biases))
