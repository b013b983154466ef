"""Each recording of bytes in `bytes/` against what is expected to come of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from dialogs import Recording, as_json, recordings

RECORDINGS = list(recordings())


@pytest.mark.parametrize("recording", RECORDINGS, ids=[recording.name for recording in RECORDINGS])
def test_comes_out_as_expected(recording: Recording) -> None:
    session = recording.started()
    settled = {
        "rate_hz": session.rate_hz,
        "range_g": session.range_g,
        "ticks": asdict(session.ticks) if session.ticks else None,
    }
    assert settled == recording.session
    said = [[as_json(one) for one in session.received(*came)] for came in recording.received]
    assert said == recording.expected


@pytest.mark.parametrize("recording", RECORDINGS, ids=[recording.name for recording in RECORDINGS])
def test_says_where_its_bytes_come_from(recording: Recording) -> None:
    assert recording.bytes_from.strip()
