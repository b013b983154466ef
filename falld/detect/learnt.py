"""What a detector learns about one wearer and wearable: kept on disk, and given to the next detector of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from falld.detect.budget import Budget
from falld.detect.gravity import Gravity
from falld.detect.state import StateError, pack, unpack


@dataclass
class Learnt:
    """What adapts; None: that part does not. A detector goes on learning in the one that it was given."""

    gravity: Gravity | None = None
    budget: Budget | None = None

    @classmethod
    def empty(cls, *, calibrate: bool, budget_per_day: float | None) -> Self:
        """What is known before the first sample."""
        return cls(Gravity() if calibrate else None, None if budget_per_day is None else Budget(budget_per_day))

    def was_fall(self, impact_t: float) -> None:
        """A person said that the alarm with this impact was a true one: the wearer's budget does not pay for it."""
        if self.budget is not None:
            self.budget.was_fall(impact_t)

    def dump(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {
            "gravity": None if self.gravity is None else self.gravity.dump(),
            "budget": None if self.budget is None else self.budget.dump(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on with what `dump` gave; a part that did not adapt then begins now, one that does not any more is left.

        Raises:
            StateError: it is none.
        """
        try:
            for name in ("gravity", "budget"):
                part, found = getattr(self, name), saved[name]
                if part is not None and found is not None:
                    part.restore(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateError("the detector's state", f"cannot be read ({error!r})", "begin without it") from None

    def to_bytes(self, model: str) -> bytes:
        """To be kept. Scores are worth something with this bundle alone."""
        return pack({"learnt": self.dump()}, model)

    def read(self, data: bytes, model: str) -> None:
        """Go on with what `to_bytes` gave.

        Raises:
            StateError: it is none, or one of another version or bundle.
        """
        self.restore(unpack(data, model).get("learnt", {}))
