"""Files of other versions, with one that never was."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from programs import write_config

from falld.config.load import ConfigError, parse
from falld.config.versions import MIGRATIONS, VERSION, Migration


def _renamed(data: dict[str, Any]) -> dict[str, Any]:
    """Version 0 called them persons."""
    return {"wearers" if key == "persons" else key: value for key, value in data.items()}


ZERO = {0: Migration(_renamed, "call `persons` `wearers`")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = write_config(tmp_path, 1883)
    path.write_text("# by hand\n" + path.read_text().replace("version: 1", "version: 0").replace("wearers", "persons"))
    return path


def test_an_older_one_is_read_and_what_to_change_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = path.read_text()
    with caplog.at_level(logging.WARNING):
        config = parse(text, path, migrations=ZERO)
    today = text.replace("version: 0", "version: 1").replace("persons", "wearers")
    assert config == parse(today, path, migrations=ZERO)
    assert caplog.messages == [
        f"{path}:2: version: 0 is read as 1; write `version: 1`, and call `persons` `wearers`",
    ]
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("speed: 1", "sped: 1", "wearers[0].wearables[0].sped: unknown key; did you mean `speed`?"),
        ("alert:", "alert: {}\nalert:", "alert: the key is given twice, first in line"),
        ("version: 0", "version: -1", "version: expected 0, 1, found -1; rewrite the file"),
        ("version: 0", "version: 7", "version: expected 1 at most, found 7, which is of a newer falld; update falld"),
    ],
)
def test_a_mistake_in_one(path: Path, old: str, new: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(path.read_text().replace(old, new), path, migrations=ZERO)
    assert what in str(caught.value)


def test_the_road_to_today_has_no_gap() -> None:
    assert list(MIGRATIONS) == list(range(min(MIGRATIONS, default=VERSION), VERSION))
