"""The three scenes, and what must happen in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from falld.daemon.heard import Heard, Kind
from falld.hub.store import Entry

RAISE_AFTER_S = 3.0
"""A real home waits 20 s for the wearer to cancel."""
SPEED = 2.0
"""The recordings have 14 s: each scene then takes 7 s and what the alert still needs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was heard in a scene, and what the hub has of it."""

    heard: Sequence[Heard]
    entries: Sequence[Entry]

    def has(self, kind: Kind, **data: object) -> bool:
        return any(h.kind == kind and data.items() <= h.data.items() for h in self.heard)

    @property
    def states(self) -> list[object]:
        """Of the messages that were committed at home."""
        return [h.data["state"] for h in self.heard if h.kind == "committed"]

    @property
    def raised_by(self) -> Sequence[str | None]:
        """Who raised each alert, as the hub has it; None: nobody."""
        return [entry.standing.raised_by for entry in self.entries]

    @property
    def through(self) -> bool:
        """The hub has all that was committed at home."""
        committed = {(h.data["alert_id"], h.data["seq"]) for h in self.heard if h.kind == "committed"}
        return committed == {(h.data["alert_id"], h.data["seq"]) for h in self.heard if h.kind == "hub_committed"}


Check = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Scene:
    recording: str
    title: str
    must: tuple[tuple[str, Check], ...]
    """Each in words, and whether it is so; the scene is over when all are, and the recording has ended."""


_FALL: tuple[tuple[str, Check], ...] = (
    ("samples were heard", lambda o: o.has("samples")),
    ("an impact was seen", lambda o: o.has("impact")),
    ("it was decided to be a fall", lambda o: o.has("decision", event="fall")),
    ("a suspected fall was committed on this machine", lambda o: o.has("committed", state="suspected")),
    ("it was published", lambda o: o.has("published", seq=1)),
    ("the hub committed every message", lambda o: o.through and len(o.states) == 2),
)

SCENES = (
    Scene(
        "fall-forward-waist",
        "a fall, and nobody cancels",
        (
            *_FALL,
            ("it was raised", lambda o: o.states == ["suspected", "raised"]),
            ("the hub heard that from the home", lambda o: o.raised_by == ["home"]),
            ("the home heard that a responder has seen it", lambda o: o.has("acknowledged", response="seen")),
            ("the home heard that it is resolved", lambda o: o.has("acknowledged", response="resolved")),
        ),
    ),
    Scene(
        "sit-down-hard-waist",
        "sitting down hard, which is no fall",
        (
            ("samples were heard", lambda o: o.has("samples")),
            ("the impact was seen", lambda o: o.has("impact")),
            ("nothing was decided to be a fall", lambda o: not o.has("decision")),
            ("nothing was committed", lambda o: not o.states),
            ("the hub heard of nothing", lambda o: not o.entries),
        ),
    ),
    Scene(
        "fall-cancelled-waist",
        "a fall, and the wearer presses cancel",
        (
            *_FALL,
            ("the wearer cancelled", lambda o: o.has("button", button="cancel")),
            ("it was cancelled and never raised", lambda o: o.states == ["suspected", "cancelled"]),
            ("the hub made no sound", lambda o: o.raised_by == [None]),
        ),
    ),
)
