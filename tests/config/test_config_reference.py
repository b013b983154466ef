"""The schema, its page and the commented example say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from falld.config.load import json_schema
from falld.config.reference import page

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy" / "falld.example.yaml").read_text(encoding="utf-8")
COMMENTED = re.compile(r"^( *)# ?( *(?:- )?(?:# )?[a-z_]+:(?: .*)?)$", re.MULTILINE)


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_page_tells_the_meaning_of_every_key() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) == len(set(_of_schema(json_schema(), json_schema(), "")))
    assert all(row.split(" | ")[-1].removesuffix(" |").strip() for row in rows)


def test_the_example_names_every_key_and_no_other() -> None:
    text = EXAMPLE
    while (uncommented := COMMENTED.sub(r"\1\2", text)) != text:
        text = uncommented
    assert set(_of_data(yaml.safe_load(text), "")) == set(_of_schema(json_schema(), json_schema(), ""))


def test_the_example_is_valid_for_an_editor() -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(EXAMPLE))


def _of_data(data: Any, at: str) -> Iterator[str]:
    if isinstance(data, list):
        for each in data:
            yield from _of_data(each, f"{at}[]")
    elif isinstance(data, dict):
        for key, value in data.items():
            yield f"{at}.{key}"
            yield from _of_data(value, f"{at}.{key}")


def _of_schema(model: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    for key, field in model["properties"].items():
        yield f"{at}.{key}"
        ref = field.get("items", field).get("$ref")
        if ref is not None:
            inner = schema["$defs"][ref.rsplit("/", 1)[-1]]
            yield from _of_schema(inner, schema, f"{at}.{key}" + ("[]" if "items" in field else ""))
