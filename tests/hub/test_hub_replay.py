"""Everything that a hub was ever sent, sent ten times over in any order, makes each incident once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from brokers import Mosquitto, Peer, an_alert, running, soon, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falld.alert.topics import Topics, every_home
from falld.alert.uuid7 import uuid7
from falld.hub.database import MIGRATIONS
from falld.hub.incoming import Incoming
from falld.hub.service import Hub
from falld.hub.show import AlertChange, Event
from falld.hub.store import Store
from falld.publish.link import Broker, Timing
from falld.publish.worker import Worker

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIVES = (
    ("suspected", "raised"),
    ("suspected", "cancelled"),
    ("suspected", "note", "raised", "recovered"),
    ("raised",),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(LIVES), min_size=1, max_size=6), st.randoms(use_true_random=False), st.integers(1, 40))
def test_copies_change_nothing_however_they_are_grouped(
    lives: list[tuple[str, ...]], rng: random.Random, group: int
) -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        db.executescript(script)
    with contextlib.closing(Store(db, Path("memory"))) as store:
        messages = [
            Incoming.read(f"h{n}", an_alert(seq, word, alert_id=alert_id).payload(), "")
            for n, (alert_id, life) in enumerate((uuid7(), life) for life in lives)
            for seq, word in enumerate(life, start=1)
        ]
        store.commit(messages, NOW)
        before = store.entries()
        again = messages * 10
        rng.shuffle(again)
        receipts = [r for at in range(0, len(again), group) for r in store.commit(again[at : at + group], NOW)]
        assert Counter(receipt.outcome for receipt in receipts) == {"copy": len(again)}
        assert store.entries() == before
        fresh = sqlite3.connect(":memory:", isolation_level=None)
        for script in MIGRATIONS:
            fresh.executescript(script)
        with contextlib.closing(Store(fresh, Path("memory"))) as other:
            outcomes = [
                r.outcome for at in range(0, len(again), group) for r in other.commit(again[at : at + group], NOW)
            ]
            assert Counter(outcomes) == {"new": len(messages), "copy": len(again) - len(messages)}
            assert [(e.home, e.alert_id, e.standing.last_seq) for e in other.entries()] == [
                (e.home, e.alert_id, e.standing.last_seq) for e in before
            ]


async def test_a_store_sent_ten_times_over_is_acknowledged_each_time_and_shown_once(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    alerts = [
        (f"h{n}", an_alert(seq, word, alert_id=alert_id))
        for n, (alert_id, life) in enumerate((uuid7(), LIVES[n % len(LIVES)]) for n in range(20))
        for seq, word in enumerate(life, start=1)
    ]
    shown: list[Event] = []
    call = Worker("hub-store")
    store = await call(Store.open, tmp_path / "hub.db")
    with Mosquitto(need("mosquitto"), tmp_path) as mosquitto:
        broker = Broker("127.0.0.1", mosquitto.port)
        homes = Peer(broker, "homes", subscribe=[every_home("ack")], births=[])
        hub = Hub(broker, "x", store, call, show=shown.append, backoff=soon(), timing=Timing(goodbye=0.2))
        async with running(hub.run, homes.link.run):
            await until(lambda: hub.link.up and homes.link.state.up)
            for home, alert in alerts:
                await homes.link.publish(Topics(home).alert, alert.payload())
            await until(lambda: len(homes.messages) == len(alerts))
            with contextlib.closing(sqlite3.connect(tmp_path / "hub.db")) as db:
                stored = db.execute("SELECT home, payload FROM message").fetchall()
            assert len(stored) == len(alerts)
            first = list(shown)
            again = stored * 10
            random.Random(7).shuffle(again)
            await asyncio.gather(*(homes.link.publish(Topics(home).alert, payload) for home, payload in again))
            await until(lambda: len(homes.messages) == 11 * len(alerts))
        assert shown == first
        assert hub.counters.copies == len(again)
        acks = Counter(
            (topic.split("/")[2], said["alert_id"], said["seq"])
            for topic, payload, _ in homes.messages
            for said in [json.loads(payload)]
        )
    assert acks == {(home, alert.alert_id, alert.seq): 11 for home, alert in alerts}
    entries = await call(store.entries)
    assert len(entries) == len({alert.alert_id for _, alert in alerts})
    raised = [event.alert_id for event in shown if isinstance(event, AlertChange) and event.word == "raised"]
    assert len(raised) == len(set(raised))
    await call(store.close)
    call.close()
