"""Answers and clips of hubs to a data set."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from brokers import an_alert
from click.testing import CliRunner

from falld.alert.clip import encode
from falld.alert.draft import Answer
from falld.alert.uuid7 import uuid7
from falld.cli import main
from falld.hub.clips import IncomingClip
from falld.hub.incoming import Incoming
from falld.hub.store import Store
from falld.learn.collect import CollectError, answered, collect, verdict
from falld.learn.extract import Table, extract
from falld.learn.groups import HOME
from falld.learn.validate import choose
from falld.samples.archive import read_archive
from falld.samples.recording import FallSpan, Meta, Recording, Unusable

pytest.importorskip("pyarrow")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def clip_of_an_impact(gap: bool = False) -> bytes:
    """A minute of standing with an impact of 5 g at 20 s, as a home sends it."""
    acc = np.tile(np.array([0, 0, 1], np.float32), (3000, 1))
    acc[960:990] = (0.1, 0, 0.2)
    acc[1000:1003] = ((0, 1, 5), (0, 1, 2.5), (0, 1, 1.5))
    acc[1003:] = (1, 0, 0)
    if gap:
        acc[2000:2100] = np.nan
    return encode(50.0, 1000, acc).payload()


def fill(
    path: Path,
    answers: Sequence[Answer],
    *states: str,
    alert_id: str | None = None,
    clip: bytes | None = b"",
    **fields: object,
) -> str:
    """One alert of home h1, answered by people."""
    alert_id = alert_id or uuid7()
    with closing(Store.open(path)) as store:
        for seq, state in enumerate(states or ("suspected", "raised"), start=1):
            alert = an_alert(seq, state, **({"alert_id": alert_id} | fields))
            store.commit([Incoming.read("h1", alert.payload(), "")], NOW)
        for answer in answers:
            store.respond(alert_id, answer, "nurse", NOW)
        if clip is not None:
            store.clips.commit(IncomingClip("h1", alert_id, clip or clip_of_an_impact()), NOW)
    return alert_id


def recordings(archive: Path) -> list[Recording]:
    return [one for one in read_archive(archive) if not isinstance(one, Unusable)]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


QUIET = ("suspected", "cancelled")
LATER = ("suspected", "raised", "cancelled")


@pytest.mark.parametrize(
    ("answers", "states", "fields", "said"),
    [
        (["seen", "attending", "resolved"], (), {}, "fall"),
        (["resolved"], ("suspected", "raised", "recovered"), {}, "fall"),
        (["seen", "attending", "false_alarm"], (), {}, "false alarm"),
        (["false_alarm"], LATER, {}, "false alarm"),
        (["false_alarm"], QUIET, {}, "false alarm"),
        (["false_alarm"], (), {"falls": 3}, "false alarm"),
        (["resolved"], (), {"falls": 2}, "several falls"),
        (["resolved"], LATER, {}, "cancelled"),
        (["resolved"], ("suspected", "recovered"), {}, "never raised"),
        (["resolved", "false_alarm"], (), {}, "contradicted"),
        (["seen", "attending"], (), {}, "not closed"),
        ([], (), {}, "not answered"),
        (["false_alarm"], (), {"kind": "help"}, "no fall"),
    ],
)
def test_what_the_answers_say(
    db: Path, answers: list[Answer], states: tuple[str, ...], fields: dict[str, object], said: str
) -> None:
    fill(db, answers, *states, **fields)
    (one,) = answered([db])
    assert verdict(one.entry) == said


def test_a_message_that_cannot_be_read_says_nothing(db: Path) -> None:
    alert_id = fill(db, ["resolved"])
    (one,) = answered([db])
    assert (one.entry.alert_id, verdict(replace(one.entry, latest=None))) == (alert_id, "no fall")


def test_an_archive_comes_of_it(tmp_path: Path, db: Path) -> None:
    fill(db, ["resolved"])
    fill(db, ["false_alarm"], clip=clip_of_an_impact(gap=True), sources=("watch", "belt"), wearer="w2")
    fill(db, ["seen"])
    fill(db, ["resolved"], clip=None)
    out = tmp_path / "home.parquet"
    counts = collect([db], out, {"watch": "wrist", "": "waist"})
    assert counts == {"fall": 1, "false alarm": 1, "not closed": 1}
    fallen, not_fallen = recordings(out)
    common = {"sample_rate_hz": 50.0, "source": HOME}
    assert fallen.meta == Meta(
        placement="waist", subject="h1/w1", is_fall=True, falls=(FallSpan(None, 20.0),), **common
    )
    assert not_fallen.meta == Meta(placement="wrist", subject="h1/w2", is_fall=False, **common)
    rows = [np.concatenate([block.t for block in one.blocks()]) for one in (fallen, not_fallen)]
    assert [len(t) for t in rows] == [3000, 2900]
    assert np.diff(rows[1]).max() == pytest.approx(101 / 50)


def test_learning_takes_it_and_chooses_no_threshold_on_it(tmp_path: Path, db: Path) -> None:
    for _ in range(3):
        fill(db, ["resolved"])
        fill(db, ["false_alarm"])
    out = tmp_path / "home.parquet"
    collect([db], out, {"": "waist"})
    said: list[str] = []
    table = extract([str(out)], said.append)
    assert said == [f"{out}: 6 recordings, 6 candidates"]
    assert np.allclose(table.impact_t, 20.0)
    assert table.label.tolist() == [1, 0] * 3
    assert {trial.person for trial in table.trials} == {"home/h1/w1"}
    sure = np.full(6, 0.999)
    everywhere = np.ones(6, bool)
    lowest = choose(table, np.zeros(6), everywhere)[0]["trunk"]
    assert choose(table, sure, everywhere)[0]["trunk"] == lowest
    elsewhere = [replace(trial, dataset="another") for trial in table.trials]
    other = Table(**{name: getattr(table, name) for name in Table.__slots__} | {"trials": elsewhere})
    assert choose(other, sure, everywhere)[0]["trunk"] > lowest


def test_two_hubs_of_one_home_make_one_recording_and_may_contradict(tmp_path: Path, db: Path) -> None:
    other = tmp_path / "other.db"
    alert_id = fill(db, ["seen"], "suspected")
    fill(other, ["false_alarm"], alert_id=alert_id, clip=None)
    out = tmp_path / "home.parquet"
    assert collect([db, other], out, {}) == {"false alarm": 1}
    assert [one.meta.placement for one in recordings(out)] == ["unknown"]
    fill(db, ["resolved"], alert_id=alert_id)
    assert [verdict(one.entry) for one in answered([other, db])] == ["contradicted"]


def test_nothing_certain_is_told_and_nothing_written(tmp_path: Path, db: Path) -> None:
    fill(db, ["seen"])
    with pytest.raises(CollectError, match="none of 1 alerts with a clip"):
        collect([db], tmp_path / "home.parquet", {})
    assert not (tmp_path / "home.parquet").exists()


def test_the_command_beside_training(tmp_path: Path, db: Path) -> None:
    fill(db, ["resolved"], sources=("belt",))
    fill(db, ["attending"])
    out = tmp_path / "home.parquet"

    def learn(*arguments: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["learn", *map(str, arguments)])
        return done.exit_code, done.output

    placed = ("--placement", "belt=chest", "--placement", "wrist")
    assert learn("collect", db, "--out", out, *placed) == (0, "1 fall\n1 left out: not closed\n")
    assert [one.meta.placement for one in recordings(out)] == ["chest"]
    for wrong in (("--placement", "pocket"), ("--placement", "a=hip", "--placement", "a=wrist")):
        assert learn("collect", db, "--out", out, *wrong)[0] == 2
    assert learn("collect", tmp_path / "none.db", "--out", out)[0] == 2
    for arguments in ((), (out,), ("--workers", "1", out), ("train", out)):
        code, said = learn(*arguments)
        assert (code, "Usage: falld learn train" in said or "main learn train" in said) == (2, True)
    assert {"collect", "train"} <= set(learn("--help")[1].split())
