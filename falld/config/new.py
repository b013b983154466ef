"""A new configuration file, from what an installer knows."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from falld.config.broker import WITHOUT_ENCRYPTION
from falld.config.kinds import is_loopback
from falld.config.load import parse
from falld.errors import FalldError

LETTERS = "abcdefghjkmnpqrstvwxyz"
DIGITS = "23456789"
"""Without those that are mistaken for others when they are read aloud or typed."""
ID_LENGTH = 12
"""30 signs, the first one of 22: 58 bits, so of a million homes two share one with a chance of 1 in 700,000."""
ADDRESS = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")


class NewConfigError(FalldError):
    """The file is not written."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What is asked."""

    home: str
    wearer: str
    wearable: str
    """Address, or the name that it advertises."""
    placement: str
    host: str
    port: int | None = None
    tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_credential: str | None = None
    password_file: str | None = None
    password_credential: str | None = None


def new_id() -> str:
    """A random id of a home; begins with a letter, so YAML takes it for text."""
    rest = (secrets.choice(LETTERS + DIGITS) for _ in range(ID_LENGTH - 1))
    return secrets.choice(LETTERS) + "".join(rest)


def text_of(answers: Answers, path: Path) -> str:
    """A configuration with these answers in it, that `load` takes.

    Args:
        path: where it is to be, for relative paths and errors.

    Raises:
        ConfigError: an answer is not as it must be.
    """
    key = "address" if ADDRESS.fullmatch(answers.wearable) else "name"
    broker: dict[str, str | int | bool | None] = {
        "host": answers.host,
        "port": answers.port,
        "tls": None if answers.tls else False,
        "plaintext": None if answers.tls or is_loopback(answers.host) else WITHOUT_ENCRYPTION,
        "ca_file": answers.ca_file,
        "cert_file": answers.cert_file,
        "key_file": answers.key_file,
        "key_credential": answers.key_credential,
        "password_file": answers.password_file,
        "password_credential": answers.password_credential,
    }
    lines = [
        "# Configuration of falld, made by `falld config init`. `falld config check` tells what is wrong in it;",
        "# docs/configuration.md tells of every key.",
        "version: 1",
        "",
        "home:",
        f"  id: {_scalar(answers.home)}",
        "",
        "wearers:",
        f"  - id: {_scalar(answers.wearer)}",
        "    wearables:",
        f"      - {key}: {_scalar(answers.wearable)}",
        f"        placement: {_scalar(answers.placement)}",
        "",
        "routes:",
        "  - broker:",
        *(f"      {name}: {_scalar(value)}" for name, value in broker.items() if value is not None),
        "",
    ]
    text = "\n".join(lines)
    parse(text, path)
    return text


def write_new(path: Path, text: str) -> None:
    """Writes a file that is not there yet; whole or not at all.

    Raises:
        NewConfigError: it is there already, or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
        path.hardlink_to(temporary)  # unlike a rename it replaces nothing
    except FileExistsError:
        raise NewConfigError(str(path), "is there already", "edit it, or name another file with --out") from None
    except OSError as error:
        raise NewConfigError(
            str(path), f"cannot be written: {error.strerror}", "check the folder, or use sudo"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _scalar(value: str | int | bool) -> str:
    """JSON's scalars are YAML's, and quoted text is never taken for anything else."""
    return json.dumps(value, ensure_ascii=False)
