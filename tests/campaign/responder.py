"""A responder: sees what the hub shows, writes it down, and closes what sounds."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from ledger import Ledger

from falld.alert.clock import boottime, utc_now
from falld.hub.database import StoreError
from falld.hub.store import Store, UnknownAlert


def watch(pipe: int, shown: Path, store: Path) -> None:
    """Until the last hub has closed its end of the pipe."""
    ledger = Ledger(shown)
    rest = b""
    while data := os.read(pipe, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        events = [json.loads(line) for line in lines]
        ledger.write(*({**event, "t": boottime()} for event in events))
        sounding = [event for event in events if event["event"] == "alert" and event["sounds"]]
        for event in sounding:
            # The disk is as full or as slow for this program as for the hub; then the alert stays open.
            with contextlib.suppress(StoreError, UnknownAlert), contextlib.closing(Store.open(store)) as opened:
                opened.respond(event["alert_id"], "resolved", "anna", utc_now(), event["home"])
