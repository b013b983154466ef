"""The host's clocks."""

from __future__ import annotations

import time
import uuid
from datetime import UTC
from pathlib import Path

import pytest

from falld.alert import clock
from falld.alert.clock import ClockError, boot_id, boottime, clock_synced, utc_now


def test_the_boot_id_is_the_kernels() -> None:
    assert str(uuid.UUID(boot_id())) == boot_id()


def test_a_kernel_that_does_not_tell_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "boot_id")
    with pytest.raises(ClockError, match="boot_id: cannot be read: No such file"):
        boot_id()


def test_boottime_runs_on() -> None:
    first, second = boottime(), boottime()
    assert first <= second
    assert first == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1.0)


def test_wall_time_is_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert utc_now().timestamp() == pytest.approx(time.time(), abs=1.0)


@pytest.mark.parametrize(("state", "synced"), [(0, True), (1, True), (5, False)])
def test_the_kernel_knows_whether_its_clock_is_disciplined(
    monkeypatch: pytest.MonkeyPatch, state: int, synced: bool
) -> None:
    monkeypatch.setattr(clock, "_adjtimex", lambda: state)
    assert clock_synced() is synced


def test_where_the_kernel_may_not_be_asked_timesyncd_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "_adjtimex", lambda: -1)
    monkeypatch.setattr(clock, "_SYNCHRONIZED", tmp_path / "synchronized")
    assert not clock_synced()
    (tmp_path / "synchronized").touch()
    assert clock_synced()


def test_the_kernels_answer_is_one_of_its_states() -> None:
    assert clock._adjtimex() in range(-1, 6)


def test_without_adjtimex_the_answer_is_minus_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: None) -> object:
        raise OSError("no libc")

    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert clock._adjtimex() == -1
