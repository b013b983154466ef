"""The life of alerts against a model of it, written from what is promised and not from the table of transitions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from falld.alert.draft import Answer, Draft
from falld.alert.life import Life

RAISE_AFTER_S = 20.0
SOURCES = ("watch", "belt")


@dataclass
class Modelled:
    """An alert as the model has it."""

    alert_id: str
    kind: str
    state: str = "suspected"
    seq: int = 0
    deadline: float = 0.0
    falls: int = 0
    impact_t: float | None = None
    """Of the latest fall; None: there was none, or it was before a reboot."""
    seen_by: set[str] = field(default_factory=set)
    """Who reported the latest fall."""
    withdrawn: list[str] = field(default_factory=list)
    answered: tuple[str, str] | None = None

    @property
    def open(self) -> bool:
        return self.state in ("suspected", "raised")

    def says(self, word: str) -> tuple[str, int, str]:
        self.seq += 1
        return self.alert_id, self.seq, word


class AgainstAModel(RuleBasedStateMachine):
    """One wearer with two wearables; falls are told as they happen."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.boots, self.ids = 1000.0, 1, 0
        self.life = Life(boot_id="boot-1", raise_after_s=RAISE_AFTER_S, new_id=self.new_id)
        self.alerts: list[Modelled] = []

    def new_id(self) -> str:
        self.ids += 1
        return f"alert-{self.ids}"

    def begin(self, kind: str) -> Modelled:
        alert = Modelled(f"alert-{len(self.alerts) + 1}", kind)
        self.alerts.append(alert)
        return alert

    def current(self) -> Modelled | None:
        return next((a for a in self.alerts if a.open and a.kind != "test"), None)

    def check(self, drafts: list[Draft], *said: tuple[str, int, str]) -> None:
        assert [(d.alert_id, d.seq, d.state) for d in drafts] == list(said)

    def raised(self, alert: Modelled) -> tuple[str, int, str]:
        alert.state = "raised"
        return alert.says("raised")

    @rule(seconds=st.sampled_from([1.5, 5.0, 12.0, 29.0, 35.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        """And what is due is raised, in the order of the deadlines."""
        self.now += seconds
        due = [a for a in self.alerts if a.state == "suspected" and a.deadline <= self.now]
        said = [self.raised(alert) for alert in sorted(due, key=lambda a: a.deadline)]
        self.check(self.life.advance(self.now), *said)

    @rule(source=st.sampled_from(SOURCES))
    def fall(self, source: str) -> None:
        """Reports are a second apart at least; nearer ones of one wearable are one."""
        self.time_passes(1.0)
        drafts = self.life.fall(self.now, "anna", source, self.now, probability=0.9, model="m", why="w")
        self.check(self.life.fall(self.now, "anna", source, self.now - 0.9, probability=0.9, model="m", why="w"))
        alert = next((a for a in reversed(self.alerts) if a.kind != "test" and self.belongs(a)), None)
        if alert is not None and self.same(alert, source):
            alert.seen_by.add(source)
            self.check(drafts, alert.says("note"))
            return
        word = "note" if alert is not None else "suspected"
        if alert is None or alert.state == "quiet":
            alert = alert or self.begin("fall")
            alert.state, alert.deadline = "suspected", self.now + RAISE_AFTER_S
        alert.falls += 1
        alert.impact_t, alert.seen_by, alert.withdrawn = self.now, {source}, []
        self.check(drafts, alert.says(word))

    def belongs(self, alert: Modelled) -> bool:
        soon = alert.impact_t is not None and self.now - alert.impact_t <= 60
        return alert.open or (alert.state == "quiet" and soon)

    def same(self, alert: Modelled, source: str) -> bool:
        return alert.impact_t is not None and self.now - alert.impact_t <= 30 and source not in alert.seen_by

    @rule()
    def cancel(self) -> None:
        self.withdraw("cancelled", self.life.cancel(self.now, "anna"), self.current())

    @rule()
    def recover(self) -> None:
        """From the latest fall of all."""
        falls = [a.impact_t for a in self.alerts if a.impact_t is not None]
        if not falls:
            return
        drafts = self.life.recovered(self.now, "anna", max(falls))
        alert = self.current()
        of_this = alert is not None and alert.impact_t is not None and max(falls) - alert.impact_t <= 30
        self.withdraw("recovered", drafts, alert if of_this else None)

    def withdraw(self, word: str, drafts: list[Draft], alert: Modelled | None) -> None:
        if alert is None or word in alert.withdrawn:
            self.check(drafts)
            return
        alert.withdrawn.append(word)
        alert.state = "quiet" if alert.state == "suspected" else alert.state
        self.check(drafts, alert.says(word))

    @rule()
    def help(self) -> None:
        drafts = self.life.help(self.now, "anna", "watch")
        alert = self.current()
        if alert is None:
            alert = self.begin("help")
            self.check(drafts, alert.says("suspected"), self.raised(alert))
        elif alert.state == "suspected":
            alert.withdrawn = []
            self.check(drafts, self.raised(alert))
        else:
            alert.withdrawn = []
            self.check(drafts, alert.says("note"))

    @precondition(lambda self: sum(a.kind == "test" and a.open for a in self.alerts) < 16)
    @rule()
    def test(self) -> None:
        drafts = self.life.test(self.now, "anna")
        alert = self.begin("test")
        self.check(drafts, alert.says("suspected"), self.raised(alert))

    @precondition(lambda self: self.alerts)
    @rule(
        back=st.integers(1, 3),
        answer=st.sampled_from(["seen", "attending", "resolved", "false_alarm"]),
        hub=st.sampled_from(["hub-a", "hub-b"]),
    )
    def respond(self, back: int, answer: Answer, hub: str) -> None:
        alert = self.alerts[-min(back, len(self.alerts))]
        self.check(self.life.respond(self.now, alert.alert_id, answer, hub, "somebody"))
        if answer in ("resolved", "false_alarm"):
            alert.state = "closed"
        elif alert.state != "closed" and (alert.answered is None or alert.answered[1] == hub):
            alert.answered = (answer, hub)

    @rule()
    def start_again(self) -> None:
        self.load(self.now)

    @rule()
    def reboot(self) -> None:
        """What is open stays so; what is quiet is over, and what is suspected is due."""
        self.boots, self.now = self.boots + 1, 10.0
        self.load(self.now)
        for alert in self.alerts:
            alert.impact_t, alert.seen_by = None, set()
            alert.state = "closed" if alert.state == "quiet" else alert.state
        said = [self.raised(alert) for alert in self.alerts if alert.state == "suspected"]
        self.check(self.life.advance(self.now), *said)

    def load(self, now: float) -> None:
        data = json.loads(json.dumps(self.life.dump()))
        boot = f"boot-{self.boots}"
        self.life = Life.load(data, now=now, boot_id=boot, raise_after_s=RAISE_AFTER_S, new_id=self.new_id)

    @invariant()
    def what_is_open_is_the_same(self) -> None:
        told = [
            (a.alert_id, a.kind, a.state, a.seq, a.falls or 0, a.withdrawn, (a.response, a.hub))
            for a in self.life.open_alerts()
        ]
        assert told == [
            (
                *(a.alert_id, a.kind, a.state, a.seq, a.falls),
                a.withdrawn[-1] if a.withdrawn else None,
                a.answered or (None, None),
            )
            for a in self.alerts
            if a.open
        ]
        assert self.life.next_deadline() == min(
            (a.deadline for a in self.alerts if a.state == "suspected"), default=None
        )


TestLifeAgainstAModel = AgainstAModel.TestCase
TestLifeAgainstAModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
