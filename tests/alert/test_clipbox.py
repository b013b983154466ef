"""A home's clips on a real disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from falld.alert import clipbox
from falld.alert.clip import encode
from falld.alert.clipbox import ClipBox, ClipError
from falld.alert.uuid7 import Uuid7, uuid7
from falld.alert.wire import Clip, parse


def a_clip(n: int = 50) -> Clip:
    return encode(50.0, 0, np.ones((n, 3), np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "clips"


@pytest.fixture
def box(folder: Path) -> ClipBox:
    return ClipBox.open(folder)


def rows(box: ClipBox, alert_id: str) -> int:
    return len(parse(Clip, box.payload(alert_id), "t").acc_mg) // 8


def test_what_is_due_stays_until_a_hub_has_it(box: ClipBox, folder: Path) -> None:
    first, near, last = uuid7(), uuid7(), uuid7()
    for alert_id in (last, first):
        box.keep(alert_id, a_clip(), "due")
    box.keep(near, a_clip(), "near")
    again = ClipBox.open(folder)
    assert again.due() == [first, last, near]
    assert again.payload(first) == a_clip().payload()
    assert (again.ack(first), again.ack(first), again.ack(near), again.ack(uuid7())) == (True, False, True, False)
    assert ClipBox.open(folder).due() == [last]
    with pytest.raises(KeyError):
        box.payload(first)
    assert (box.again(first), box.again(near), box.again(last), box.again(uuid7())) == (True, True, True, False)
    assert box.due() == [first, last, near]


def test_one_that_grows_is_not_due_but_after_a_restart_as_it_is(box: ClipBox, folder: Path) -> None:
    whole, cut_off = uuid7(), uuid7()
    for alert_id in (whole, cut_off):
        assert box.begin(alert_id, a_clip(10))
        assert not box.begin(alert_id, a_clip(20))
    assert box.due() == []
    box.keep(whole, a_clip(50), "due")
    assert box.due() == [whole]
    again = ClipBox.open(folder)
    assert again.due() == [whole, cut_off]
    assert [rows(again, alert_id) for alert_id in (whole, cut_off)] == [50, 10]
    box.ack(whole)
    assert not again.begin(whole, a_clip())


def test_a_program_that_ends_between_two_steps_leaves_one_whole_clip(box: ClipBox, folder: Path) -> None:
    alert_id = uuid7()
    box.begin(alert_id, a_clip(10))
    partial = (folder / f"{alert_id}.growing").read_bytes()
    box.keep(alert_id, a_clip(50), "due")
    (folder / f"{alert_id}.growing").write_bytes(partial)
    (folder / f"{uuid7()}.tmp").write_bytes(partial[:100])
    (folder / "notes.txt").write_text("not a clip")
    again = ClipBox.open(folder)
    assert again.due() == [alert_id]
    assert rows(again, alert_id) == 50
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{alert_id}.due", "notes.txt"])


def test_there_are_never_too_many_and_the_least_goes_first(
    box: ClipBox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clipbox, "KEPT", 4)
    ids = [uuid7() for _ in range(8)]
    for alert_id, state in zip(ids, ("due", "near", "due", "near"), strict=False):
        box.keep(alert_id, a_clip(), state)
    box.ack(ids[2])
    box.ack(ids[3])
    left = []
    for alert_id in ids[4:]:
        box.keep(alert_id, a_clip(), "due")
        left.append(sorted(path.name[-12:] for path in folder.iterdir()))
        assert len(left[-1]) == 4
    kept = [{ids.index(path.stem) for path in folder.iterdir()}]
    assert kept == [{4, 5, 6, 7}]
    assert [sum(".sent" in name for name in names) for names in left] == [1, 0, 0, 0]
    assert [sum(".near" in name for name in names) for names in left] == [1, 1, 0, 0]


def test_near_misses_of_a_day_are_counted_whatever_became_of_them(box: ClipBox) -> None:
    hour = 3_600_000
    now = 20_000 * 24 * hour

    def made(hours: float) -> str:
        return Uuid7(lambda: now + int(hours * hour))()

    for hours in (-25, -23, -1, 26):
        box.keep(made(hours), a_clip(), "near")
    box.keep(made(-2), a_clip(), "due")
    assert box.near_misses(made(0)) == 2
    for alert_id in box.due():
        box.ack(alert_id)
    assert box.near_misses(made(0)) == 2
    assert box.near_misses(made(24)) == 1


def test_what_is_damaged_goes_and_is_told(box: ClipBox, folder: Path) -> None:
    alert_id = uuid7()
    box.keep(alert_id, a_clip(), "due")
    path = folder / f"{alert_id}.due"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ClipError, match=r"\.due: is damaged and was removed: .*check the disk"):
        box.payload(alert_id)
    assert box.due() == []


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, box: ClipBox, folder: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClipError, match="file: clips cannot be kept: File exists; check its disk"):
        ClipBox.open(tmp_path / "file")
    folder.rmdir()
    for step in (lambda: box.keep(uuid7(), a_clip(), "due"), box.due, lambda: box.near_misses(uuid7())):
        with pytest.raises(ClipError, match="clips: clips cannot be kept: No such file"):
            step()
