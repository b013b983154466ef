"""What of `falld hub` looks at the store, also while the hub runs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from falld.alert.clock import utc_now
from falld.alert.message import utc_text
from falld.hub.backup import back_up
from falld.hub.counters import MEANINGS
from falld.hub.homes import HomeState
from falld.hub.responders import Turn
from falld.hub.store import Entry, Store
from falld.text import printable

TURNS = 3
"""The last that a line has; `--json` has all that are kept."""


def default_store() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "falld", "hub.db")


def store_option(help_text: str) -> Callable[[Any], Any]:
    return click.option(
        "--store",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        envvar="FALLD_HUB_STORE",
        help=help_text,
    )


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[Store]:
    """The store that is there."""
    store = Store.open(path or default_store(), create=False)
    with contextlib.closing(store):
        yield store


@click.command("list")
@store_option("Where the hub keeps its alerts.")
@click.option("--json", "as_jsonl", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_alerts(group_store: Path | None, store: Path | None, as_jsonl: bool) -> None:
    """List the alerts, oldest first; also while the hub runs."""
    with opened(store or group_store) as there:
        for entry in there.entries():
            click.echo(json.dumps(_entry(entry)) if as_jsonl else _entry_line(entry))


@click.command()
@store_option("Where the hub keeps its alerts.")
@click.option("--json", "as_jsonl", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def homes(group_store: Path | None, store: Path | None, as_jsonl: bool) -> None:
    """List the homes: who is there since when, what is wrong, and what they hold open that is not in the store.

    What homes say is written down every 10 s.
    """
    with opened(store or group_store) as there:
        states = there.homes.all()
        known = {(entry.home, entry.alert_id) for entry in there.entries()}
    utc = utc_now()
    for state in states:
        missing = [
            one for one in (state.health.open if state.health else ()) if (state.home, one.alert_id) not in known
        ]
        if as_jsonl:
            said = {
                "home": state.home,
                "online": state.online,
                "since": _utc(state.since),
                "health_utc": _utc(state.health_utc),
                "silent_s": state.silent_s(utc),
                "faults": state.faults,
                "last_test": _utc(state.last_test),
                "open_elsewhere": [one.alert_id for one in missing],
            }
            click.echo(json.dumps(said))
            continue
        click.echo(printable(_home_line(state, utc)))
        for fault in state.faults:
            click.echo(printable(f"    {fault}"))
        for one in missing:
            answered = f"{one.response} by {one.by}" if one.response else "no response"
            click.echo(printable(f"    alert {one.alert_id}, {one.kind} of {one.wearer}, is open there: {answered}"))


@click.command()
@store_option("Where the hub keeps its alerts.")
@click.option("--json", "as_jsonl", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def counters(group_store: Path | None, store: Path | None, as_jsonl: bool) -> None:
    """What came and went since the store began, also what was not acknowledged; written down every 10 s."""
    with opened(store or group_store) as there:
        counts = there.homes.counters()
    for name, meaning in MEANINGS.items():
        count, last = counts.get(name, (0, None))
        if as_jsonl:
            click.echo(json.dumps({"name": name, "count": count, "last": _utc(last)}))
        else:
            click.echo(f"{count:9} {meaning}" + (f" (last {_utc(last)})" if last else ""))


@click.command()
@click.argument("copy", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@store_option("Where the hub keeps its alerts.")
@click.pass_obj
def backup(group_store: Path | None, store: Path | None, copy: Path) -> None:
    """Copy the store, while the hub runs, into FILE, whole and checked."""
    size = back_up(store or group_store or default_store(), copy)
    click.echo(f"{copy}: {size} bytes, whole")


@click.command()
@click.argument("home")
@store_option("Where the hub keeps its alerts.")
@click.pass_obj
def forget(group_store: Path | None, store: Path | None, home: str) -> None:
    """Delete all that is kept of a HOME that was taken out; not while an alert of it is open."""
    with opened(store or group_store) as there:
        known = {state.home for state in there.homes.all()}
        if home not in known:
            raise click.UsageError(f"no home {home} is in the store: see `falld hub homes`")
        count = there.retention.home(home)
    click.echo(f"home {home} is forgotten, with {count} alerts; take its user and what it retained off the broker too")


def _utc(utc: datetime | None) -> str | None:
    return utc_text(utc) if utc else None


def _home_line(state: HomeState, utc: datetime) -> str:
    silent = state.silent_s(utc)
    word = "?" if state.online is None else "online" if state.online else "OFFLINE"
    if silent is not None:
        word = "SILENT"
    parts = [
        f"{'since' if state.online is not None else ''} {_utc(state.since) or ''}".strip(),
        f"no health for {silent:.0f} s" if silent is not None else "",
        "" if state.health_utc else "no health yet",
        f"{len(state.faults)} faults" if state.faults else "",
        f"last test alarm {_utc(state.last_test)}" if state.last_test else "no test alarm yet",
    ]
    return f"{state.home} {word:7} {', '.join(part for part in parts if part)}"


def _entry(entry: Entry) -> dict[str, Any]:
    latest = entry.latest
    return {
        "home": entry.home,
        "alert_id": entry.alert_id,
        "kind": latest.kind if latest else None,
        "wearer": latest.wearer if latest else None,
        "state": entry.standing.state,
        "last_seq": entry.standing.last_seq,
        "raised_by": entry.standing.raised_by,
        "open": entry.open,
        "clip": entry.clip,
        "responses": [
            {"response": r.response, "by": r.by, "utc": utc_text(r.utc), "hub": r.hub} for r in entry.replies
        ],
        "told": [
            {"responder": t.responder, "utc": utc_text(t.utc), "failed": t.outcome == "failed"} for t in entry.turns
        ],
    }


def _entry_line(entry: Entry) -> str:
    latest = entry.latest
    state = entry.standing.state.upper() if entry.open else entry.standing.state
    what = f"{latest.kind} of {latest.wearer}" if latest else "unreadable"
    answers = [f"{r.response} by {r.by}" + (f" at {r.hub}" if r.hub else "") for r in entry.replies]
    passed = [_turn_words(turn) for turn in entry.turns[-TURNS:]]
    parts = [f"{what} in home {entry.home}", *passed, *(answers or ["no response"])]
    line = f"{entry.alert_id} {state:9} {', '.join(parts)}"
    return printable(line)


def _turn_words(turn: Turn) -> str:
    how = "passed on to" if turn.number > 1 else "told"
    return f"{how} {turn.responder} at {turn.utc:%H:%M:%SZ}" + (", which failed" if turn.outcome == "failed" else "")
