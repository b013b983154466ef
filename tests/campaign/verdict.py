"""What became of every alert: the homes' ledgers against the hub's store and against what a responder saw."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator import Order
from ledger import read

from falld.alert.enduring import EnduringOutbox
from falld.daemon.home import OUTBOX

Key = tuple[str, str, int]
"""Home, alert_id, seq."""
OF_THEM = "of them "
"""What counts faults once more begins so."""
OVERLAPPING = f"{OF_THEM}while another lasted"


def accepted(orders: Iterable[Order]) -> dict[Key, float]:
    """What homes had committed, with the time."""
    return {
        (order.home, line["alert_id"], line["seq"]): line["t"] for order in orders for line in read([order.accepted])
    }


def waiting(orders: Iterable[Order]) -> set[Key]:
    """What homes that were stopped still have to send."""
    left: set[Key] = set()
    for order in orders:
        if (order.state / OUTBOX).exists():
            with closing(EnduringOutbox.open(order.state / OUTBOX)) as outbox:
                left |= {(order.home, *key) for key in outbox.waiting()}
    return left


def stored(path: Path) -> set[Key]:
    """What is in a hub's store."""
    return set(_rows(path, "SELECT home, alert_id, seq FROM message"))


def raised(path: Path) -> set[tuple[str, str]]:
    """Alerts that a hub has and that a responder must have heard."""
    return set(_rows(path, "SELECT home, alert_id FROM alert WHERE raised_by IS NOT NULL"))


def _rows(path: Path, question: str) -> list[Any]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as db:
        try:
            return db.execute(question).fetchall()
        except sqlite3.OperationalError:  # its program has not made its tables, or was killed before it had
            if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return db.execute(question).fetchall()
            return []


@dataclass
class Verdict:
    """One trial. Lost and accepted are messages; an alert has one or more."""

    name: str
    alerts: int = 0
    accepted: int = 0
    lost: list[Key] = field(default_factory=list)
    """Neither in the store nor in an outbox."""
    late: list[Key] = field(default_factory=list)
    """Not in the store, in an outbox still."""
    unseen: int = 0
    """In the store, and the death of a home came before it could write down that it had committed them."""
    never_shown: int = 0
    """Alerts in the store that no responder was shown."""
    never_sounded: int = 0
    """Raised alerts in the store that made no sound."""
    shown_twice: int = 0
    """Lines that a responder had seen before, and that did not say so."""
    shown_again: int = 0
    """Lines of a hub that began anew, which say that they may have been seen before."""
    resent: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    delays: Sequence[float] = ()
    """Seconds from each alert's commit to the first line that showed it, in order."""
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """Anything else, in words."""

    def percentile(self, p: float) -> float:
        return self.delays[min(int(len(self.delays) * p), len(self.delays) - 1)] if self.delays else float("nan")


def judge(name: str, orders: Sequence[Order], store: Path, shown: Path, in_time: Set[Key]) -> Verdict:
    """When everything has stopped.

    Args:
        in_time: what had been committed so early that the hub must have it.
    """
    committed, kept, left = accepted(orders), stored(store), waiting(orders)
    lines = [line for line in read([shown]) if line["event"] == "alert"]
    first: dict[tuple[str, str], float] = {}
    for line in lines:
        first.setdefault((line["home"], line["alert_id"]), line["t"])
    begun: dict[tuple[str, str], float] = {}
    for (home, alert_id, _), t in committed.items():
        begun[home, alert_id] = min(t, begun.get((home, alert_id), t))
    sounded = {(line["home"], line["alert_id"]) for line in lines if line["sounds"]}
    again = [line for line in lines if line["again"]]
    times = Counter((line["home"], line["alert_id"], line["seq"], line["word"]) for line in lines if not line["again"])
    sent = [line for order in orders for line in read([order.sent])]
    return Verdict(
        name,
        alerts=len(begun),
        accepted=len(committed),
        lost=sorted(committed.keys() - kept - left),
        late=sorted((left & in_time) - kept),
        unseen=len(kept - committed.keys()),
        never_shown=len({(home, alert_id) for home, alert_id, _ in kept} - first.keys()),
        never_sounded=len(raised(store) - sounded),
        shown_twice=sum(n - 1 for n in times.values()),
        shown_again=len(again),
        resent=sum(line["attempt"] > 1 for line in sent),
        delays=sorted(first[alert] - t for alert, t in begun.items() if alert in first),
    )


HEADER = f"""\
{"":28} alerts messages  lost resent   shown shown  not    no  faults   commit to screen, seconds       took
{"":28}                              twice again  shown sound         50 %   95 %   99 %    max"""


def row(v: Verdict) -> str:
    """A line of the table."""
    delays = " ".join(f"{v.percentile(p):6.1f}" for p in (0.5, 0.95, 0.99, 1.0))
    faults = sum(n for name, n in v.faults.items() if not name.startswith(OF_THEM))
    return (
        f"{v.name:28} {v.alerts:6} {v.accepted:8} {len(v.lost) + len(v.late):5} {v.resent:6} {v.shown_twice:5} "
        f"{v.shown_again:5} {v.never_shown:6} {v.never_sounded:5} {faults:7} {delays}  {v.took_s:6.0f} s"
    )
