"""JSON Schemas of the messages."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from falld.alert.schemas import FOLDER, MESSAGES, schemas, write

ALERT = {
    "alert_id": "0190163d-8694-739b-aea5-966c26f8ad90",
    "seq": 2,
    "wearer": "anna",
    "sources": [],
    "kind": "help",
    "state": "raised",
    "boot_id": "b-1",
    "impact_utc": None,
    "age_s": None,
    "attempt": 1,
    "late": False,
    "clock_synced": True,
    "probability": None,
    "why": "help called",
    "model": None,
}


def test_the_files_are_those_of_the_models() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert kept == schemas(), "run `python -m falld.alert.schemas`"


def test_writing_them_anew_drops_what_is_no_message(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.json" for name in MESSAGES}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_is_a_schema_that_refuses_an_empty_message(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema, jsonschema.Draft202012Validator)


def test_an_alert_is_held_to_its_schema() -> None:
    schema = json.loads((FOLDER / "alert.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid(ALERT)
    assert check.is_valid(ALERT | {"impact_utc": "2026-01-31T12:00:00.250Z", "not_known_here": 1})
    for wrong in ({"impact_utc": "2026-01-31"}, {"seq": 0}, {"wearer": "a/b"}, {"probability": 2}, {"kind": "x"}):
        assert not check.is_valid(ALERT | wrong)
