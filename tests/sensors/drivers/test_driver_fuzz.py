"""Whatever bytes come, a driver refuses them or makes plausible readings of them, and raises nothing else.

Bytes are drawn at random, and as those of the recordings with some of them cut off, put in or changed.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pytest
from dialogs import Recording, run
from dialogs import recordings as all_recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from falld.sensors.driver import (
    Await,
    Battery,
    DialogError,
    Driver,
    Frame,
    FrameError,
    Press,
    Read,
    Said,
    Session,
    Step,
    Stopped,
    Subscribe,
    Wish,
)
from falld.sensors.drivers import drivers
from falld.sensors.drivers._bytes import LARGEST_G

RECORDINGS = list(all_recordings())
EVERY_DRIVER = pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
EVERY_RECORDING = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
few = settings(deadline=None, max_examples=25)

WISHES = st.builds(Wish, rate_hz=st.floats(1, 500), range_g=st.floats(1, 32), press=st.sampled_from(["cancel", "help"]))


@st.composite
def changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds, with up to three bytes changed, put in or left out, and perhaps cut off."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.integers(0, 1))
        data[at:end] = draw(st.binary(max_size=2))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def data_of(driver: Driver) -> st.SearchStrategy[bytes]:
    """What a wearable of this make might send, or might not."""
    mine = [recording for recording in RECORDINGS if recording.driver == driver.name]
    seeds = [data for recording in mine for _, data in [*recording.start, *recording.received] if data]
    return st.binary(max_size=64) | changed(seeds) if seeds else st.binary(max_size=64)


def subscribed(session: Session, answers: list[bytes | None]) -> list[str]:
    """Starts a session with these answers, nothing coming for None; what it subscribed to before it gave up."""
    left = iter(answers)
    steps: list[str] = []

    def wearable(step: Step) -> bytes:
        if isinstance(step, Subscribe):
            steps.append(step.characteristic)
        answer = next(left, None) if isinstance(step, Read | Await) else b""
        if answer is None:
            raise TimeoutError if isinstance(step, Await) else DialogError("it", "refuses to be read", "none")
        return answer

    with suppress(DialogError, FrameError):
        run(session.start(), wearable)
    return steps


def check(said: list[Said]) -> None:
    for one in said:
        match one:
            case Frame(acc, tick):
                assert acc.dtype == np.float32
                assert acc.ndim == 2
                assert acc.shape[0] >= 1
                assert acc.shape[1] == 3
                assert np.all(np.abs(acc) <= LARGEST_G)
                assert tick is None or tick >= 0
            case Battery(percent):
                assert 0 <= percent <= 100
            case Press(kind):
                assert kind in ("cancel", "help")
            case Stopped(why):
                assert why


@EVERY_DRIVER
@few
@given(data=st.data())
def test_any_answers_and_any_frames(driver: Driver, data: st.DataObject) -> None:
    session = driver.session(data.draw(WISHES))
    bytes_of = data_of(driver)
    characteristics = subscribed(session, data.draw(st.lists(st.none() | bytes_of, max_size=12)))
    assert np.isfinite(session.rate_hz)
    assert session.rate_hz > 0
    assert session.range_g is None or session.range_g > 0
    frames = st.tuples(st.sampled_from([*characteristics, "0000ffff-0000-1000-8000-00805f9b34fb"]), bytes_of)
    for characteristic, came in data.draw(st.lists(frames, max_size=8)):
        with suppress(FrameError):
            check(session.received(characteristic, came))
    with suppress(DialogError, FrameError):
        run(session.stop(), silent)


@EVERY_RECORDING
@few
@given(data=st.data())
def test_any_frames_after_a_good_start(recording: Recording, data: st.DataObject) -> None:
    session = recording.started()
    for characteristic, good in data.draw(st.lists(st.sampled_from(recording.received), max_size=8)):
        came = data.draw(changed([good]) | st.binary(max_size=300))
        with suppress(FrameError):
            check(session.received(characteristic, came))


@EVERY_RECORDING
@pytest.mark.parametrize("change", [-1, 1], ids=["a byte less", "a byte more"])
def test_a_frame_of_another_length_yields_true_samples_or_none(recording: Recording, change: int) -> None:
    for i, (characteristic, good) in enumerate(recording.received):
        whole, other = recording.started(), recording.started()
        for before in recording.received[:i]:
            whole.received(*before)
            other.received(*before)
        samples = acceleration(whole.received(characteristic, good))
        try:
            came = acceleration(other.received(characteristic, good[:-1] if change < 0 else good + b"\1"))
        except FrameError:
            continue
        np.testing.assert_array_equal(came, samples[: len(came)])


def acceleration(said: list[Said]) -> npt.NDArray[np.float32]:
    """(n, 3) of all frames."""
    return np.concatenate([np.empty((0, 3), np.float32), *(one.acc for one in said if isinstance(one, Frame))])


def silent(step: Step) -> bytes:
    if isinstance(step, Await):
        raise TimeoutError
    return b""
