"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dask_clusters import dask_cluster
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("FALLD_REQUIRE_ALL") == "1"

# A busy machine breaks no law.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def skip_or_fail(reason: str) -> None:
    """Skip, saying why; a failure where nothing may be skipped."""
    if REQUIRE_ALL:
        pytest.fail(f"{reason}, and FALLD_REQUIRE_ALL=1 allows no skip")
    pytest.skip(reason)


@pytest.fixture
def need() -> Callable[[str], str]:
    """The path of a program, or a skip that names it."""

    def find(program: str) -> str:
        path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            skip_or_fail(f"the program {program} is not installed")
        assert path is not None
        return path

    return find


@pytest.fixture(scope="session")
def missing() -> Callable[[str], None]:
    """Call it with what this machine lacks."""
    return skip_or_fail


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the real recordings, or a skip that says so."""
    folder = Path(os.environ.get("FALLD_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "sisfall.parquet").exists():
        skip_or_fail(f"no recordings in {folder} (set FALLD_DATA)")
    return folder


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Dask cluster of two workers, for all tests: it takes seconds to start."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2, python_path=str(ROOT / "tests" / "tasks")) as address:
        yield address


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Under FALLD_REQUIRE_ALL=1 a skip from anywhere is a failure."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under FALLD_REQUIRE_ALL=1: {report.longrepr}"
    return report
