"""The configuration that ran last, for a boot at which the installer's file is broken."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

from falld.config.load import ConfigError, parse, read
from falld.config.schema import Config
from falld.errors import FalldError

STATE_DIR = Path("/var/lib/falld")
COPY = "last-good.yaml"
_STATE_DIR_LINE = re.compile(r"^state_dir:.*$", re.MULTILINE)


class BrokenConfig(FalldError):
    """The file is broken, and the configuration that ran last is used instead of it."""


class CopyError(FalldError):
    """The copy cannot be kept."""


def state_dir(config: Config) -> Path:
    """The folder of what must not be lost."""
    return config.state_dir or _default_state_dir()


def load_or_last_good(path: Path) -> tuple[Config, str, BrokenConfig | None]:
    """The configuration to run with, its text, and what is wrong with the file where it is not the file's own.

    Raises:
        ConfigError: the file is broken, and no configuration that ran under this path is kept.
    """
    text = ""
    try:
        text = read(path)
        return parse(text, path), text, None
    except ConfigError as error:
        kept = _kept(path, text)
        if kept is None:
            raise
        return *kept, _broken(error)


def keep(folder: Path, path: Path, text: str) -> None:
    """Keeps a configuration that runs; the file that it is of is never written.

    Raises:
        CopyError: the folder takes nothing.
    """
    copy, content = folder / COPY, _header(path) + text
    temporary = copy.with_suffix(".tmp")
    try:
        if copy.exists() and copy.read_bytes() == content.encode():
            return
        with temporary.open("wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(copy)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise CopyError(str(copy), what, "check the folder and its free space") from None


def _kept(path: Path, text: str) -> tuple[Config, str] | None:
    """The copy of this file that is in the folder for the state, as far as the broken text tells which one that is."""
    try:
        said = _STATE_DIR_LINE.search(text)
        value = yaml.safe_load(said.group())["state_dir"] if said is not None else None
    except yaml.YAMLError:
        value = None
    folder = Path(path.absolute().parent, value) if isinstance(value, str) else _default_state_dir()
    try:
        content = read(folder / COPY)
        header, good = _header(path), content.removeprefix(_header(path))
        return (parse(good, path), good) if content.startswith(header) else None
    except ConfigError:  # none is kept, or one of another version of falld
        return None


def _header(path: Path) -> str:
    """Another file's copy is not taken for this one's."""
    return f"# What ran last of {path.absolute()}; kept by falld.\n"


def _broken(error: ConfigError) -> BrokenConfig:
    what = f"{error.summary}; the configuration that ran last is used"
    return BrokenConfig(str(error.path), what, "mend the file, see `falld config check`")


def _default_state_dir() -> Path:
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd may name several
    return Path(given) if given else STATE_DIR
