"""A broken file at boot: what ran last runs again."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import write_config

from falld.config.last_good import COPY, CopyError, keep, load_or_last_good, state_dir
from falld.config.load import ConfigError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file that ran, with its copy in the folder that it names."""
    path = write_config(tmp_path, 1883)
    config, text, broken = load_or_last_good(path)
    assert broken is None
    state_dir(config).mkdir()
    keep(state_dir(config), path, text)
    return path


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("state_dir: state\nversion: 1\nhoem: {id: h1}\n", "line 1: home: expected this key, found none (and 3 more)"),
        ("state_dir: 'state'  # here\nversion: [1\n", "not YAML"),
    ],
)
def test_a_broken_file(kept: Path, text: str, what: str) -> None:
    good = load_or_last_good(kept)[0]
    kept.write_text(text)
    config, _, broken = load_or_last_good(kept)
    assert config == good
    assert str(broken).startswith(f"{kept}: is broken in line ")
    assert what in str(broken)
    assert kept.read_text() == text


def test_a_file_that_is_gone(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(kept.parent / "state"))
    kept.unlink()
    config, _, broken = load_or_last_good(kept)
    assert config.home.id == "h1"
    assert "cannot be read: No such file" in str(broken)
    assert not kept.exists()


def test_another_file_is_not_replaced_by_this_ones_copy(kept: Path) -> None:
    other = kept.with_name("other.yaml")
    other.write_text("state_dir: state\n")
    with pytest.raises(ConfigError):
        load_or_last_good(other)


def test_a_copy_that_is_broken_too(kept: Path) -> None:
    copy = kept.parent / "state" / COPY
    copy.write_text(copy.read_text().replace("version: 1", "version: 0"))
    kept.write_text("state_dir: state\n")
    with pytest.raises(ConfigError, match=r"falld\.yaml:1"):
        load_or_last_good(kept)


def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match="No such file"):
        keep(tmp_path / "none", tmp_path / "falld.yaml", "")
