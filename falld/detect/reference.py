"""Reference cases: windows, and what a bundle made of them where it was made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from falld.detect.window import POST, PRE, Windows
from falld.samples.recording import PLACEMENTS

CASES = 8
"""Of each placement: from what is surely no fall to what surely is one."""
AT_ONCE = 4
"""Most candidates that a runtime is given at once. Few, as every number of them is tried before it is relied on."""
TOLERANCE = 1e-5
"""Of a probability. What another order of summing may do: 120 float32 leaves of a forest add up to a logit below 8,
so each sum is rounded by 2.4e-7 on average and all by √120 times that, 2.6e-6, of which a probability has a quarter
at most, 7e-7. Thresholds are a tenth of a logit apart: at a probability of 0.99 that is 1e-3."""
_MG = np.float32(1000.0)

Probabilities = npt.NDArray[np.float32]
Judge = Callable[[Windows, str, int], Probabilities]
"""From windows, their placement and how many are run at once to (c,) probabilities."""


@dataclass(frozen=True, slots=True)
class Cases:
    """Those of one placement."""

    placement: str
    names: tuple[str, ...]
    acc_mg: npt.NDArray[np.int16]
    """(CASES, PRE + 1 + POST, 3) in thousandths of g."""
    probability: Probabilities
    """(CASES,) as they were judged alone."""

    @property
    def windows(self) -> Windows:
        return windows_of(self.acc_mg)


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference cases of a bundle."""

    cases: tuple[Cases, ...]
    made_with: str
    """The libraries that judged them, with their versions."""

    def deviation(self, judge: Judge) -> str | None:
        """The first case that is told otherwise here, in words; None: all are as they were."""
        for cases in self.cases:
            here = judge(cases.windows, cases.placement, 1).tolist()
            for name, there, found in zip(cases.names, cases.probability.tolist(), here, strict=True):
                if not abs(found - there) <= TOLERANCE:
                    return f"reference case {name} has probability {found:.6f} here, {there:.6f} where it was made"
        return None

    def same_at_once(self, judge: Judge) -> bool:
        """Whether candidates that are run together are told the same, to the bit, as alone."""
        for cases in self.cases:
            windows = cases.windows
            alone = judge(windows, cases.placement, 1)
            together = (judge(windows, cases.placement, n) for n in range(2, AT_ONCE + 1))
            if not all(np.array_equal(found, alone) for found in together):
                return False
        return True

    def to_bytes(self) -> bytes:
        """The same cases give the same bytes."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            placement=np.array([cases.placement for cases in self.cases]),
            name=np.array([cases.names for cases in self.cases]),
            acc_mg=np.stack([cases.acc_mg for cases in self.cases]),
            probability=np.stack([cases.probability for cases in self.cases]),
            made_with=np.array(self.made_with),
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """What `to_bytes` gave.

        Raises:
            ValueError: something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                placements, names, made_with = (arrays[key].tolist() for key in ("placement", "name", "made_with"))
                acc_mg, probability = arrays["acc_mg"], arrays["probability"]
        except (OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(str(error)) from None
        n = len(placements)
        shapes = (acc_mg.shape, acc_mg.dtype, probability.shape, probability.dtype, np.shape(names))
        if shapes != ((n, CASES, PRE + 1 + POST, 3), np.int16, (n, CASES), np.float32, (n, CASES)) or not n:
            raise ValueError(f"not {CASES} windows of each placement: {shapes}")
        if not set(placements) <= set(PLACEMENTS):
            raise ValueError(f"unknown placements: {placements}")
        columns: Iterable[tuple[str, Sequence[str], npt.NDArray[np.int16], Probabilities]] = zip(
            placements, names, acc_mg, probability, strict=True
        )
        return cls(tuple(Cases(place, tuple(said), acc, p) for place, said, acc, p in columns), str(made_with))


def windows_of(acc_mg: npt.NDArray[np.int16]) -> Windows:
    """From (c, PRE + 1 + POST, 3) thousandths of g: the same bits on every machine."""
    return Windows(acc_mg.astype(np.float32) / _MG)
