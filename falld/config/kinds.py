"""The kinds of values of the configuration: how each is written, and what is said of one that is not.

A check's error carries its remedy in `ctx["remedy"]`.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from falld.alert.topics import HUBS, ID_PATTERN
from falld.samples.recording import PLACEMENTS


def fault(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("falld", "{what}", {"what": what, "remedy": remedy})


def _path(value: Any, info: ValidationInfo) -> Any:
    """A relative path is meant from the folder of the file that names it."""
    if not isinstance(value, str):
        return value
    if not value:
        raise fault("expected a path, found an empty string", "name the file or leave the key out")
    base = (info.context or {}).get("base")
    return Path(base, value) if base is not None else Path(value)


def _placement(value: str) -> str:
    if value not in PLACEMENTS:
        places = ", ".join(PLACEMENTS)
        raise fault(f"expected one of {places}, found {value}", "say where it is worn, or `unknown`")
    return value


def _host(value: str) -> str:
    """The value is not repeated in the error: an address with a password in it may stand there."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", value) and not _ip(value):
        raise fault(
            "expected a host name or an IP address alone, found something else",
            "scheme, port, user name and password do not belong here: they have keys of their own",
        )
    return value


def entries(value: Any) -> Any:
    if isinstance(value, list):
        if not value:
            raise fault("expected at least one entry, found an empty list", "add one")
        return tuple(value)
    return value


def _matching(pattern: str, words: str, *, repeat: bool = True) -> tuple[AfterValidator, Any]:
    """Text of a form, told in words where it is not; with `repeat` off the error does not repeat it."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise fault(f"expected {words}, found {value if repeat else 'something else'}", "write it so")
        return value

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^{pattern}$"})


_id, _address, _advertised, _adapter, _user, _variable, _credential = (
    _matching(rf"(?!{HUBS}$){ID_PATTERN.strip('^$')}", f"1 to 64 of A-Z a-z 0-9 . _ -, and not {HUBS}"),
    _matching(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", "an address like C4:64:E3:12:34:56"),
    _matching(r"[^\r\n]{1,248}", "1 to 248 characters"),
    _matching(r"hci[0-9]{1,3}", "an adapter like hci0"),
    _matching(r".{1,256}", "1 to 256 characters"),
    _matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable", repeat=False),
    _matching(r"[^/\s]+", "the name of a credential", repeat=False),
)
Id = Annotated[str, *_id]
"""A name on the wire."""
Address = Annotated[str, *_address]
AdapterName = Annotated[str, *_adapter]
Advertised = Annotated[str, *_advertised]
UserName = Annotated[str, *_user]
Variable = Annotated[str, *_variable]
Credential = Annotated[str, *_credential]
Press = Literal["help", "cancel"]
FilePath = Annotated[Path, BeforeValidator(_path)]
Placement = Annotated[str, AfterValidator(_placement), Field(json_schema_extra={"enum": list(PLACEMENTS)})]
Host = Annotated[str, AfterValidator(_host)]
Entries = (BeforeValidator(entries), Field(json_schema_extra={"minItems": 1}))


class Model(BaseModel):
    """What all parts have in common. The file's own validator is built when it is first used, and those of its parts,
    which nobody uses alone, never."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True)


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    address = _ip(host)
    return address.is_loopback if address is not None else host == "localhost"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
