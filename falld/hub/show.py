"""What a responder is told, one line each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from falld.alert.draft import Answer, Kind, Word
from falld.alert.message import utc_text
from falld.alert.wire import Alert
from falld.hub.standing import Standing
from falld.text import printable

_WORD_WIDTH = len("suspected")


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert is new, or a newer message of it came, or the hub raised it."""

    utc: datetime
    home: str
    alert_id: str
    seq: int
    word: Word
    """What the message says; `raised` where the hub raised the alert or cannot read the message."""
    sounds: bool
    """Whether a responder must look now."""
    raised_by: str | None
    wearer: str | None
    kind: Kind | None
    age_s: float | None
    """Seconds since the impact; None: not known, or none."""
    impact_utc: datetime | None
    probability: float | None
    why: str
    falls: int | None
    again: bool = False
    """The hub began anew: it may have been shown before."""

    def line(self) -> str:
        word = (self.word.upper() if self.sounds else self.word).ljust(_WORD_WIDTH)
        kind = self.kind or "alert"
        parts = [
            f"{kind} of {self.wearer} in home {self.home}" if self.wearer else f"{kind} in home {self.home}",
            f"fall {self.falls}" if self.falls is not None and self.falls > 1 else "",
            self._when(),
            "" if self.probability is None else f"{self.probability:.0%}",
            self.why,
            "still open" if self.again else "",
            "raised by this hub" if self.sounds and self.raised_by == "hub" else "",
            f"alert {self.alert_id}",
        ]
        return printable(f"{_time(self.utc)} {word} {', '.join(part for part in parts if part)}")

    def _when(self) -> str:
        if self.age_s is not None:
            return f"impact {_span(self.age_s)} ago"
        return "" if self.impact_utc is None else f"impact at {utc_text(self.impact_utc)}"


@dataclass(frozen=True, slots=True)
class ResponseSent:
    """A person's response is on its way to the home."""

    utc: datetime
    home: str
    alert_id: str
    response: Answer
    by: str

    def line(self) -> str:
        told = f"{self.response} by {self.by} told to home {self.home}, alert {self.alert_id}"
        return printable(f"{_time(self.utc)} {'response'.ljust(_WORD_WIDTH)} {told}")


@dataclass(frozen=True, slots=True)
class Learnt:
    """A person has responded, as the home tells: at another hub, or here and it is not in the store."""

    utc: datetime
    home: str
    alert_id: str
    response: Answer
    by: str
    hub: str

    def line(self) -> str:
        told = f"{self.response} by {self.by} at {self.hub}, home {self.home}, alert {self.alert_id}"
        return printable(f"{_time(self.utc)} {'elsewhere'.ljust(_WORD_WIDTH)} {told}")


@dataclass(frozen=True, slots=True)
class HomeChange:
    """A home is there or gone, or tells of other faults than before."""

    utc: datetime
    home: str
    online: bool | None
    """None: it has not said."""
    faults: tuple[str, ...]

    def line(self) -> str:
        word = "home" if self.online is None else "online" if self.online else "OFFLINE"
        faults = f": {'; '.join(self.faults)}" if self.faults else ""
        return printable(f"{_time(self.utc)} {word.ljust(_WORD_WIDTH)} home {self.home}{faults}")


@dataclass(frozen=True, slots=True)
class PassedOn:
    """It is a responder's turn to look after an alert."""

    utc: datetime
    home: str
    alert_id: str
    turn: int
    responder: str
    why: str
    """Empty: it was raised."""

    def line(self) -> str:
        word = "PASSED ON" if self.turn > 1 else "to"
        why = f", {self.why}" if self.why else ""
        text = f"{self.responder}, home {self.home}{why}, alert {self.alert_id}"
        return printable(f"{_time(self.utc)} {word.ljust(_WORD_WIDTH)} {'to ' if self.turn > 1 else ''}{text}")


@dataclass(frozen=True, slots=True)
class NotTold:
    """A responder's command failed."""

    utc: datetime
    home: str
    alert_id: str
    responder: str
    why: str

    def line(self) -> str:
        text = f"{self.responder} of home {self.home}: {self.why}, alert {self.alert_id}"
        return printable(f"{_time(self.utc)} {'NOT TOLD'.ljust(_WORD_WIDTH)} {text}")


Event = AlertChange | ResponseSent | Learnt | HomeChange | PassedOn | NotTold
_NAMES = {
    AlertChange: "alert",
    ResponseSent: "response",
    Learnt: "elsewhere",
    HomeChange: "home",
    PassedOn: "passed_on",
    NotTold: "not_told",
}


def of_message(utc: datetime, home: str, alert_id: str, alert: Alert | None, standing: Standing) -> AlertChange:
    """A message that is the newest of its alert; `alert` None: it cannot be read."""
    if alert is None:
        return _change(utc, home, alert_id, None, standing, "raised", True, "a message that cannot be read")
    sounds = standing.raised_by is not None and alert.state in ("raised", "note")
    return _change(utc, home, alert_id, alert, standing, alert.state, sounds, alert.why)


def of_silence(utc: datetime, home: str, alert_id: str, alert: Alert | None, standing: Standing) -> AlertChange:
    """The hub raised an alert of whose home it heard no more; `alert`: its last message."""
    why = f"no word since from the home; {alert.why}" if alert and alert.why else "no word since from the home"
    return _change(utc, home, alert_id, alert, standing, "raised", True, why)


def of_restart(utc: datetime, home: str, alert_id: str, alert: Alert | None, standing: Standing) -> AlertChange:
    """Raised before the hub ended, and nobody has answered: whether anybody was shown it is not known."""
    why = alert.why if alert else "a message that cannot be read"
    sounds = standing.state == "raised"
    return replace(_change(utc, home, alert_id, alert, standing, standing.state, sounds, why), again=True)


def of_turn(utc: datetime, home: str, alert_id: str, alert: Alert | None, standing: Standing) -> AlertChange:
    """How an alert is when a responder is told of it; `alert`: its last message."""
    why = alert.why if alert else "a message that cannot be read"
    return _change(utc, home, alert_id, alert, standing, standing.state, True, why)


def _change(
    utc: datetime, home: str, alert_id: str, alert: Alert | None, standing: Standing, word: Word, sounds: bool, why: str
) -> AlertChange:
    return AlertChange(
        utc=utc,
        home=home,
        alert_id=alert_id,
        seq=standing.last_seq,
        word=word,
        sounds=sounds,
        raised_by=standing.raised_by,
        wearer=alert.wearer if alert else None,
        kind=alert.kind if alert else None,
        age_s=alert.age_s if alert else None,
        impact_utc=alert.impact_utc if alert else None,
        probability=alert.probability if alert else None,
        why=why,
        falls=alert.falls if alert else None,
    )


def as_json(event: Event) -> dict[str, Any]:
    """The event as JSON has it, with `event`: alert, response or home."""
    said: dict[str, Any] = {"event": _NAMES[type(event)]}
    for field in fields(event):
        value = getattr(event, field.name)
        said[field.name] = utc_text(value) if isinstance(value, datetime) else value
    return said


def _time(utc: datetime) -> str:
    return f"{utc:%Y-%m-%d %H:%M:%SZ}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
