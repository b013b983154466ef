"""What the configuration file may say.

Every model is strict, frozen and refuses keys that it does not know. Cross checks are field validators, so
that one mistake hides no other. The docstring of a model and of each key is what editors show and the reference page
says.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from falld.config.broker import BrokerConfig
from falld.config.kinds import Entries, FilePath, Id, Model, entries, fault
from falld.config.wearers import Wearer
from falld.detect.budget import BUDGET_PER_DAY


class Home(Model):
    """Who this home is to the monitoring hub."""

    id: Id
    """Random, made at first boot; also the broker's user name and a level of every topic."""


class Route(Model):
    """A way to a monitoring hub, or to several on one broker."""

    broker: BrokerConfig
    """The broker that home and hub meet at."""


class AlertConfig(Model):
    """When an alert is raised."""

    raise_after_s: float = Field(default=20.0, ge=0, le=300, allow_inf_nan=False)
    """Time that the wearer has to cancel a suspected fall before it is raised."""
    hub_silent_s: float = Field(default=90.0, gt=0, le=3600, allow_inf_nan=False)
    """Without the beat of a monitoring hub, which comes every 30 s, for so long, nobody listens."""
    second_route_after_s: float = Field(default=8.0, ge=0, le=600, allow_inf_nan=False)
    """After this time without a commit over the first route the second one is tried. 8 s are what a connection to the
    first may take (5 s for TCP, 3 s for the broker's answer); as much for the second makes 16 s, before `commit_s`."""


class AlarmConfig(Model):
    """The home's own alarm, where no hub or no person takes an alert, whatever the cause."""

    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(entries)] | None = None
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
    """One way to a monitoring hub, or two, the one to be tried first before the other; each to a broker of its own."""
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
                raise fault(f"expected each {what} once, found {', '.join(twice)} twice", "give each its own")
        return wearers

    @field_validator("routes")
    @classmethod
    def _one_or_two(cls, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        if len(routes) > 2:
            raise fault(f"expected one route or two, found {len(routes)}", "keep the two that are best")
        if len({route.broker.where for route in routes}) < len(routes):
            what = f"expected two brokers, found {routes[0].broker.where} twice"
            raise fault(what, "keep one: all hubs on a broker are met over one route")
        return routes
