"""The outbox, on real files."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from falld.alert import outbox as outbox_module
from falld.alert.draft import Draft
from falld.alert.life import Life
from falld.alert.outbox import Committed, Outbox, OutboxError, Row, Wall, join
from falld.alert.wire import Alert, content, parse

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
ONE = "0190163d-8694-739b-aea5-966c26f8ad90"
TWO = "0190163d-8694-739b-aea5-966c26f8ad91"
BOOT = {"boot_id": "boot-1"}
ROUTE, OTHER = "broker:8883", "other:8883"


def committed(alert_id: str = ONE, seq: int = 1, *, impact_t: float | None = 97.5, boot: str = "boot-1") -> Committed:
    draft = Draft(
        alert_id=alert_id,
        seq=seq,
        wearer="anna",
        sources=("watch",),
        kind="fall",
        state="suspected" if seq == 1 else "raised",
        raise_after_s=20.0 if seq == 1 else None,
        boot_id=boot,
        impact_t=impact_t,
        probability=0.9,
        why="turned 80°",
        model="m-1",
        falls=1,
    )
    return join(draft, boot_id="boot-1", now=100.0, utc_now=NOON, clock_synced=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    box = Outbox.open(path)
    yield box
    box.close()


def sent(outbox: Outbox, row: Row, now: float, boot: str = "boot-1") -> Alert:
    return parse(Alert, outbox.sending(row, now, boot), "alert")


def keys(outbox: Outbox) -> list[tuple[str, int]]:
    return [(row.alert_id, row.seq) for row in outbox.due(ROUTE, 100)]


def test_a_new_outbox_is_empty(outbox: Outbox) -> None:
    assert outbox.due(ROUTE, 10) == []
    assert len(outbox) == 0
    assert outbox.life() is None
    assert outbox.walls() == {}
    assert outbox.ack(ONE, 1, ROUTE) is False


def test_messages_and_the_state_they_came_from_stay_until_acknowledged(path: Path) -> None:
    with_two = {"boot_id": "boot-1", "episodes": [], "more": [1, "°"]}
    first = Outbox.open(path)
    first.commit([committed(TWO), committed(ONE)], BOOT, 100.0)
    first.commit([committed(TWO, 2)], with_two, 101.0)
    first.close()
    again = Outbox.open(path)
    assert again.life() == (with_two, "boot-1")
    assert again.due(ROUTE, 2) == [
        Row(TWO, 1, ROUTE, 0, "boot-1", 100.0, begun=False, offered=False),
        Row(ONE, 1, ROUTE, 0, "boot-1", 100.0, begun=False, offered=False),
    ]
    assert keys(again) == [(TWO, 1), (ONE, 1), (TWO, 2)]
    assert again.ack(ONE, 1, ROUTE) is True
    assert again.ack(ONE, 1, ROUTE) is False
    assert again.ack(TWO, 9, ROUTE) is False
    again.close()
    last = Outbox.open(path)
    assert keys(last) == [(TWO, 1), (TWO, 2)]
    assert len(last) == 2
    last.close()


def test_the_state_alone_can_be_kept(outbox: Outbox) -> None:
    outbox.commit([], {"boot_id": "boot-7"}, 1.0)
    assert outbox.life() == ({"boot_id": "boot-7"}, "boot-7")


def test_both_or_neither(outbox: Outbox) -> None:
    outbox.commit([committed(ONE)], BOOT, 100.0)
    with pytest.raises(sqlite3.IntegrityError):
        outbox.commit([committed(TWO), committed(ONE)], {"boot_id": "boot-9"}, 101.0)
    assert keys(outbox) == [(ONE, 1)]
    assert outbox.life() == (BOOT, "boot-1")
    outbox.commit([committed(TWO)], BOOT, 102.0)
    assert keys(outbox) == [(ONE, 1), (TWO, 1)]


def test_each_sending_has_its_own_age_and_number_and_nothing_else_changes(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.commit([committed()], BOOT, 100.0)
    (row,) = outbox.due(ROUTE, 1)
    first = outbox.sending(row, 100.5, "boot-1")
    second = outbox.sending(row, 163.0, "boot-1")
    outbox.close()
    again = Outbox.open(path)
    third = again.sending(again.due(ROUTE, 1)[0], 200.0, "boot-1")
    assert again.due(ROUTE, 1) == [Row(ONE, 1, ROUTE, 3, "boot-1", 100.0, begun=True, offered=True)]
    again.close()
    alerts = [parse(Alert, payload, "alert") for payload in (first, second, third)]
    assert [(a.age_s, a.attempt, a.late) for a in alerts] == [(3.0, 1, False), (65.5, 2, False), (102.5, 3, False)]
    assert content(first) == content(second) == content(third)
    assert first == alerts[0].payload()


@pytest.mark.parametrize(("now", "late"), [(100.0, False), (110.0, False), (110.001, True)])
def test_late_is_settled_by_the_first_sending(path: Path, now: float, late: bool) -> None:
    outbox = Outbox.open(path)
    outbox.commit([committed()], BOOT, 100.0)
    assert sent(outbox, outbox.due(ROUTE, 1)[0], now).late is late
    assert sent(outbox, outbox.due(ROUTE, 1)[0], 500.0).late is late
    outbox.close()
    again = Outbox.open(path)
    assert sent(again, again.due(ROUTE, 1)[0], 5.0, "boot-2").late is late
    again.close()


def test_first_sent_after_a_reboot_is_late_and_of_unknown_age(outbox: Outbox) -> None:
    outbox.commit([committed()], BOOT, 100.0)
    alert = sent(outbox, outbox.due(ROUTE, 1)[0], 101.0, "boot-2")
    assert (alert.late, alert.age_s, alert.boot_id) == (True, None, "boot-1")


def test_an_old_fall_told_in_a_new_boot_is_not_late_but_of_unknown_age(outbox: Outbox) -> None:
    outbox.commit([committed(boot="boot-0")], BOOT, 100.0)
    alert = sent(outbox, outbox.due(ROUTE, 1)[0], 101.0)
    assert (alert.late, alert.age_s, alert.boot_id) == (False, None, "boot-0")


def test_what_has_no_impact_has_no_age(outbox: Outbox) -> None:
    outbox.commit([committed(impact_t=None)], BOOT, 100.0)
    assert sent(outbox, outbox.due(ROUTE, 1)[0], 101.0).age_s is None


def test_an_impact_a_little_ahead_of_the_clock_is_of_age_0(outbox: Outbox) -> None:
    outbox.commit([committed(impact_t=100.2)], BOOT, 100.0)
    assert sent(outbox, outbox.due(ROUTE, 1)[0], 100.1).age_s == 0.0


def test_what_has_been_acknowledged_is_not_sent(outbox: Outbox) -> None:
    outbox.commit([committed()], BOOT, 100.0)
    (row,) = outbox.due(ROUTE, 1)
    outbox.ack(ONE, 1, ROUTE)
    with pytest.raises(KeyError):
        outbox.sending(row, 101.0, "boot-1")


def test_wall_time_of_a_boot_outlives_it_and_its_messages(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.commit([committed()], BOOT, 100.0)
    later = replace(committed(seq=2), wall=Wall(110.0, NOON + timedelta(seconds=10), False))
    outbox.commit([later, committed(TWO, impact_t=None)], BOOT, 110.0)
    outbox.ack(ONE, 1, ROUTE)
    outbox.close()
    again = Outbox.open(path)
    assert again.walls() == {"boot-1": Wall(110.0, NOON + timedelta(seconds=10), False)}
    again.close()


def test_the_boots_that_are_remembered_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "WALLS_MAX", 3)
    box = Outbox.open(path)
    for seq, boot in enumerate(["boot-0", "boot-1", "boot-2", "boot-0", "boot-3", "boot-4"], start=1):
        box.commit([replace(committed(seq=seq), boot_id=boot, wall=Wall(100.0, NOON, True))], BOOT, 100.0)
    assert box.walls().keys() == {"boot-0", "boot-3", "boot-4"}
    assert len(box) == 6
    box.close()


def test_the_state_of_a_life_survives_a_reboot_with_its_wall_time(path: Path) -> None:
    box = Outbox.open(path)
    life = Life(boot_id="boot-1")
    drafts = life.fall(5002.0, "anna", "watch", 5000.0, probability=0.9, model="m-1", why="impact")
    joined = [join(d, boot_id="boot-1", now=5002.0, utc_now=NOON, clock_synced=True) for d in drafts]
    box.commit(joined, life.dump(), 5002.0)
    box.close()

    box = Outbox.open(path)
    saved = box.life()
    assert saved is not None
    assert saved[1] == "boot-1"
    again = Life.load(saved[0], now=12.0, boot_id="boot-2")
    later = NOON + timedelta(seconds=60)
    joined = [
        join(d, boot_id="boot-2", now=12.0, utc_now=later, clock_synced=True, walls=box.walls())
        for d in again.advance(12.0)
    ]
    box.commit(joined, again.dump(), 12.0)
    suspected, raised = (sent(box, row, 13.0, "boot-2") for row in box.due(ROUTE, 10))
    box.close()
    assert (raised.state, raised.seq, raised.late, raised.age_s) == ("raised", 2, False, None)
    assert suspected.late
    assert raised.impact_utc == suspected.impact_utc == NOON - timedelta(seconds=2)


def test_a_second_program_is_refused_while_the_first_holds_it(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.commit([committed()], BOOT, 100.0)
    with pytest.raises(OutboxError, match="stop the other program") as refusal:
        Outbox.open(path)
    assert refusal.value.where == str(path)
    script = f"from pathlib import Path\nfrom falld.alert.outbox import Outbox\nOutbox.open(Path({str(path)!r}))"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "OutboxError" in other.stderr
    outbox.commit([committed(TWO)], BOOT, 101.0)
    outbox.close()
    again = Outbox.open(path)
    assert keys(again) == [(ONE, 1), (TWO, 1)]
    again.close()


CHILD = """
import os, sys, time
from pathlib import Path
from test_outbox import committed, BOOT, ROUTE
from falld.alert.outbox import Outbox
outbox = Outbox.open(Path(sys.argv[1]))
for seq in range(1, 6):
    outbox.commit([committed(seq=seq)], BOOT | {"n": seq}, 100.0 + seq)
outbox.sending(outbox.due(ROUTE, 1)[0], 130.0, "boot-1")
outbox.ack(committed().alert_id, 3, ROUTE)
outbox._db.execute("BEGIN IMMEDIATE")
outbox._db.execute("DELETE FROM outbox")
print("there", flush=True)
time.sleep(60)
"""


def child(path: Path, script: str, *before: str) -> subprocess.Popen[str]:
    """A program of its own that has this module's helpers."""
    here = Path(__file__).resolve().parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    command = [*before, sys.executable, "-c", script, str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_program_loses_nothing_that_was_committed(path: Path) -> None:
    with child(path, CHILD) as program:
        assert program.stdout is not None
        told = program.stdout.readline()
        program.send_signal(signal.SIGKILL)
        _, errors = program.communicate()
    assert told == "there\n", errors
    outbox = Outbox.open(path)
    assert keys(outbox) == [(ONE, 1), (ONE, 2), (ONE, 4), (ONE, 5)]
    assert outbox.life() == ({"boot_id": "boot-1", "n": 5}, "boot-1")
    alert = sent(outbox, outbox.due(ROUTE, 1)[0], 131.0)
    assert (alert.attempt, alert.late) == (2, True)
    outbox.close()


SYNCS = """
import os, sys
from pathlib import Path
from test_outbox import committed, BOOT, ROUTE
from falld.alert.outbox import Outbox
outbox = Outbox.open(Path(sys.argv[1]))
def mark(name):
    os.path.exists("/mark-" + name)
mark("commit")
outbox.commit([committed()], BOOT, 100.0)
mark("sending")
outbox.sending(outbox.due(ROUTE, 1)[0], 101.0, "boot-1")
mark("ack")
outbox.ack(committed().alert_id, 1, ROUTE)
mark("end")
"""


def test_every_change_is_synced_before_it_returns(need: Callable[[str], str], path: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    tracer = (need("strace"), "-f", "-o", str(log), "-e", "trace=fdatasync,fsync,stat,newfstatat,statx,faccessat2")
    with child(path, SYNCS, *tracer) as program:
        _, errors = program.communicate()
    if "PTRACE" in errors.upper():
        pytest.skip("this machine lets nobody trace a program")
    assert program.returncode == 0, errors
    calls = log.read_text(encoding="utf-8")
    for step, following in (("commit", "sending"), ("sending", "ack"), ("ack", "end")):
        between = calls.split(f"/mark-{step}")[1].split(f"/mark-{following}")[0]
        assert "sync(" in between, step


def other_program(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE notes (text)")
    db.close()


def newer(path: Path) -> None:
    Outbox.open(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def torn(path: Path) -> None:
    box = Outbox.open(path)
    box.commit([committed(seq=n) for n in range(1, 60)], BOOT, 100.0)
    box.close()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + bytes(8192) + content[16384:])


def shortened(path: Path) -> None:
    torn(path)
    path.write_bytes(path.read_bytes()[:10_000])


@pytest.mark.parametrize(
    ("spoil", "what", "remedy"),
    [
        (lambda path: path.write_bytes(b"no database " * 500), "not a database", "move the file away"),
        (other_program, "another program", "name another file"),
        (newer, "schema 99", "install the falld that wrote it"),
        (torn, "damaged|malformed", "move the file away"),
        (shortened, "damaged|malformed", "move the file away"),
        (lambda path: path.mkdir(), "unable to open", "let falld write there"),
    ],
)
def test_a_file_that_is_no_outbox_is_refused_and_left_as_it_is(
    path: Path, spoil: Callable[[Path], Any], what: str, remedy: str
) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(OutboxError, match=what) as refusal:
        Outbox.open(path)
    assert refusal.value.where == str(path)
    assert remedy in refusal.value.remedy
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("where", ["/proc/outbox.db", "/nonexistent-folder/outbox.db"])
def test_a_place_that_cannot_be_written_is_named(where: str) -> None:
    with pytest.raises(OutboxError, match="let falld write there") as refusal:
        Outbox.open(Path(where))
    assert refusal.value.where == where


def test_a_full_disk_is_told_and_what_was_there_stays(outbox: Outbox, path: Path) -> None:
    outbox.commit([committed(ONE)], BOOT, 100.0)
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("outbox.db-wal").stat().st_size, most))
    try:
        with pytest.raises(OutboxError) as refusal:
            outbox.commit([committed(TWO)], {"boot_id": "boot-9"}, 101.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert refusal.value.where == str(path)
    assert keys(outbox) == [(ONE, 1)]
    assert outbox.life() == (BOOT, "boot-1")
    outbox.commit([committed(TWO)], BOOT, 102.0)
    assert keys(outbox) == [(ONE, 1), (TWO, 1)]


def test_a_row_that_the_disk_has_spoilt_is_told(outbox: Outbox) -> None:
    outbox.commit([committed()], BOOT, 100.0)
    outbox._db.execute("UPDATE outbox SET body = '{'")
    outbox._db.execute("UPDATE life SET state = '{'")
    with pytest.raises(OutboxError, match="damaged"):
        outbox.sending(outbox.due(ROUTE, 1)[0], 101.0, "boot-1")
    with pytest.raises(OutboxError, match="damaged"):
        outbox.life()


def test_the_body_is_json_for_whoever_looks_into_the_file(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.commit([committed()], BOOT, 100.0)
    outbox.close()
    db = sqlite3.connect(path)
    ((body,),) = db.execute("SELECT body FROM outbox").fetchall()
    db.close()
    assert json.loads(body)["why"] == "turned 80°"
