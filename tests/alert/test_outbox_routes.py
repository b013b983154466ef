"""What the outbox keeps for which route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_outbox import BOOT, ONE, OTHER, ROUTE, TWO, committed

from falld.alert.enduring import EnduringOutbox
from falld.alert.outbox import Outbox, Row

OPEN = BOOT | {"episodes": [{"alert_id": ONE}, {"alert_id": TWO}]}


@pytest.fixture(params=[Outbox, EnduringOutbox])
def outbox(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Outbox]:
    box = request.param.open(tmp_path / "outbox.db")
    yield box
    box.close()


def commit(outbox: Outbox, seq: int, alert_id: str = ONE) -> None:
    outbox.commit([committed(alert_id, seq)], OPEN, 100.0)


def due(outbox: Outbox, route: str) -> dict[tuple[str, int], Row]:
    return {(row.alert_id, row.seq): row for row in outbox.due(route, 1000)}


def send(outbox: Outbox, seq: int, route: str) -> Row:
    row = due(outbox, route)[ONE, seq]
    outbox.sending(row, 101.0, "boot-1")
    return row


def left(outbox: Outbox, route: str) -> list[int]:
    return [seq for _, seq in due(outbox, route)]


def test_the_first_commit_frees_a_message(outbox: Outbox) -> None:
    commit(outbox, 1)
    send(outbox, 1, ROUTE)
    send(outbox, 1, OTHER)
    assert outbox.ack(ONE, 1, OTHER) is True
    assert (outbox.waiting(), left(outbox, ROUTE), left(outbox, OTHER)) == ([], [], [])
    assert outbox.ack(ONE, 1, ROUTE) is False


def test_a_later_message_stays_for_each_route_that_was_offered_an_earlier_one(outbox: Outbox) -> None:
    commit(outbox, 1)
    send(outbox, 1, ROUTE)
    send(outbox, 1, OTHER)
    outbox.ack(ONE, 1, ROUTE)
    commit(outbox, 2)
    assert [row.begun for route in (ROUTE, OTHER) for row in due(outbox, route).values()] == [True, True]
    assert outbox.ack(ONE, 2, ROUTE) is True
    assert (len(outbox), left(outbox, ROUTE), left(outbox, OTHER)) == (0, [], [2])
    assert outbox.ack(ONE, 2, ROUTE) is False
    assert outbox.ack(ONE, 2, OTHER) is True
    assert left(outbox, OTHER) == []


def test_a_route_that_was_offered_nothing_is_not_begun_and_owed_nothing(outbox: Outbox) -> None:
    commit(outbox, 1)
    send(outbox, 1, ROUTE)
    assert [(row.begun, row.offered) for row in due(outbox, OTHER).values()] == [(False, False)]
    outbox.ack(ONE, 1, ROUTE)
    commit(outbox, 2)
    outbox.ack(ONE, 2, ROUTE)
    assert left(outbox, OTHER) == []


def test_a_message_stays_while_no_hub_has_an_earlier_one_that_may_go_elsewhere(outbox: Outbox) -> None:
    commit(outbox, 1)
    commit(outbox, 2)
    send(outbox, 1, ROUTE)
    send(outbox, 2, ROUTE)
    outbox.ack(ONE, 2, ROUTE)
    assert (outbox.waiting(), left(outbox, OTHER)) == ([(ONE, 1)], [1])
    send(outbox, 1, OTHER)
    assert left(outbox, OTHER) == [1, 2]
    outbox.ack(ONE, 1, OTHER)
    outbox.ack(ONE, 2, OTHER)
    assert outbox._db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_what_nobody_got_was_not_offered(outbox: Outbox) -> None:
    commit(outbox, 1)
    row = send(outbox, 1, ROUTE)
    outbox.refused(row)
    assert not due(outbox, ROUTE)[ONE, 1].begun
    send(outbox, 1, ROUTE)  # and may have come there
    outbox.refused(due(outbox, ROUTE)[ONE, 1])
    assert due(outbox, ROUTE)[ONE, 1].begun


def test_it_is_known_after_a_restart_and_until_the_alert_is_over(tmp_path: Path) -> None:
    first = EnduringOutbox.open(tmp_path / "outbox.db")
    commit(first, 1)
    send(first, 1, ROUTE)
    send(first, 1, OTHER)
    first.ack(ONE, 1, ROUTE)
    first.close()
    again = EnduringOutbox.open(tmp_path / "outbox.db")
    assert (again.offered(ROUTE), again.offered(OTHER)) == ({ONE}, {ONE})
    commit(again, 2)
    again.ack(ONE, 2, ROUTE)
    again.commit([], BOOT, 102.0)
    assert left(again, OTHER) == [2]
    again.ack(ONE, 2, OTHER)
    again.commit([], BOOT, 103.0)
    assert again.offered(OTHER) == set()
    again.close()


def test_a_route_that_is_no_more_is_owed_nothing_and_frees_nothing(outbox: Outbox) -> None:
    for seq in (1, 2):
        commit(outbox, seq)
        send(outbox, seq, ROUTE)
        send(outbox, seq, OTHER)
    commit(outbox, 3)
    for seq in (1, 2, 3):
        outbox.ack(ONE, seq, ROUTE)
    assert left(outbox, OTHER) == [2, 3]
    outbox.keep_routes([ROUTE, "third:1"])
    assert outbox._db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)

    commit(outbox, 4)
    send(outbox, 4, ROUTE)
    outbox.ack(ONE, 4, "third:1")
    assert outbox.waiting() == []
    outbox.keep_routes([ROUTE])
    assert outbox.waiting() == [(ONE, 4)]


def test_what_one_hub_lacks_does_not_grow_for_ever(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falld.alert.outbox.OWED_MAX", 5)
    commit(outbox, 1)
    send(outbox, 1, ROUTE)
    send(outbox, 1, OTHER)
    outbox.ack(ONE, 1, ROUTE)
    for seq in range(2, 10):
        commit(outbox, seq)
        outbox.ack(ONE, seq, ROUTE)
    assert left(outbox, OTHER) == [5, 6, 7, 8, 9]


def test_what_is_for_every_route_stays_until_each_has_it_or_it_is_over(outbox: Outbox) -> None:
    for alert_id in (ONE, TWO):
        outbox.commit([replace(committed(alert_id), routes=(ROUTE, OTHER))], OPEN, 100.0)
        outbox.ack(alert_id, 1, ROUTE)
    assert [(key, row.begun) for key, row in due(outbox, OTHER).items()] == [((ONE, 1), True), ((TWO, 1), True)]
    outbox.ack(ONE, 1, OTHER)
    outbox.commit([committed(TWO, 2)], OPEN, 101.0)
    outbox.commit([], BOOT, 102.0)
    assert (list(due(outbox, OTHER)), outbox.offered(ROUTE)) == ([(TWO, 2)], {TWO})
    outbox.ack(TWO, 2, OTHER)
    outbox.commit([], BOOT, 103.0)
    assert (due(outbox, ROUTE), outbox.offered(ROUTE)) == ({}, set())


def test_what_waits_after_a_reboot_has_waited_long_enough(outbox: Outbox) -> None:
    commit(outbox, 1)
    row = due(outbox, ROUTE)[ONE, 1]
    assert (row.waited_s(108.0, "boot-1"), row.waited_s(1.0, "boot-2")) == (8.0, float("inf"))
