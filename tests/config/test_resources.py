"""The data that come with falld are found, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from falld import resources


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "falld").mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "falld")
    return tmp_path


def test_a_checkout_has_them_beside_the_package(checkout: Path) -> None:
    (checkout / "models").mkdir()
    (checkout / "recordings").mkdir()
    assert resources.models_dir() == checkout / "models"
    assert resources.recordings_dir() == checkout / "recordings"


def test_a_wheel_has_them_inside(checkout: Path) -> None:
    (checkout / "models").mkdir()
    inside = checkout / "falld" / "_data" / "models"
    inside.mkdir(parents=True)
    assert resources.models_dir() == inside


def test_a_strange_folder_beside_an_installed_package_is_not_taken(checkout: Path) -> None:
    (checkout / "pyproject.toml").unlink()
    (checkout / "recordings").mkdir()
    with pytest.raises(resources.ResourceError, match="recordings: is not there; install falld again"):
        resources.recordings_dir()


def test_the_shipped_bundle_is_the_one_named(checkout: Path) -> None:
    (checkout / "models" / "first").mkdir(parents=True)
    with pytest.raises(resources.ResourceError, match="DEFAULT: cannot be read: No such file"):
        resources.shipped_bundle()
    pointer = checkout / "models" / "DEFAULT"
    pointer.write_text("first\n")
    assert resources.shipped_bundle() == checkout / "models" / "first"
    for wrong in ("second", "", ".", "..", "../falld"):
        pointer.write_text(wrong)
        with pytest.raises(resources.ResourceError, match="which is no folder beside it"):
            resources.shipped_bundle()
