"""How the trials of an installer are judged, and what is kept of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falld.checkup.commissioning import KEPT, ROOMS, Look, Room, Trial, finding, keep, kept, room, walk, weakest
from falld.errors import FalldError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = Look("streaming", 100, 0, 0, 0.1, -60)


@pytest.mark.parametrize(
    ("looks", "lost", "fault"),
    [
        ([FIRST, Look("streaming", 600, 0, 0, 0.4, -70)], 0.0, None),
        ([FIRST, Look("streaming", 590, 10, 0, 0.4, -70)], 0.02, None),
        ([FIRST, Look("streaming", 560, 40, 0, 0.4, None)], 0.08, "more than 5 % were lost"),
        ([FIRST, Look("streaming", 600, 0, 1, 0.4, None)], 0.0, "samples were missing for longer than can be filled"),
        ([FIRST, Look("streaming", 300, 0, 0, 5.0, None), Look("streaming", 600, 0, 0, 0.1, None)], 0.0, "no sample"),
        ([FIRST, Look("lost", 300, 0, 0, 0.5, None), Look("streaming", 600, 0, 0, 0.1, None)], 0.0, "the connection"),
        ([Look("streaming", 100, 50, 0, 0.1, None), Look("streaming", 600, 0, 0, 0.1, None)], 0.0, None),
        ([FIRST], 1.0, "no sample came for 3 s"),
        ([Look("searching", 0, 0, 0, None, None)], 1.0, "the connection did not hold"),
    ],
)
def test_a_room(looks: list[Look], lost: float, fault: str | None) -> None:
    found = room("kitchen", "strap", looks)
    assert found.lost == lost
    assert (found.fault or "").startswith(fault or "")
    assert (found.fault is None) == (fault is None)


def a_room(name: str, lost: float, rssi: int | None = None, fault: str | None = None) -> Room:
    return Room(name=name, wearable="strap", lost=lost, rssi=rssi, fault=fault)


def test_the_weakest_room() -> None:
    near, far, lossy = a_room("hall", 0.0, -50), a_room("kitchen", 0.0, -88), a_room("bath", 0.01, -60)
    assert weakest([near, far]) == far
    assert weakest([near, far, lossy]) == lossy
    assert weakest([lossy, a_room("attic", 0.0, -50, "the connection did not hold")]).name == "attic"
    done = walk(NOON, [near, far])
    assert (done.well, done.what) == (True, "weakest kitchen: 0.0 % lost, -88 dBm")
    assert not walk(NOON, []).well


def test_what_is_kept_is_that_of_each_step_done_last(tmp_path: Path) -> None:
    assert (kept(tmp_path), finding(tmp_path).verdict) == (None, "skip")
    keep(tmp_path, {"walk": walk(NOON, [a_room("kitchen", 0.0, -88)])})
    keep(tmp_path, {"drop": Trial(utc=NOON, well=False, what="no impact was seen in 30 s")})
    told = finding(tmp_path)
    assert told.verdict == "do"
    assert told.what == (
        "walk test 2026-11-22: weakest kitchen: 0.0 % lost, -88 dBm; drop test 2026-11-22: no impact was seen in 30 s"
    )
    assert told.remedy == "`falld commission --step drop --step button --step test-alarm`"
    well = Trial(utc=NOON, well=True, what="well")
    keep(tmp_path, {"drop": well, "button": well, "test-alarm": well})
    assert (finding(tmp_path).verdict, finding(tmp_path).remedy) == ("pass", None)
    (tmp_path / KEPT).write_text("{")
    assert kept(tmp_path) is None
    with pytest.raises(FalldError, match="cannot be written"):
        keep(tmp_path / "none", {"drop": well})


@given(st.lists(st.tuples(st.text(), st.integers(0, 2**40), st.integers(0, 2**40)), max_size=80))
def test_whatever_is_walked_can_be_kept(rooms: list[tuple[str, int, int]]) -> None:
    looks = [(name, [FIRST, Look("streaming", samples, lost, 0, 0.1, None)]) for name, samples, lost in rooms]
    done = walk(NOON, [room(name, "strap", seen) for name, seen in looks])
    assert len(done.rooms) <= ROOMS
    assert Trial.model_validate_json(done.model_dump_json()) == done
