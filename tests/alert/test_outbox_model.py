"""The outbox against a model of it, through restarts and reboots."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from falld.alert.outbox import Committed, Outbox, Row
from falld.alert.wire import Alert, parse


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
        self.boots, self.now, self.made = 1, 0.0, 0
        self.rows: dict[tuple[str, int], Kept] = {}
        self.gone: set[tuple[str, int]] = set()
        self.life: dict[str, Any] | None = None

    @property
    def boot(self) -> str:
        return f"boot-{self.boots}"

    @rule(seconds=st.sampled_from([0.5, 4.0, 10.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(0, 3), ago_s=st.none() | st.sampled_from([0.0, 2.5]))
    def commit(self, count: int, ago_s: float | None) -> None:
        impact_t = None if ago_s is None else self.now - ago_s
        new = []
        for _ in range(count):
            self.made += 1
            key = (f"00000000-0000-7000-8000-{self.made // 2:012x}", self.made % 2 + 1)
            new.append(Committed(*key, body(*key, self.boot), self.boot, impact_t, None))
            self.rows[key] = Kept(self.boot, self.now, impact_t)
        self.life = {"boot_id": self.boot, "made": self.made}
        self.outbox.commit(new, self.life, self.now)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.outbox.due(100)))
        kept = self.rows[row.alert_id, row.seq]
        kept.attempt += 1
        if kept.late is None:
            kept.late = kept.boot != self.boot or self.now - kept.t > 10.0
        age_s = self.now - kept.impact_t if kept.impact_t is not None and kept.boot == self.boot else None
        alert = parse(Alert, self.outbox.sending(row, self.now, self.boot), "alert")
        assert (alert.alert_id, alert.seq) == (row.alert_id, row.seq)
        assert (alert.age_s, alert.attempt, alert.late) == (age_s, kept.attempt, kept.late)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.rows)))
        del self.rows[key]
        self.gone.add(key)
        assert self.outbox.ack(*key) is True

    @rule(data=st.data())
    def acknowledge_what_is_not_there(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([("00000000-0000-7000-8000-ffffffffffff", 1), *sorted(self.gone)]))
        assert self.outbox.ack(*key) is False

    @rule(reboot=st.booleans())
    def start_again(self, reboot: bool) -> None:
        self.outbox.close()
        self.outbox = Outbox.open(self.path)
        if reboot:
            self.boots, self.now = self.boots + 1, 0.0

    @invariant()
    def the_same_is_there(self) -> None:
        assert self.outbox.due(100) == [Row(*key, kept.attempt) for key, kept in self.rows.items()]
        assert len(self.outbox) == len(self.rows)
        assert self.outbox.life() == (None if self.life is None else (self.life, self.life["boot_id"]))

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


TestOutboxAgainstAModel = AgainstAModel.TestCase
TestOutboxAgainstAModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
