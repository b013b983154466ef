"""Wearables without a radio: scripted ones, and those whose bytes lie in `bytes/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from falld.sensors.driver import (
    Await,
    Battery,
    Dialog,
    DialogError,
    Frame,
    Press,
    Read,
    Said,
    Session,
    Step,
    Subscribe,
    Wish,
    Write,
)
from falld.sensors.drivers import by_name

FOLDER = Path(__file__).parent / "bytes"
MOST_STEPS = 2000

Wearable = Callable[[Step], bytes]
"""Does a step and returns what `Read` and `Await` bring, else `b""`.

A TimeoutError, where nothing comes, or a DialogError, where it refuses the step, is thrown into the dialog.
"""


def run(dialog: Dialog, wearable: Wearable) -> list[Step]:
    """Carries a dialog out as a link does; the steps that were done."""
    steps: list[Step] = []
    try:
        step = next(dialog)
        while True:
            steps.append(step)
            assert len(steps) <= MOST_STEPS, "the dialog does not end"
            try:
                answer = wearable(step)
            except (TimeoutError, DialogError) as error:
                step = dialog.throw(error)
            else:
                step = dialog.send(answer)
    except StopIteration:
        return steps


def script(*answers: bytes | Exception) -> Wearable:
    """Gives `Read` and `Await` one answer after the other; no more comes when they are used up."""
    left = iter(answers)

    def wearable(step: Step) -> bytes:
        if not isinstance(step, Read | Await):
            return b""
        answer = next(left, TimeoutError("nothing came"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return wearable


@dataclass(frozen=True)
class Recording:
    """Bytes of one wearable, as a YAML beside its `NAME.expected.json` describes them.

    driver: its name.
    bytes_from: where the bytes come from.
    wish: fields of `Wish`; may be missing.
    start: the steps of the start dialog in order, each one of {read: UUID, data: HEX}, {await: UUID, data: HEX},
        {write: UUID, data: HEX}, {subscribe: UUID}.
    session: {rate_hz, range_g, ticks: {hz, bits, of}}, `range_g` and `ticks` may be null: what the start settles.
    received: a list of {characteristic: UUID, data: HEX}.

    HEX is quoted, since YAML takes 0102 for a number; spaces are allowed in it.
    """

    name: str
    driver: str
    bytes_from: str
    wish: Wish
    start: list[tuple[Step, bytes]]
    session: dict[str, Any]
    received: list[tuple[str, bytes]]
    expected: list[list[dict[str, Any]]]

    def started(self) -> Session:
        """A session whose start went as recorded; every step is held against the recorded one."""
        session = by_name(self.driver).session(self.wish)
        left = iter(self.start)

        def wearable(step: Step) -> bytes:
            expected, answer = next(left, (None, b""))
            assert _shown(step) == _shown(expected)
            return answer

        run(session.start(), wearable)
        assert next(left, None) is None, "the start ended early"
        return session


def recordings() -> Iterator[Recording]:
    for path in sorted(FOLDER.glob("*.yaml")):
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield Recording(
            name=path.stem,
            driver=told["driver"],
            bytes_from=told["bytes_from"],
            wish=Wish(**told.get("wish", {})),
            start=[_step(step) for step in told["start"]],
            session=told["session"],
            received=[(one["characteristic"], bytes.fromhex(one["data"])) for one in told["received"]],
            expected=json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8")),
        )


def as_json(said: Said) -> dict[str, Any]:
    """What a wearable says, in the form of `NAME.expected.json`; accelerations to a millionth of g."""
    match said:
        case Frame(acc, tick):
            return {"frame": [[round(float(g), 6) for g in sample] for sample in acc], "tick": tick}
        case Battery(percent):
            return {"battery": percent}
        case Press(kind):
            return {"press": kind}
        case stopped:
            return {"stopped": stopped.why}


def _step(told: dict[str, str]) -> tuple[Step, bytes]:
    data = bytes.fromhex(told.get("data", ""))
    if "read" in told:
        return Read(told["read"]), data
    if "await" in told:
        return Await(told["await"]), data
    if "write" in told:
        return Write(told["write"], data), b""
    return Subscribe(told["subscribe"]), b""


def _shown(step: Step | None) -> tuple[str, ...]:
    """What of a step is compared: not how long it waits, nor whether a write is confirmed."""
    match step:
        case None:
            return ("nothing",)
        case Write(characteristic, data):
            return "write", characteristic, data.hex(" ")
        case _:
            return type(step).__name__.lower(), step.characteristic
