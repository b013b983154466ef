"""The outbox before an upgrade, and after one that is taken back.

A newer falld may bring the outbox to a newer schema, and an older falld refuses that one. So a copy is made while
nobody holds the outbox: after the older falld has stopped, before the newer one starts. On the way back:

- Where the schema is still the same, the outbox that lies there is gone on with. It has every alert.
- Where it is newer, the copy is gone on with, and the messages of alerts that began since are carried over into it.
  Such an alert has no life at home any more, but its messages go out until a hub has them, and a hub raises by itself
  what is suspected and gets no successor.
- An alert that the copy knows goes on as it stood in the copy. What is sent twice a hub knows by alert and number. What
  the newer falld added to it and no hub has is counted and told, and stays in the newer outbox, which is kept aside.
- Where the newer outbox cannot be carried over, nothing is taken back: the falld that can read it stays.

The outbox changes in one rename, before the package does. Where power goes away between the two, the newer falld starts
with what the older one was to have, and brings that to its schema again.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from installer.places import STATE
from installer.words import say

OUTBOX, BEFORE, ASIDE = "outbox.db", "before-upgrade", "taken-back"
CARRY = (
    """
    INSERT INTO outbox (alert_id, seq, body, boot_id, impact_t, commit_boot_id, commit_t, attempt, late)
    SELECT alert_id, seq, body, boot_id, impact_t, commit_boot_id, commit_t, attempt, late FROM newer.outbox AS n
    WHERE alert_id NOT IN (SELECT alert_id FROM outbox)
    AND NOT EXISTS (SELECT 1 FROM life WHERE instr(state, n.alert_id))
    ORDER BY position
    """,
    "INSERT OR IGNORE INTO wall (boot_id, t, utc, synced) SELECT boot_id, t, utc, synced FROM newer.wall",
)
ADDED = """
    SELECT count(*) FROM newer.outbox WHERE json_extract(body, '$.kind') != 'test'
    AND (alert_id, seq) NOT IN (SELECT alert_id, seq FROM outbox)
"""


def keep(state: Path) -> None:
    """A copy of it, while nobody holds it.

    Raises:
        sqlite3.Error, OSError: it cannot be made.
    """
    shutil.rmtree(state / BEFORE, ignore_errors=True)
    (state / BEFORE).mkdir()
    with _opened(state / OUTBOX) as live, contextlib.closing(sqlite3.connect(state / BEFORE / OUTBOX)) as copy:
        live.backup(copy)


def give_back(state: Path) -> None:
    """One that the falld can read of which there is the copy, with every alert, while nobody holds it.

    Raises:
        sqlite3.Error, OSError: it cannot be made; what lies there is as it was.
    """
    live, copy = state / OUTBOX, state / BEFORE / OUTBOX
    with _opened(copy) as db:
        db.execute("ATTACH ? AS newer", (f"{live.as_uri()}?mode=rw",))
        known, there = (db.execute(f"PRAGMA {name}.user_version").fetchone()[0] for name in ("main", "newer"))
        if there > known:
            db.execute("BEGIN IMMEDIATE")
            for each in CARRY:
                db.execute(each)
            db.execute("COMMIT")
            (added,) = db.execute(ADDED).fetchone()
            if added:
                what = f"what has been added to alerts that were open before is in {state / ASIDE} alone"
                say("!!", "outbox", f"{what}, messages: {added}; look after the wearers")
    if there > known:
        _put(copy, live, state / ASIDE)
    forget(state)


def forget(state: Path) -> None:
    """Removes the copy."""
    shutil.rmtree(state / BEFORE)


def _opened(path: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None))


def _put(copy: Path, live: Path, aside: Path) -> None:
    """The copy in the place of the other, which is kept aside."""
    for log in (copy.with_name(f"{OUTBOX}-wal"), live.with_name(f"{OUTBOX}-wal")):
        if log.exists():  # its last user writes it into the file that it belongs to, and removes it
            raise OSError(f"{log} is in use")
    aside.mkdir(exist_ok=True)
    (aside / OUTBOX).unlink(missing_ok=True)
    (aside / OUTBOX).hardlink_to(live)
    copy.replace(live)
    folder = os.open(live.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def as_falld(work: Callable[[Path], None]) -> bool:
    """Does one of these in falld's folder, as falld's user: root follows nothing that falld may have put there. Gives
    whether it went well."""
    user = pwd.getpwnam("falld")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os.umask(0o077)
            work(STATE)
            status = 0
        except (sqlite3.Error, OSError) as error:
            sys.stderr.write(f"{error}\n")
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
