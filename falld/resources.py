"""Where the data that come with falld are: detector bundles and recordings."""

from __future__ import annotations

from pathlib import Path

from falld.errors import FalldError

_PACKAGE = Path(__file__).resolve().parent
DEFAULT = "DEFAULT"
"""One line in the models' folder: the name of the bundle that is used where none is asked for."""


class ResourceError(FalldError):
    """What should have come with falld is not there."""


def models_dir() -> Path:
    """The folder of the detector bundles.

    Raises:
        ResourceError: it is not there.
    """
    return _folder("models")


def recordings_dir() -> Path:
    """The folder of the recordings that the project made itself.

    Raises:
        ResourceError: it is not there.
    """
    return _folder("recordings")


def shipped_bundle() -> Path:
    """The folder of the bundle that is used where none is asked for.

    Raises:
        ResourceError: there is none, or its name is not that of a folder beside it.
    """
    models = models_dir()
    pointer = models / DEFAULT
    remedy = "install falld again, or name a bundle"
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ResourceError(str(pointer), f"cannot be read: {error.strerror}", remedy) from None
    bundle = models / name
    if not bundle.is_dir() or bundle.resolve().parent != models.resolve():
        raise ResourceError(str(pointer), f"names {name!r}, which is no folder beside it", remedy)
    return bundle


def _folder(name: str) -> Path:
    """In a wheel the data are inside the package, in a checkout beside it."""
    inside = _PACKAGE / "_data" / name
    if inside.is_dir():
        return inside
    root = _PACKAGE.parent
    if (root / "pyproject.toml").is_file() and (root / name).is_dir():
        return root / name
    raise ResourceError(str(inside), "is not there", "install falld again: its data are missing")
