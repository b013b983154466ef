"""The life of an alert, from a fall, a help call or a test to the person who closes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from pydantic import TypeAdapter

from falld.alert.draft import Answer, Draft, Kind, OpenAlert, Withdrawal
from falld.alert.episode import TRANSITIONS, Cause, Episode, Event
from falld.alert.uuid7 import uuid7

OPEN_TESTS = 16
"""Test alarms of one wearer that stand open before the next is a note on the newest: it still reaches the hub.
Falls and calls need no such bound, for while one alert of a wearer is open they are notes on it."""
_EPISODES = TypeAdapter(list[Episode])


class Life:
    """All alerts of a home. Pure: every method takes the time and gives the messages that are now due, in order.

    What is due by then comes first, whether or not `advance` was called for it. What a method changed must be
    committed together with what it gave, also where it gave nothing: `dump` has it. Times are seconds of
    CLOCK_BOOTTIME and never run backwards; impacts may come in any order.

    Args:
        boot_id: the boot whose CLOCK_BOOTTIME the times are.
        raise_after_s: what the wearer has to cancel a fall; 0 raises at once.
    """

    def __init__(self, *, boot_id: str, raise_after_s: float = 20.0, new_id: Callable[[], str] = uuid7) -> None:
        self._boot_id = boot_id
        self.raise_after_s = raise_after_s
        self._new_id = new_id
        self._episodes: list[Episode] = []  # oldest first; at most one of a wearer is open, tests aside

    def fall(
        self,
        now: float,
        wearer: str,
        source: str,
        impact_t: float,
        *,
        probability: float | None,
        model: str | None,
        why: str,
    ) -> list[Draft]:
        """A wearable reports a fall: a new one, the same seen by another wearable, or one told before."""
        due = self.advance(now)
        cause = Cause(self._boot_id, impact_t, probability, why, model)
        known = [e for e in self._episodes if e.wearer == wearer and e.kind != "test"]
        if any(e.knows(source, impact_t) for e in known):
            return due
        episode = next((e for e in reversed(known) if e.takes(cause)), None)
        if episode is None:
            episode = self._new(wearer, "fall", cause)
            episode.report(source, cause, further=True)
            return [*due, *self._begin(episode, now, self.raise_after_s)]
        further = not episode.is_latest(source, cause)
        if further:
            episode.arm(now)
        episode.report(source, cause, further=further)
        if further:
            return [*due, *self._step(episode, "further_fall", now, cause), *self.advance(now)]
        return [*due, *self._step(episode, "same_fall", now, replace(cause, impact_t=episode.cause.impact_t))]

    def recovered(self, now: float, wearer: str, impact_t: float) -> list[Draft]:
        """The wearer is up again after the fall with this impact. Counts for the latest fall alone."""
        due = self.advance(now)
        episode = self._open(wearer)
        if episode is None or not episode.recovery_counts(impact_t):
            return due
        return [*due, *self._withdraw(episode, "recovery", "recovered", now)]

    def cancel(self, now: float, wearer: str) -> list[Draft]:
        """The wearer says that no help is needed. Does not touch a test alarm."""
        due = self.advance(now)
        episode = self._open(wearer)
        return due if episode is None else [*due, *self._withdraw(episode, "cancel", "cancelled", now)]

    def help(self, now: float, wearer: str, source: str | None = None) -> list[Draft]:
        """The wearer calls for help: a call of its own, or a suspected fall is raised at once."""
        due = self.advance(now)
        episode = self._open(wearer)
        call = Cause(self._boot_id, None, None, "help called", None)
        if episode is None:
            episode = self._new(wearer, "help", call)
            episode.name_source(source)
            return [*due, *self._begin(episode, now, 0.0)]
        episode.name_source(source)
        return [*due, *self._call(episode, now, call)]

    def test(self, now: float, wearer: str) -> list[Draft]:
        """A test alarm, apart from falls and calls. `wearer` may be the home's own id."""
        due = self.advance(now)
        cause = Cause(self._boot_id, None, None, "test alarm", None)
        tests = [e for e in self._episodes if e.open and e.kind == "test" and e.wearer == wearer]
        if len(tests) >= OPEN_TESTS:
            return [*due, *self._call(tests[-1], now, cause)]
        return [*due, *self._begin(self._new(wearer, "test", cause), now, 0.0)]

    def respond(self, now: float, alert_id: str, response: Answer, hub: str, by: str) -> list[Draft]:
        """A person answers at a hub. Any hub's `resolved` or `false_alarm` closes the alert; of `seen` and
        `attending` those of the hub that answered first are kept."""
        due = self.advance(now)
        episode = next((e for e in self._episodes if e.alert_id == alert_id and e.state != "closed"), None)
        if episode is None:
            return due
        closes = response in ("resolved", "false_alarm")
        if closes or episode.hub in (None, hub):
            episode.response, episode.hub, episode.by = response, hub, by
        return [*due, *self._step(episode, "close", now, episode.cause)] if closes else due

    def advance(self, now: float) -> list[Draft]:
        """Raise what is due, and forget what can no longer matter."""
        self._episodes = [e for e in self._episodes if e.matters(now)]
        due = [e for e in self._episodes if e.deadline is not None and e.deadline <= now]
        due.sort(key=lambda e: e.deadline or 0.0)
        return [draft for e in due for draft in self._step(e, "due", now, e.cause)]

    def next_deadline(self) -> float | None:
        """When `advance` has something to raise."""
        return min((e.deadline for e in self._episodes if e.deadline is not None), default=None)

    def open_alerts(self) -> list[OpenAlert]:
        """What no person has closed, oldest first."""
        return [
            OpenAlert(
                alert_id=e.alert_id,
                wearer=e.wearer,
                kind=e.kind,
                state="raised" if e.state == "raised" else "suspected",
                withdrawn=e.withdrawn[-1] if e.withdrawn else None,
                seq=e.seq,
                sources=tuple(e.sources),
                falls=e.falls or None,
                raised_t=e.raised_t,
                begun_t=e.begun_t,
                begun_seq=e.begun_seq,
                response=e.response,
                hub=e.hub,
                by=e.by,
            )
            for e in self._episodes
            if e.open
        ]

    def dump(self) -> dict[str, Any]:
        """The state as JSON has it."""
        return {"boot_id": self._boot_id, "episodes": _EPISODES.dump_python(self._episodes, mode="json")}

    @classmethod
    def load(
        cls,
        data: dict[str, Any],
        *,
        now: float,
        boot_id: str,
        raise_after_s: float = 20.0,
        new_id: Callable[[], str] = uuid7,
    ) -> Self:
        """What `dump` gave, in the same boot or a later one.

        After a reboot open alerts stay open and a suspected one is due at once; what was quiet or closed is over.
        """
        life = cls(boot_id=boot_id, raise_after_s=raise_after_s, new_id=new_id)
        life._episodes = _EPISODES.validate_python(data["episodes"])
        if data["boot_id"] != boot_id:
            life._episodes = [e for e in life._episodes if e.open]
            for episode in life._episodes:
                episode.survive_reboot(now)
        return life

    def _open(self, wearer: str) -> Episode | None:
        return next((e for e in self._episodes if e.open and e.wearer == wearer and e.kind != "test"), None)

    def _new(self, wearer: str, kind: Kind, cause: Cause) -> Episode:
        episode = Episode(self._new_id(), wearer, kind, cause)
        self._episodes.append(episode)
        return episode

    def _begin(self, episode: Episode, now: float, raise_after_s: float) -> list[Draft]:
        episode.enter("suspected", now, raise_after_s)
        return [episode.draft("suspected", now, episode.cause), *self.advance(now)]

    def _step(self, episode: Episode, event: Event, now: float, cause: Cause) -> list[Draft]:
        word, state = TRANSITIONS.get((episode.state, event), (None, episode.state))
        episode.enter(state, now, self.raise_after_s)
        return [] if word is None else [episode.draft(word, now, cause)]

    def _call(self, episode: Episode, now: float, call: Cause) -> list[Draft]:
        """Told on what is open, with the fall that it is about where there was one."""
        episode.arm(now)
        about = replace(episode.cause, why=f"{call.why}; {episode.cause.why}") if episode.falls else call
        return self._step(episode, "call", now, about)

    def _withdraw(self, episode: Episode, event: Event, word: Withdrawal, now: float) -> list[Draft]:
        """Once for each fall or call."""
        if word in episode.withdrawn:
            return []
        episode.withdrawn.append(word)
        return self._step(episode, event, now, episode.cause)
