"""The driver role: what one make of wearable speaks. Pure: a driver never waits and knows no radio.

A driver tells what to do as a dialog of steps, which the link carries out, and turns what arrives into readings.
UUIDs are lower-case and of 128 bits.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from falld.errors import FalldError


class FrameError(FalldError):
    """Bytes that a wearable of this make does not send; names the driver and shows the bytes."""


class DialogError(FalldError):
    """The wearable refused something; names the driver, what it refused and the remedy."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a wearable says of itself to everybody."""

    address: str
    name: str | None = None
    rssi: int | None = None
    """dBm."""
    services: frozenset[str] = frozenset()
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)
    """By company id."""
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    """By UUID."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Have a characteristic's notifications, or indications, handed to `Session.received`."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Write:
    characteristic: str
    data: bytes
    response: bool = True
    """Whether the wearable must confirm it."""


@dataclass(frozen=True, slots=True)
class Read:
    """The value is sent back into the dialog."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Await:
    """The next notification of a characteristic is sent back into the dialog, and not handed to `received`.

    One that came after the step before it counts. Where none comes in time, TimeoutError is thrown into the dialog.
    """

    characteristic: str
    within_s: float = 5.0


Step = Subscribe | Write | Read | Await
Dialog = Generator[Step, bytes, None]
"""Steps in order; what `Read` and `Await` brought is sent back, `b""` after the others.

A step that the wearable refuses throws DialogError into the dialog, which may go on without it.
"""


@dataclass(frozen=True, slots=True)
class Ticks:
    """A wearable's own clock."""

    hz: float
    bits: int
    """It begins again at 0 after 2**bits ticks."""
    of: Literal["first", "last"]
    """Which sample of a frame the frame's tick is of."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Samples that came together, oldest first."""

    acc: npt.NDArray[np.float32]
    """(n, 3) specific force in g, gravity included, in the sensor's axes; n is at least 1."""
    tick: int | None = None
    """As the wearable counts; None where it has no clock."""


@dataclass(frozen=True, slots=True)
class Battery:
    percent: int


@dataclass(frozen=True, slots=True)
class Press:
    kind: Literal["cancel", "help"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """The wearable ended its stream by itself."""

    why: str


Said = Frame | Battery | Press | Stopped


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user would like; a driver takes the nearest that the wearable can do."""

    rate_hz: float = 50.0
    range_g: float = 16.0
    press: Literal["cancel", "help"] = "cancel"
    """What the wearable's button means."""


class Session(Protocol):
    """One connection to one wearable. Made anew for every connection."""

    @property
    def rate_hz(self) -> float:
        """Nominal samples a second; settled once `start` has run."""
        ...

    @property
    def range_g(self) -> float | None:
        """Largest value on an axis; None: not known. Settled once `start` has run."""
        ...

    @property
    def ticks(self) -> Ticks | None:
        """None: it has no clock, samples go by their nominal rate and when they arrive."""
        ...

    def start(self) -> Dialog:
        """Negotiates and starts the stream.

        Raises:
            DialogError: from the dialog: the wearable refuses.
            FrameError: from the dialog: an answer that makes no sense.
        """
        ...

    def stop(self) -> Dialog:
        """Stops the stream; safe to run whether or not it runs."""
        ...

    def received(self, characteristic: str, data: bytes) -> list[Said]:
        """What a notification says.

        Raises:
            FrameError: nothing that this wearable sends; no sample is made of it.
        """
        ...


class Driver(Protocol):
    """One make of wearable."""

    @property
    def name(self) -> str:
        """One word, lower-case: the key in the configuration."""
        ...

    @property
    def title(self) -> str:
        """What is printed on the box."""
        ...

    @property
    def cannot_detect(self) -> str | None:
        """Why no fall can be found with it, e.g. too slow; None: it can."""
        ...

    def matches(self, seen: Advertisement) -> bool:
        """Whether an advertisement is of this make."""
        ...

    def session(self, wish: Wish) -> Session: ...
