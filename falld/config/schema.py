"""What the configuration file may say.

Every model is strict, frozen and refuses keys that it does not know. Cross checks are field validators, so
that one mistake hides no other. A check's error carries its remedy in `ctx["remedy"]`. The docstring of a model and of
each key is what editors show and the reference page says.
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
from falld.detect.budget import BUDGET_PER_DAY
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
Press = Literal["help", "cancel"]
FilePath = Annotated[Path, BeforeValidator(_path)]
Placement = Annotated[str, AfterValidator(_placement), Field(json_schema_extra={"enum": list(PLACEMENTS)})]
Host = Annotated[str, AfterValidator(_host)]
Entries = (BeforeValidator(_entries), Field(json_schema_extra={"minItems": 1}))


class Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Home(Model):
    """Who this home is to the monitoring hub."""

    id: Id
    """Random, made at first boot; also the broker's user name and a level of every topic."""


class Wearable(Model):
    """A sensor on a body: live by its `address` or the `name` that it advertises, or a `recording` played as if it
    were live."""

    address: Address | None = None
    """Its Bluetooth address, as `falld scan` shows it."""
    name: Annotated[str, *_advertised] | None = None
    """What it advertises itself as."""
    recording: FilePath | None = Field(default=None, validate_default=True)
    """A recording: .csv or .csv.gz, with a .yaml beside it."""
    id: Id | None = Field(default=None, validate_default=True)
    """Its name in `sources` of an alert; None: derived from the address, the name or the recording's file name."""
    placement: Placement | None = None
    """None: what the recording says, else `unknown`."""
    speed: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Of a recording: seconds played per second; None: 1."""

    driver: str | None = None
    """Of a live one: how it is spoken with; None: as what it advertises says."""
    description: FilePath | None = None
    """Of a live one: a description of how it is spoken with, in YAML."""
    rate_hz: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)
    """Of a live one: the rate to ask for; it takes the nearest that it can. None: 50."""
    range_g: float | None = Field(default=None, gt=0, le=64, allow_inf_nan=False)
    """Of a live one: the largest value to ask for. None: 16."""
    press: Press | None = None
    """Of a live one: what its own button means; None: cancel."""
    adapter: AdapterName | None = None
    """Of a live one: what it is heard by; None: the first adapter that is on."""

    @field_validator("recording")
    @classmethod
    def _exactly_one(cls, recording: Path | None, info: ValidationInfo) -> Path | None:
        if "address" in info.data and "name" in info.data:
            given = [key for key in ("address", "name") if info.data[key] is not None]
            if len(given) + (recording is not None) != 1:
                found = " and ".join([*given, "recording"] if recording is not None else given) or "none"
                raise _fault(
                    f"expected exactly one of `address`, `name` and `recording`, found {found}",
                    "give the address of a wearable, the name that it advertises, or the path of a recording",
                )
        return recording

    @field_validator("id")
    @classmethod
    def _derived(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None:
            return given
        if info.data.get("address") is not None:
            return _id_of(info.data["address"])
        if info.data.get("name") is not None:
            return _id_like(info.data["name"]) or "wearable"
        if info.data.get("recording") is not None:
            return _id_like(info.data["recording"].name.split(".")[0]) or "recording"
        return None

    @field_validator("driver", "description", "rate_hz", "range_g", "press", "adapter")
    @classmethod
    def _of_a_live_one(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("recording") is not None:
            raise _fault(
                f"expected no `{info.field_name}` beside `recording`, found one", "take it out: a recording has its own"
            )
        if info.field_name == "description" and value is not None and info.data.get("driver") is not None:
            raise _fault("expected no `description` beside `driver`, found one", "take one of the two out")
        return value

    @field_validator("speed")
    @classmethod
    def _speed_of_a_recording(cls, speed: float | None, info: ValidationInfo) -> float | None:
        for key in ("address", "name"):
            if speed is not None and info.data.get(key) is not None:
                raise _fault(f"expected no `speed` beside `{key}`, found one", "take it out: only a recording has one")
        return speed

    @property
    def source(self) -> str:
        """The id, given or derived."""
        if self.id is None:
            raise AssertionError("every valid wearable has an id")
        return self.id


class Button(Model):
    """A button that is heard by its advertisements (BTHome version 2, as the Shelly BLU ones)."""

    address: Address
    """Its Bluetooth address."""
    press: Press = "help"
    """What one press means: the wearer wants help, or takes an alert back."""
    double: Press | None = None
    """What two presses mean; None: as `press`."""
    triple: Press | None = None
    """What three presses mean; None: as `press`."""
    long: Press | None = None
    """What a long press means; None: as `press`."""
    hold: Press | None = None
    """What holding it down means; None: as `press`."""
    adapter: AdapterName | None = None
    """What it is heard by; None: the first adapter that is on."""

    @property
    def source(self) -> str:
        """Its name in `sources` of an alert."""
        return _id_of(self.address)


class Wearer(Model):
    """A person who is looked after."""

    id: Id
    """Opaque: it names nobody."""
    wearables: Annotated[tuple[Wearable, ...], *Entries]
    """What they wear."""
    buttons: Annotated[tuple[Button, ...], BeforeValidator(_entries)] = ()
    """What they press."""


class BrokerConfig(Model):
    """A broker and how to log in to it. No secret is in here, only where it is kept."""

    host: Host
    """Its name or IP address, alone."""
    tls: bool = True
    """Encrypt, and check that the certificate is for `host`; may be false for a broker on this machine."""
    plaintext: Literal["yes, without encryption"] | None = Field(default=None, validate_default=True)
    """The only way to a broker on another machine with `tls: false`: said in words."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """None: 8883 with TLS, 1883 without."""
    ca_file: FilePath | None = None
    """The authority that signed the broker's certificate; None: those of the system."""
    username: Annotated[str, *_user] | None = None
    """None: the home's id where there is a password, else nobody."""
    password_file: FilePath | None = None
    """A file that holds the password alone."""
    password_env: Annotated[str, *_variable] | None = None
    """An environment variable that holds the password."""
    password_credential: Annotated[str, *_credential] | None = Field(default=None, validate_default=True)
    """A name under $CREDENTIALS_DIRECTORY: `LoadCredential=` of the systemd unit."""
    protocol: Annotated[
        Literal["auto", "5", "3.1.1"], BeforeValidator(lambda v: "5" if type(v) is int and v == 5 else v)
    ] = "auto"
    """Version of MQTT; `auto` tries 5 first."""

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
    """The broker that home and hub meet at."""


class AlertConfig(Model):
    """When an alert is raised."""

    raise_after_s: float = Field(default=20.0, ge=0, le=300, allow_inf_nan=False)
    """Time that the wearer has to cancel a suspected fall before it is raised."""
    hub_silent_s: float = Field(default=90.0, gt=0, le=3600, allow_inf_nan=False)
    """Without the beat of a monitoring hub, which comes every 30 s, for so long, nobody listens."""


class AlarmConfig(Model):
    """The home's own alarm, where no hub or no person takes an alert, whatever the cause."""

    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_entries)] | None = None
    """A program and its arguments, which no shell reads; it must end by itself. None: there is no such alarm."""
    commit_s: float = Field(default=20.0, gt=0, le=600, allow_inf_nan=False)
    """After this time without a monitoring hub's commit it runs, though not before the alert is raised."""
    seen_s: float = Field(default=120.0, gt=0, le=3600, allow_inf_nan=False)
    """After this time without a person's answer it runs."""
    timeout_s: float = Field(default=60.0, gt=0, le=600, allow_inf_nan=False)
    """What runs longer is killed."""
    apart_s: float = Field(default=30.0, ge=0, le=600, allow_inf_nan=False)
    """From one beginning to the next at least."""


class TestAlarmConfig(Model):
    """Test alarms, which go the whole road to show that it is open."""

    __test__ = False
    every_days: float | None = Field(default=7.0, ge=0.01, le=366, allow_inf_nan=False)
    """From one test alarm to the next that comes by itself; None: none does."""


class ClipsConfig(Model):
    """Clips: what a wearable measured from 20 s before to 40 s after an impact, sent so that a responder sees what
    happened and a false alarm can be learnt from. They name nobody."""

    send: bool = True
    """Whether clips leave the home."""
    near_misses_a_day: int = Field(default=2, ge=0, le=24)
    """Clips of impacts that nearly were falls, of which no alert tells."""


class DetectorConfig(Model):
    """How falls are found."""

    bundle: FilePath | None = None
    """A detector bundle's folder; None: the shipped one."""
    shadow: FilePath | None = None
    """Folder of another bundle, that is only counted: what it would have said is in the home's health."""
    candidates: bool = False
    """Tell of every impact that was judged, not only of falls."""
    calibrate: bool = True
    """Whether a wearable that is off by up to 10 % or 0.1 g is put right by gravity, as it was seen in still periods. A
    true one is moved by less than 2 mg."""
    budget_per_day: float | None = Field(default=BUDGET_PER_DAY, gt=0, le=100, allow_inf_nan=False)
    """False alarms of one wearer by one wearable from which on its limits rise, by one logit at most; None: never."""


class Config(Model):
    """The file as a whole. Relative paths are meant from its folder."""

    version: Literal[1]
    """Of the form of this file."""
    home: Home
    """Who this home is."""
    state_dir: FilePath | None = None
    """Where the outbox is kept; None: $STATE_DIRECTORY, else /var/lib/falld."""
    wearers: Annotated[tuple[Wearer, ...], *Entries]
    """Who is looked after."""
    routes: Annotated[tuple[Route, ...], *Entries]
    """Ways to a monitoring hub; this version takes one."""
    alert: AlertConfig = AlertConfig()
    """When an alert is raised."""
    alarm: AlarmConfig = AlarmConfig()
    """The home's own alarm."""
    test_alarm: TestAlarmConfig = TestAlarmConfig()
    """Test alarms that come by themselves."""
    detector: DetectorConfig = DetectorConfig()
    """How falls are found."""
    clips: ClipsConfig = ClipsConfig()
    """What is sent of the samples around an impact."""

    @field_validator("wearers")
    @classmethod
    def _named_once(cls, wearers: tuple[Wearer, ...]) -> tuple[Wearer, ...]:
        wearables = [wearable for wearer in wearers for wearable in wearer.wearables]
        buttons = [button for wearer in wearers for button in wearer.buttons]
        given = [*(wearable.address for wearable in wearables), *(button.address for button in buttons)]
        addresses = [address.upper() for address in given if address is not None]
        for what, names in (
            ("wearer id", [wearer.id for wearer in wearers]),
            ("wearable id", [wearable.source for wearable in wearables]),
            ("address", addresses),
            ("name", [wearable.name for wearable in wearables if wearable.name is not None]),
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


def _id_of(address: str) -> str:
    return address.replace(":", "").lower()


def _id_like(text: str) -> str:
    """As much of a text as an id may hold; empty: nothing."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64]


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    address = _ip(host)
    return address.is_loopback if address is not None else host == "localhost"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
