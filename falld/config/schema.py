"""What the configuration file may say.

Every model is strict, frozen and refuses keys that it does not know. Cross checks are field validators, so
that one mistake hides no other. A check's error carries its remedy in `ctx["remedy"]`.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from falld.alert.topics import HUBS, ID_PATTERN
from falld.config.secret import Secret
from falld.samples.recording import PLACEMENTS

WITHOUT_ENCRYPTION = "yes, without encryption"


def _fault(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("falld", "{what}", {"what": what, "remedy": remedy})


def _path(value: Any, info: ValidationInfo) -> Any:
    """A relative path is meant from the folder of the file that names it."""
    if not isinstance(value, str):
        return value
    if not value:
        raise _fault("expected a path, found an empty string", "name the file or leave the key out")
    base = (info.context or {}).get("base")
    return Path(base, value) if base is not None else Path(value)


def _placement(value: str) -> str:
    if value not in PLACEMENTS:
        places = ", ".join(PLACEMENTS)
        raise _fault(f"expected one of {places}, found {value}", "say where it is worn, or `unknown`")
    return value


def _host(value: str) -> str:
    """The value is not repeated in the error: an address with a password in it may stand there."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", value) and not _ip(value):
        raise _fault(
            "expected a host name or an IP address alone, found something else",
            "scheme, port, user name and password do not belong here: they have keys of their own",
        )
    return value


def _entries(value: Any) -> Any:
    if isinstance(value, list):
        if not value:
            raise _fault("expected at least one entry, found an empty list", "add one")
        return tuple(value)
    return value


def _matching(pattern: str, words: str, *, repeat: bool = True) -> tuple[AfterValidator, Any]:
    """Text of a form, told in words where it is not; with `repeat` off the error does not repeat it."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise _fault(f"expected {words}, found {value if repeat else 'something else'}", "write it so")
        return value

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^{pattern}$"})


_id, _address, _user, _variable, _credential = (
    _matching(rf"(?!{HUBS}$){ID_PATTERN.strip('^$')}", f"1 to 64 of A-Z a-z 0-9 . _ -, and not {HUBS}"),
    _matching(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", "an address like C4:64:E3:12:34:56"),
    _matching(r".{1,256}", "1 to 256 characters"),
    _matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable", repeat=False),
    _matching(r"[^/\s]+", "the name of a credential", repeat=False),
)
Id = Annotated[str, *_id]
"""A name on the wire."""
Address = Annotated[str, *_address]
FilePath = Annotated[Path, BeforeValidator(_path)]
Placement = Annotated[str, AfterValidator(_placement), Field(json_schema_extra={"enum": list(PLACEMENTS)})]
Host = Annotated[str, AfterValidator(_host)]
Entries = (BeforeValidator(_entries), Field(json_schema_extra={"minItems": 1}))


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Home(Model):
    id: Id
    """Random, made at first boot; also the broker's user name and a level of every topic."""


class Wearable(Model):
    """A sensor on a body: live by its `address`, or a `recording` played as if it were live."""

    address: Address | None = None
    recording: FilePath | None = Field(default=None, validate_default=True)
    id: Id | None = Field(default=None, validate_default=True)
    """Its name in `sources` of an alert; None: derived from the address or the recording's file name."""
    placement: Placement | None = None
    """None: what the recording says, else `unknown`."""
    speed: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Of a recording: seconds played per second; None: 1."""

    @field_validator("recording")
    @classmethod
    def _exactly_one(cls, recording: Path | None, info: ValidationInfo) -> Path | None:
        if "address" in info.data and (recording is None) == (info.data["address"] is None):
            found = "neither" if recording is None else "both"
            raise _fault(
                f"expected exactly one of `address` and `recording`, found {found}",
                "give the address of a wearable or the path of a recording",
            )
        return recording

    @field_validator("id")
    @classmethod
    def _derived(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None:
            return given
        if info.data.get("address") is not None:
            return str(info.data["address"]).replace(":", "").lower()
        if info.data.get("recording") is not None:
            stem = info.data["recording"].name.split(".")[0]
            return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:64] or "recording"
        return None

    @field_validator("speed")
    @classmethod
    def _speed_of_a_recording(cls, speed: float | None, info: ValidationInfo) -> float | None:
        if speed is not None and info.data.get("address") is not None:
            raise _fault("expected no `speed` beside `address`, found one", "take it out: only a recording has one")
        return speed

    @property
    def name(self) -> str:
        """The id, given or derived."""
        if self.id is None:
            raise AssertionError("every valid wearable has an id")
        return self.id


class Wearer(Model):
    id: Id
    """Opaque: it names nobody."""
    wearables: Annotated[tuple[Wearable, ...], *Entries]


class BrokerConfig(Model):
    """A broker and how to log in to it. No secret is in here, only where it is kept."""

    host: Host
    tls: bool = True
    plaintext: Literal["yes, without encryption"] | None = Field(default=None, validate_default=True)
    port: int | None = Field(default=None, ge=1, le=65535)
    """None: 8883 with TLS, 1883 without."""
    ca_file: FilePath | None = None
    """The authority that signed the broker's certificate; None: those of the system."""
    username: Annotated[str, *_user] | None = None
    """None: the home's id where there is a password, else nobody."""
    password_file: FilePath | None = None
    password_env: Annotated[str, *_variable] | None = None
    password_credential: Annotated[str, *_credential] | None = Field(default=None, validate_default=True)
    """A name under $CREDENTIALS_DIRECTORY: `LoadCredential=` of the systemd unit."""
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"], BeforeValidator(lambda v: "5" if type(v) is int and v == 5 else v)
    ] = "auto"

    @field_validator("plaintext")
    @classmethod
    def _encrypted(cls, plaintext: str | None, info: ValidationInfo) -> str | None:
        host, tls = info.data.get("host"), info.data.get("tls")
        if tls is True and plaintext is not None:
            raise _fault("expected no `plaintext` beside `tls: true`, found one", "take one of the two out")
        if tls is False and plaintext is None and host is not None and not is_loopback(host):
            raise _fault(
                f"expected TLS to a broker on another machine, found `tls: false` for {host}",
                f'use `tls: true`, or add `plaintext: "{WITHOUT_ENCRYPTION}"`',
            )
        return plaintext

    @field_validator("ca_file")
    @classmethod
    def _ca_of_tls(cls, ca_file: Path | None, info: ValidationInfo) -> Path | None:
        if ca_file is not None and info.data.get("tls") is False:
            raise _fault("expected no `ca_file` beside `tls: false`, found one", "use `tls: true`")
        return ca_file

    @field_validator("password_credential")
    @classmethod
    def _one_password(cls, credential: str | None, info: ValidationInfo) -> str | None:
        given = [key for key in ("password_file", "password_env") if info.data.get(key) is not None]
        if len(given) + (credential is not None) > 1:
            raise _fault(
                "expected at most one of `password_file`, `password_env`, `password_credential`, found more",
                "keep the one that is meant",
            )
        return credential

    @property
    def secret(self) -> Secret | None:
        """Where the password is kept; None: there is none."""
        if self.password_file is not None:
            return Secret.in_file(self.password_file)
        if self.password_env is not None:
            return Secret.in_environment(self.password_env)
        if self.password_credential is not None:
            return Secret.in_credential(self.password_credential)
        return None


class Route(Model):
    """A way to a monitoring hub."""

    broker: BrokerConfig


class AlertConfig(Model):
    raise_after_s: float = Field(default=20.0, ge=0, le=300, allow_inf_nan=False)
    """Time that the wearer has to cancel a suspected fall before it is raised."""


class DetectorConfig(Model):
    bundle: FilePath | None = None
    """A detector bundle's folder; None: the shipped one."""
    candidates: bool = False
    """Tell of every impact that was judged, not only of falls."""


class Config(Model):
    version: Literal[1]
    home: Home
    state_dir: FilePath | None = None
    """Where the outbox is kept; None: $STATE_DIRECTORY, else /var/lib/falld."""
    wearers: Annotated[tuple[Wearer, ...], *Entries]
    routes: Annotated[tuple[Route, ...], *Entries]
    alert: AlertConfig = AlertConfig()
    detector: DetectorConfig = DetectorConfig()

    @field_validator("wearers")
    @classmethod
    def _named_once(cls, wearers: tuple[Wearer, ...]) -> tuple[Wearer, ...]:
        wearables = [wearable for wearer in wearers for wearable in wearer.wearables]
        addresses = [wearable.address.upper() for wearable in wearables if wearable.address is not None]
        for what, names in (
            ("wearer id", [wearer.id for wearer in wearers]),
            ("wearable id", [wearable.name for wearable in wearables]),
            ("address", addresses),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise _fault(f"expected each {what} once, found {', '.join(twice)} twice", "give each its own")
        return wearers

    @field_validator("routes")
    @classmethod
    def _one_route(cls, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        if len(routes) > 1:
            raise _fault(
                f"expected one route, found {len(routes)}: a second route is not supported by this version",
                "keep the one to the monitoring hub",
            )
        return routes


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    address = _ip(host)
    return address.is_loopback if address is not None else host == "localhost"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
