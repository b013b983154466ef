"""The host's clocks, and the one place where they are read."""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path

from falld.errors import FalldError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_TIMEX_BYTES = 512  # struct timex has 208 bytes on 64-bit Linux, 128 on 32-bit
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


class ClockError(FalldError):
    """The host does not say what it must."""


def boot_id() -> str:
    """The kernel's id of this boot: a restart of the program keeps it.

    Raises:
        ClockError: the kernel does not tell it.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ClockError(str(_BOOT_ID), f"cannot be read: {error.strerror}", "mount /proc, on Linux") from None


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME: since boot, suspended time included, never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def utc_now() -> datetime:
    """Wall time, right only where `clock_synced`."""
    return datetime.now(UTC)


def clock_synced() -> bool:
    """Whether the wall clock is disciplined by a time source. Never raises; in doubt, no.

    Asks the kernel, whom chrony, ntpd and systemd-timesyncd tell; where that is forbidden (systemd's
    `ProtectClock=`), looks for the file that systemd-timesyncd leaves after its first synchronisation.
    """
    state = _adjtimex()
    if state >= 0:
        return state != _TIME_ERROR
    try:
        return _SYNCHRONIZED.exists()
    except OSError:
        return False


def _adjtimex() -> int:
    """adjtimex(2) with `modes` 0, which only reads: the clock's state, or -1."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return -1
