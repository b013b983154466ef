"""Passwords: kept outside the configuration, read when they are needed, never printed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from falld.errors import FalldError


class SecretError(FalldError):
    """A password cannot be had; names the place, never the content."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a password is kept."""

    place: str
    """For an error: `$NAME` or a path."""
    path: Path | None
    variable: str | None

    @classmethod
    def in_file(cls, path: Path) -> Secret:
        return cls(str(path), path, None)

    @classmethod
    def in_environment(cls, variable: str) -> Secret:
        return cls(f"${variable}", None, variable)

    @classmethod
    def in_credential(cls, name: str) -> Secret:
        """A systemd credential of this service.

        Raises:
            SecretError: systemd gave the service no credentials.
        """
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise SecretError(
                f"credential {name}",
                "$CREDENTIALS_DIRECTORY is not set",
                f"add `LoadCredential={name}:PATH` to the unit, or name a file",
            )
        return cls.in_file(Path(folder, name))

    def read(self) -> SecretStr:
        """The password; one line end after it is not part of it.

        Raises:
            SecretError: it is not there, not readable, not text or empty.
        """
        if self.path is None:
            text = os.environ.get(self.variable or "", "")
        else:
            try:
                text = self.path.read_text(encoding="utf-8")
            except OSError as error:
                what = f"cannot be read: {error.strerror}"
                raise SecretError(self.place, what, "write the password there, readable for falld") from None
            except UnicodeDecodeError:
                raise SecretError(self.place, "is not UTF-8 text", "write the password as text") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise SecretError(self.place, "holds no password", "put the password there")
        return SecretStr(text)
