"""The outbox between a home and two hubs, against a model, through lost messages, restarts and reboots."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from falld.alert.outbox import Committed, Outbox
from falld.alert.wire import Alert, parse

Key = tuple[str, int]
ROUTES = ("first:8883", "second:8883")
routes = st.sampled_from(ROUTES)
KNOWN = 3
"""Alerts that may get a further message; older ones are over."""


@dataclass
class Kept:
    """What the model knows of a message."""

    boot: str
    t: float
    impact_t: float | None
    attempt: int = 0
    late: bool | None = None


def body(alert_id: str, seq: int, boot: str) -> str:
    return Alert(
        alert_id=alert_id,
        seq=seq,
        wearer="anna",
        sources=(),
        kind="test",
        state="note",
        boot_id=boot,
        impact_utc=None,
        age_s=None,
        attempt=1,
        late=False,
        clock_synced=False,
        probability=None,
        why="",
        model=None,
    ).payload().decode()  # fmt: skip


class AgainstAModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.outbox = Outbox.open(self.path)
        self.boots, self.now = 1, 0.0
        self.made: dict[Key, Kept] = {}
        """All, in the order of commit."""
        self.alerts: list[str] = []
        self.offered: dict[str, set[Key]] = {route: set() for route in ROUTES}
        """What may have come to the hub of a route."""
        self.got: dict[str, set[Key]] = {route: set() for route in ROUTES}
        """What has."""
        self.acked: dict[str, set[Key]] = {route: set() for route in ROUTES}
        """And of what the home knows it."""
        self.life: dict[str, Any] | None = None

    @property
    def boot(self) -> str:
        return f"boot-{self.boots}"

    @property
    def waiting(self) -> list[Key]:
        return [key for key in self.made if not any(key in self.acked[route] for route in ROUTES)]

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=st.lists(st.integers(0, KNOWN - 1), max_size=3), ago_s=st.none() | st.sampled_from([0.0, 2.5]))
    def commit(self, which: list[int], ago_s: float | None) -> None:
        """Messages of a new alert (0), or of one that is not over."""
        impact_t = None if ago_s is None else self.now - ago_s
        new = []
        for back in which:
            if back == 0 or not self.alerts:
                self.alerts.append(f"00000000-0000-7000-8000-{len(self.alerts):012x}")
            alert_id = self.alerts[-min(max(back, 1), len(self.alerts))]
            key = (alert_id, 1 + sum(of == alert_id for of, _ in self.made))
            new.append(Committed(*key, body(*key, self.boot), self.boot, impact_t, None))
            self.made[key] = Kept(self.boot, self.now, impact_t)
        episodes = [{"alert_id": alert_id} for alert_id in self.alerts[-KNOWN:]]
        self.life = {"boot_id": self.boot, "made": len(self.made), "episodes": episodes}
        self.outbox.commit(new, self.life, self.now)

    @rule(data=st.data(), route=routes, fate=st.sampled_from(["comes", "comes", "lost", "refused"]))
    def send(self, data: st.DataObject, route: str, fate: str) -> None:
        due = self.outbox.due(route, 100)
        if not due:
            return
        row = data.draw(st.sampled_from(due))
        key = (row.alert_id, row.seq)
        kept = self.made[key]
        assert row.offered == (key in self.offered[route])
        assert row.begun == any(of == row.alert_id and seq <= row.seq for of, seq in self.offered[route])
        kept.attempt += 1
        if kept.late is None:
            kept.late = kept.boot != self.boot or self.now - kept.t > 10.0
        age_s = self.now - kept.impact_t if kept.impact_t is not None and kept.boot == self.boot else None
        alert = parse(Alert, self.outbox.sending(row, self.now, self.boot), "alert")
        assert (alert.alert_id, alert.seq) == key
        assert (alert.age_s, alert.attempt, alert.late) == (age_s, kept.attempt, kept.late)
        if fate == "refused":
            self.outbox.refused(row)
        else:
            self.offered[route].add(key)
        if fate == "comes":
            self.got[route].add(key)

    @rule(data=st.data(), route=routes)
    def a_hub_acknowledges(self, data: st.DataObject, route: str) -> None:
        """Each copy, so also what the home knows."""
        if self.got[route]:
            self.acknowledge(data.draw(st.sampled_from(sorted(self.got[route]))), route)

    def acknowledge(self, key: Key, route: str) -> None:
        there = key in self.waiting or any(key == (r.alert_id, r.seq) for r in self.outbox.due(route, 100))
        news = self.outbox.ack(*key, route)
        assert not news or key not in self.acked[route]
        assert news or not there
        self.acked[route].add(key)

    @rule(reboot=st.booleans())
    def start_again(self, reboot: bool) -> None:
        self.outbox.close()
        self.outbox = Outbox.open(self.path)
        self.outbox.keep_routes(ROUTES)
        if reboot:
            self.boots, self.now = self.boots + 1, 0.0

    @invariant()
    def what_no_hub_has_committed_waits_for_every_route(self) -> None:
        assert self.outbox.waiting() == self.waiting
        assert len(self.outbox) == len(self.waiting)
        for route in ROUTES:
            due = [(row.alert_id, row.seq) for row in self.outbox.due(route, 100)]
            assert due == [key for key in self.made if key in due]
            assert set(self.waiting) <= set(due)
            assert not self.acked[route] & set(due)

    @invariant()
    def a_hub_gets_all_that_follows_what_it_may_have(self) -> None:
        for route in ROUTES:
            due = {(row.alert_id, row.seq) for row in self.outbox.due(route, 100)}
            for alert_id, first in self.offered[route]:
                later = {(of, seq) for of, seq in self.made if of == alert_id and seq > first}
                assert later <= due | self.acked[route]

    @invariant()
    def the_life_is_there(self) -> None:
        assert self.outbox.life() == (None if self.life is None else (self.life, self.life["boot_id"]))

    def teardown(self) -> None:
        """Where every message comes and every hub acknowledges, nothing is left."""
        for _ in range(2):  # what is sent first may make another one due
            for route in ROUTES:
                for row in self.outbox.due(route, 1000):
                    self.outbox.sending(row, self.now, self.boot)
                    self.outbox.ack(row.alert_id, row.seq, route)
        assert self.outbox._db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        self.outbox.commit([], {"boot_id": self.boot, "episodes": []}, self.now)
        assert self.outbox._db.execute("SELECT count(*) FROM offered").fetchone() == (0,)
        self.outbox.close()
        self.folder.cleanup()


TestOutboxAgainstAModel = AgainstAModel.TestCase
TestOutboxAgainstAModel.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
