"""The home's own certificates, while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from brokers import until
from homes import config, running
from papers import Papers

from falld.alert.clock import utc_now
from falld.config.schema import Config
from falld.daemon import certificates
from falld.daemon.certificates import Certificates, first_fault
from falld.daemon.health import to_wire
from falld.errors import FalldError


@pytest.fixture
def certified(need: Callable[[str], str], tmp_path: Path) -> Config:
    """Home h1, whose certificate ends in 20 days."""
    papers = Papers(tmp_path, need("openssl"))
    papers.authority("ca")
    papers.signed("h1", "ca", days=20)
    plain = config(tmp_path, 1, [tmp_path / "none.csv"]).model_dump(exclude_defaults=True)
    plain["routes"][0]["broker"] |= {"tls": True, "cert_file": papers.path("h1"), "key_file": papers.path("h1-key")}
    return Config.model_validate(plain)


async def test_one_that_ends_soon_is_told_once_and_is_well_once_it_is_renewed(
    certified: Config, need: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_S", 0.01)
    told: list[FalldError] = []
    looks = 0

    def look() -> Config:
        nonlocal looks
        looks += 1
        return certified

    watch = Certificates(look, told.append, utc_now)
    async with running(watch):
        await until(lambda: looks > 3)
        assert watch.fault is not None
        assert [fault.what for fault in told] == [watch.fault.what]
        assert watch.fault.what.startswith("expires on ")
        Papers(tmp_path, need("openssl")).signed("h1", "ca", days=90)
        await until(lambda: watch.fault is None)


def test_one_for_another_home_is_a_fault_where_it_says_who_speaks(certified: Config, tmp_path: Path) -> None:
    now = utc_now() - timedelta(days=40)
    assert first_fault(certified, now) is None
    other = certified.model_copy(update={"home": certified.home.model_copy(update={"id": "h2"})})
    fault = first_fault(other, now)
    assert fault is not None
    assert fault.what == "is for h1, not for h2"
    broker = other.routes[0].broker.model_copy(update={"username": "h2"})
    route = other.routes[0].model_copy(update={"broker": broker})
    assert first_fault(other.model_copy(update={"routes": (route,)}), now) is None


def test_one_that_cannot_be_read_is_its_routes_to_tell(certified: Config, tmp_path: Path) -> None:
    (tmp_path / "h1.pem").unlink()
    assert first_fault(certified, utc_now()) is None


def test_one_of_which_the_end_cannot_be_told_is_a_fault(
    certified: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fault = first_fault(certified, utc_now())
    assert fault is not None
    assert str(fault).startswith("openssl: is not installed")


def test_a_hub_is_told() -> None:
    health = {"boot_id": "b", "outbox": 0, "wearables": [], "routes": [], "open": []}
    wire = to_wire(health | {"certificate_fault": "c.pem: expires; mend it"}, utc_now(), clock_synced=True)
    assert [(fault.code, fault.what) for fault in wire.faults] == [("certificate", "c.pem: expires; mend it")]
