"""What holds of the life of an alert whatever happens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from falld.alert.draft import Answer, Draft
from falld.alert.life import Life

Verb = Literal["fall", "repeat", "recovered", "cancel", "help", "test", "respond", "wait"]
VERBS: tuple[Verb, ...] = (
    *("fall", "fall", "fall", "repeat", "recovered"),
    *("cancel", "help", "test", "respond", "wait"),
)
FOREVER = 1e9


@dataclass(frozen=True)
class Happening:
    after_s: float
    verb: Verb
    wearer: str
    source: str
    ago_s: float
    """Impact before now."""
    which: int
    """Counted from the latest alert or fall back."""
    answer: Answer


@dataclass
class Told:
    """A report of a fall, and what it gave."""

    wearer: str
    source: str
    impact_t: float
    drafts: list[Draft]


@dataclass
class Trace:
    drafts: list[Draft] = field(default_factory=list)
    falls: list[Told] = field(default_factory=list)
    closed: dict[str, int] = field(default_factory=dict)
    """Alert to the number of drafts there were when a person closed it."""


happenings = st.lists(
    st.builds(
        Happening,
        after_s=st.sampled_from([0.0, 0.25, 2.0, 10.0, 19.75, 20.0, 29.0, 31.0, 59.0, 61.0, 121.0, 4000.0]),
        verb=st.sampled_from(
            ["fall", "fall", "fall", "repeat", "recovered", "cancel", "help", "test", "respond", "wait"]
        ),
        wearer=st.sampled_from(["anna", "anna", "anna", "bert"]),
        source=st.sampled_from(["watch", "belt"]),
        ago_s=st.sampled_from([0.0, 2.5, 8.0, 40.0]),
        which=st.integers(0, 3),
        answer=st.sampled_from(["seen", "attending", "resolved", "false_alarm"]),
    ),
    max_size=25,
)


def advanced(life: Life, until: float) -> list[Draft]:
    """As the rim does it: `advance` at every deadline."""
    drafts: list[Draft] = []
    while (deadline := life.next_deadline()) is not None and deadline <= until:
        drafts += life.advance(deadline)
    return drafts


def restarted(life: Life, now: float) -> Life:
    data = json.loads(json.dumps(life.dump()))
    # The maker of ids is the host's, and outlives the program here.
    return Life.load(data, now=now, boot_id=data["boot_id"], new_id=life._new_id)


def run(story: list[Happening], *, restart: bool = False, fuss: bool = False) -> Trace:
    count = iter(range(1, 10_000))
    life = Life(boot_id="boot-1", new_id=lambda: f"alert-{next(count)}")
    trace, now = Trace(), 1000.0
    for h in story:
        before, now = now, now + h.after_s
        trace.drafts += advanced(life, now)
        if fuss:
            trace.drafts += [d for part in (0.5, 1.0) for d in life.advance(before + part * h.after_s)]
        if restart:
            life = restarted(life, now)
        trace.drafts += happen(life, h, now, trace)
    trace.drafts += advanced(life, FOREVER)
    return trace


def happen(life: Life, h: Happening, now: float, trace: Trace) -> list[Draft]:
    alerts = list(dict.fromkeys(d.alert_id for d in reversed(trace.drafts)))
    told = trace.falls[-1 - h.which] if h.which < len(trace.falls) else None
    match h.verb:
        case "fall" | "repeat":
            wearer, source, impact_t = h.wearer, h.source, now - h.ago_s
            if h.verb == "repeat" and told is not None:
                wearer, source, impact_t = told.wearer, told.source, told.impact_t + 0.5
            drafts = life.fall(now, wearer, source, impact_t, probability=0.9, model="m", why="w")
            trace.falls.append(Told(wearer, source, impact_t, drafts))
            return drafts
        case "recovered":
            return life.recovered(now, h.wearer, told.impact_t if told else now)
        case "cancel":
            return life.cancel(now, h.wearer)
        case "help":
            return life.help(now, h.wearer, h.source)
        case "test":
            return life.test(now, h.wearer)
        case "respond" if h.which < len(alerts):
            if h.answer in ("resolved", "false_alarm"):
                trace.closed.setdefault(alerts[h.which], len(trace.drafts))
            return life.respond(now, alerts[h.which], h.answer, "hub-1", "x")
        case _:
            return life.advance(now)


def by_alert(drafts: list[Draft]) -> dict[str, list[Draft]]:
    return {key: [d for d in drafts if d.alert_id == key] for key in {d.alert_id for d in drafts}}


@settings(max_examples=120, deadline=None)
@given(happenings)
def test_every_alert_is_in_order(story: list[Happening]) -> None:
    trace = run(story)
    for drafts in by_alert(trace.drafts).values():
        states = [d.state for d in drafts]
        assert [d.seq for d in drafts] == list(range(1, len(drafts) + 1))
        assert states[0] == "suspected"
        assert states.count("suspected") == 1
        assert states.count("raised") <= 1
        assert len({(d.wearer, d.kind) for d in drafts}) == 1
        counts = [d.falls or 0 for d in drafts]
        assert counts == sorted(counts)
        if drafts[0].kind != "fall":
            assert states[1] == "raised"


@settings(max_examples=120, deadline=None)
@given(happenings)
def test_a_closed_alert_says_nothing_more(story: list[Happening]) -> None:
    trace = run(story)
    for alert_id, since in trace.closed.items():
        assert all(d.alert_id != alert_id for d in trace.drafts[since:])


@settings(max_examples=200, deadline=None)
@given(happenings)
def test_no_fall_is_lost(story: list[Happening]) -> None:
    """Each report gives a message that is its own, or tells an impact that this wearable has told before."""
    trace = run(story)
    said = {id(d): place for place, d in enumerate(trace.drafts)}
    for n, told in enumerate(trace.falls):
        mine = [d for d in told.drafts if d.wearer == told.wearer and d.state in ("suspected", "note")]
        if not mine:
            assert any(
                (t.wearer, t.source) == (told.wearer, told.source) and abs(t.impact_t - told.impact_t) < 1.0
                for t in trace.falls[:n]
            )
            continue
        (draft,) = mine
        later = trace.drafts[said[id(draft)] + 1 :]
        earlier = trace.drafts[: said[id(draft)]]
        settled = {d.state for d in later if d.alert_id == draft.alert_id} & {"raised", "cancelled", "recovered"}
        before = [d for d in earlier if d.alert_id == draft.alert_id]
        if draft.raise_after_s is not None:
            assert settled or draft.alert_id in trace.closed
        else:
            was_raised = any(d.state == "raised" for d in before)
            assert was_raised or draft.falls == before[-1].falls  # or the wearer withdrew this very fall


@settings(max_examples=60, deadline=None)
@given(happenings)
def test_a_restart_changes_nothing(story: list[Happening]) -> None:
    assert run(story, restart=True).drafts == run(story).drafts


@settings(max_examples=60, deadline=None)
@given(happenings)
def test_advancing_more_often_changes_nothing(story: list[Happening]) -> None:
    assert run(story, fuss=True).drafts == run(story).drafts


@settings(max_examples=60, deadline=None)
@given(happenings, st.floats(0.0, 1e6))
def test_a_reboot_loses_no_open_alert(story: list[Happening], now: float) -> None:
    count = iter(range(1, 10_000))
    life = Life(boot_id="boot-1", new_id=lambda: f"alert-{next(count)}")
    trace, then = Trace(), 1000.0
    for h in story:
        then += h.after_s
        trace.drafts += advanced(life, then)
        trace.drafts += happen(life, h, then, trace)
    before = life.open_alerts()
    again = Life.load(life.dump(), now=now, boot_id="boot-2", new_id=lambda: "alert-new")
    raised = again.advance(now)
    assert [d.alert_id for d in raised] == [a.alert_id for a in before if a.state == "suspected"]
    assert [(d.state, d.boot_id) for d in raised] == [("raised", "boot-1")] * len(raised)
    assert [a.alert_id for a in again.open_alerts()] == [a.alert_id for a in before]
    assert again.next_deadline() is None


@settings(max_examples=60, deadline=None)
@given(happenings)
def test_wearers_do_not_touch_each_other(story: list[Happening]) -> None:
    alone = [h for h in story if h.verb not in ("respond", "repeat", "recovered")]
    anna = [h for h in alone if h.wearer == "anna"]

    def said(story: list[Happening]) -> list[tuple[object, ...]]:
        drafts = [d for d in run(story).drafts if d.wearer == "anna"]
        return [(d.seq, d.state, d.kind, d.falls, d.sources) for d in drafts]

    # Bert's happenings take time too: they stay as waits.
    quiet = [h if h in anna else Happening(h.after_s, "wait", "bert", h.source, 0.0, 0, "seen") for h in alone]
    assert said(alone) == said(quiet)
