"""The outbox on disks that are full, read-only or spoilt: real ones."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from smalldisk import SmallDisk, small_disk
from test_outbox import BOOT, ONE, ROUTE, TWO, committed, newer, other_program, sent, shortened, torn

from falld.alert.database import Damaged, NotOurs
from falld.alert.enduring import ASIDE_MAX, EnduringOutbox
from falld.alert.outbox import Outbox


@pytest.fixture
def disk(tmp_path: Path, missing: Callable[[str], None]) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", missing) as disk:
        yield disk


@contextlib.contextmanager
def opened(path: Path) -> Iterator[EnduringOutbox]:
    box = EnduringOutbox.open(path)
    try:
        yield box
    finally:
        box.close()


def on_disk(path: Path) -> list[tuple[str, int, int]]:
    box = Outbox.open(path)
    try:
        return [(row.alert_id, row.seq, row.attempt) for row in box.due(ROUTE, 1000)]
    finally:
        box.close()


def keys(box: Outbox) -> list[tuple[str, int]]:
    return [(row.alert_id, row.seq) for row in box.due(ROUTE, 1000)]


def flood(box: EnduringOutbox) -> None:
    """So many that no disk of this size takes them from its spare pages."""
    box.commit([committed(TWO, seq) for seq in range(10, 60)], BOOT, 101.0)


def test_on_a_disk_that_works_it_is_the_outbox(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with opened(path) as box:
        box.commit([committed(ONE), committed(TWO)], BOOT, 100.0)
        assert sent(box, box.due(ROUTE, 1)[0], 101.0).attempt == 1
        assert box.ack(TWO, 1, ROUTE) is True
        assert box.ack(TWO, 1, ROUTE) is False
        box.mend()
        assert box.fault() is None
    assert on_disk(path) == [(ONE, 1, 1)]
    with opened(path) as again:
        assert sent(again, again.due(ROUTE, 1)[0], 200.0).late is False
        assert again.life() == (BOOT, "boot-1")
        assert again.walls().keys() == {"boot-1"}


def test_killed_it_has_on_the_disk_what_it_had_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    program = os.fork()
    if program == 0:
        box = EnduringOutbox.open(path)
        box.commit([committed(ONE), committed(TWO)], BOOT, 100.0)
        box.sending(box.due(ROUTE, 1)[0], 101.0, "boot-1")
        os._exit(0)
    os.waitpid(program, 0)
    assert on_disk(path) == [(ONE, 1, 1), (TWO, 1, 0)]


def test_a_full_disk_keeps_no_alert_from_being_sent(disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    path = disk.folder / "outbox.db"
    with opened(path) as box:
        box.commit([committed(ONE)], BOOT, 100.0)
        disk.fill()
        with caplog.at_level(logging.WARNING):
            flood(box)
            box.mend()
        fault = box.fault()
        assert fault is not None
        assert (fault.where, fault.remedy) == (str(path), "free space on its disk")
        assert [r.getMessage().endswith("kept in memory and sent all the same") for r in caplog.records] == [True]
        alert = sent(box, box.due(ROUTE, 1)[0], 102.0)
        assert (alert.alert_id, alert.attempt, alert.late) == (ONE, 1, False)
        assert box.ack(TWO, 10, ROUTE) is True
        box.commit([], BOOT | {"n": 2}, 103.0)
        assert sent(box, box.due(ROUTE, 2)[1], 104.0).seq == 11

        disk.free()
        box.mend()
        assert box.fault() is None
        box.commit([committed(ONE, 2)], BOOT | {"n": 3}, 105.0)
        there = keys(box)
    kept = on_disk(path)
    assert [key[:2] for key in kept] == there == [(ONE, 1), *((TWO, seq) for seq in range(11, 60)), (ONE, 2)]
    assert [attempt for *_, attempt in kept[:3]] == [1, 1, 0]
    with opened(path) as again:
        assert again.life() == (BOOT | {"n": 3}, "boot-1")


def test_an_attempt_that_cannot_be_counted_on_the_disk_is_made(disk: SmallDisk) -> None:
    path = disk.folder / "outbox.db"
    with opened(path) as box:
        box.commit([committed(ONE)], BOOT, 100.0)
        disk.fill()
        attempts = [sent(box, box.due(ROUTE, 1)[0], 101.0 + n).attempt for n in range(3)]
        assert box.fault() is not None
        disk.free()
        box.mend()
    assert attempts == [1, 2, 3]
    assert on_disk(path) == [(ONE, 1, 3)]


def test_it_begins_on_a_full_disk(disk: SmallDisk) -> None:
    disk.fill()
    with opened(disk.folder / "outbox.db") as box:
        assert box.fault() is not None
        box.commit([committed(ONE)], BOOT, 100.0)
        assert sent(box, box.due(ROUTE, 1)[0], 101.0).attempt == 1
        disk.free()
    assert on_disk(disk.folder / "outbox.db") == [(ONE, 1, 1)]


def left_behind(path: Path) -> None:
    """As a power cut leaves it: all in the log that lies beside it."""
    if os.fork() == 0:
        box = Outbox.open(path)
        box.commit([committed(ONE), committed(TWO)], BOOT, 100.0)
        os._exit(0)
    os.wait()
    assert path.with_name(path.name + "-wal").stat().st_size > 0


@pytest.mark.parametrize("why", ["read-only", "full"])
def test_what_was_there_goes_on_from_a_disk_that_takes_nothing(disk: SmallDisk, why: str) -> None:
    path = disk.folder / "outbox.db"
    left_behind(path)
    if why == "full":
        disk.fill()
    else:
        disk.writable(False)
    with opened(path) as box:
        assert keys(box) == [(ONE, 1), (TWO, 1)]
        assert box.life() == (BOOT, "boot-1")
        assert sent(box, box.due(ROUTE, 1)[0], 101.0).attempt == 1
        assert box.ack(ONE, 1, ROUTE) is True
        flood(box)
        assert box.fault() is not None
        if why == "full":
            disk.free()
        else:
            disk.writable(True)
        box.mend()
        assert box.fault() is None
    assert [key[:2] for key in on_disk(path)] == [(TWO, 1), *((TWO, seq) for seq in range(10, 60))]


def test_what_could_not_be_read_at_first_is_not_overwritten_but_goes_before(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = disk.folder / "outbox.db"
    left_behind(path)
    disk.writable(False)
    with monkeypatch.context() as patch:
        patch.setattr("falld.alert.enduring.salvage", lambda path, into: "cannot be read now")
        box = EnduringOutbox.open(path)
    assert keys(box) == []
    box.commit([committed(ONE, 2)], BOOT | {"n": 9}, 101.0)
    disk.writable(True)
    box.mend()
    assert keys(box) == [(ONE, 1), (TWO, 1), (ONE, 2)]
    box.close()
    assert [key[:2] for key in on_disk(path)] == [(ONE, 1), (TWO, 1), (ONE, 2)]


def worn(path: Path) -> None:
    """A page amid the messages is lost."""
    box = Outbox.open(path)
    box.commit([committed(seq=n) for n in range(1, 60)], BOOT, 100.0)
    box.close()
    content = path.read_bytes()
    start = content.index(b'"seq":30,') // 4096 * 4096
    path.write_bytes(content[:start] + b"\xff" * 4096 + content[start + 4096 :])


def test_a_damaged_file_is_set_aside_and_what_can_be_read_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, aside = tmp_path / "outbox.db", tmp_path / "outbox.db.damaged-1"
    worn(path)
    damaged = path.read_bytes()
    with opened(path) as box:
        there = keys(box)
        assert 40 < len(there) < 59
        assert (there[0], there[-1]) == ((ONE, 1), (ONE, 59))
        assert box.life() == (BOOT, "boot-1")
        assert aside.read_bytes() == damaged
        fault = box.fault()
        assert fault is not None
        assert str(fault).startswith(f"{aside}: is a damaged outbox")
        assert "look after the wearers" in str(fault)
        box.commit([committed(TWO)], BOOT, 102.0)
    assert f"{len(there)} messages could be read" in caplog.text
    assert [key[:2] for key in on_disk(path)] == [*there, (TWO, 1)]
    with opened(path) as again:
        assert again.fault() is not None
        aside.unlink()
        assert again.fault() is None


def unreadable(path: Path) -> None:
    path.write_bytes(b"no database " * 500)


def spoilt_row(path: Path) -> None:
    box = Outbox.open(path)
    box.commit([committed(ONE), committed(TWO)], BOOT, 100.0)
    box._db.execute("UPDATE outbox SET body = '{' WHERE position = 1")
    box._db.execute("UPDATE life SET state = '[]'")
    box.close()


@pytest.mark.parametrize(
    ("spoil", "left"),
    [(unreadable, []), (spoilt_row, [(TWO, 1)]), (shortened, None)],
)
def test_whatever_is_damaged_is_kept_and_a_new_one_begun(
    tmp_path: Path, spoil: Callable[[Path], None], left: list[tuple[str, int]] | None
) -> None:
    path = tmp_path / "outbox.db"
    spoil(path)
    size = path.stat().st_size
    with opened(path) as box:
        assert left is None or keys(box) == left
        assert isinstance(box.fault(), Damaged)
        box.commit([committed(ONE, 99)], BOOT, 102.0)
    assert (tmp_path / "outbox.db.damaged-1").stat().st_size == size
    assert on_disk(path)[-1] == (ONE, 99, 0)


def test_a_file_that_is_spoilt_while_it_is_used_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    torn(path)
    with opened(path) as box:
        before = keys(box)
        assert box._disk is not None
        box._disk._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        box._disk._db.execute("PRAGMA shrink_memory")
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        flood(box)
        for n in range(2):
            box.commit([], BOOT | {"n": n}, 103.0)
            box.mend()
        there = keys(box)
        assert (tmp_path / "outbox.db.damaged-2").exists()
    assert there == before + [(TWO, seq) for seq in range(10, 60)]
    assert [key[:2] for key in on_disk(path)] == there


def test_only_so_many_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for _ in range(ASIDE_MAX + 2):
        unreadable(path)
        EnduringOutbox.open(path).close()
    assert len(list(tmp_path.glob("*.damaged-*"))) == ASIDE_MAX


def test_a_damaged_file_on_a_disk_that_takes_nothing_is_sent_from_memory(disk: SmallDisk) -> None:
    path = disk.folder / "outbox.db"
    torn(path)
    disk.writable(False)
    with opened(path) as box:
        there = keys(box)
        assert there == [(ONE, seq) for seq in range(1, 60)]
        assert box.fault() is not None
        disk.writable(True)
        box.mend()
        box.mend()
        assert (disk.folder / "outbox.db.damaged-1").exists()
    assert [key[:2] for key in on_disk(path)] == there


@pytest.mark.parametrize("spoil", [other_program, newer])
def test_what_is_anothers_is_refused(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "outbox.db"
    spoil(path)
    with pytest.raises(NotOurs):
        EnduringOutbox.open(path)
    assert [file.name for file in tmp_path.iterdir()] == ["outbox.db"]


def test_what_another_program_holds_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db"), pytest.raises(NotOurs, match="one falld, one outbox"):
        EnduringOutbox.open(tmp_path / "outbox.db")


def test_a_message_is_committed_once(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as box:
        box.commit([committed()], BOOT, 100.0)
        with pytest.raises(sqlite3.IntegrityError):
            box.commit([committed()], BOOT, 101.0)
        assert box.fault() is None
    assert on_disk(tmp_path / "outbox.db") == [(ONE, 1, 0)]


@pytest.mark.parametrize("where", ["folder", "folder/none/outbox.db"])
def test_a_place_that_can_be_no_file_keeps_no_alert_from_being_sent(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    with opened(tmp_path / where) as box:
        box.commit([committed()], BOOT, 100.0)
        assert sent(box, box.due(ROUTE, 1)[0], 101.0).attempt == 1
        box.mend()
        assert "let falld write there" in str(box.fault())


def test_what_was_acknowledged_stays_away_while_a_damaged_file_cannot_be_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    torn(tmp_path / "outbox.db")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refused)
        box = EnduringOutbox.open(tmp_path / "outbox.db")
        assert box.ack(ONE, 1, ROUTE) is True
        box.mend()
        assert "cannot be set aside" in str(box.fault())
        assert len(box) == 58
    box.close()
    assert len(on_disk(tmp_path / "outbox.db")) == 58
