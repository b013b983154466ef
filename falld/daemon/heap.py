"""Memory that is not needed any more, given back to the system."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import re
from pathlib import Path
from typing import Any

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""
_DONT_NEED = 4
"""`MADV_DONTNEED` of Linux."""
EVERY_S = 600.0
"""As often as what was learnt is kept: a soak of four streams grew by 0.3 MB in ten minutes."""
_CODE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*/onnxruntime/.*")
"""A line of /proc/self/maps; what may be executed and not written is as it is in the file."""


def share() -> None:
    """One heap for all threads: each would begin its own, and keep what it once needed at most. To be called before
    there are any. Python's threads take turns, so they do not wait for each other in it."""
    _call("mallopt", ctypes.c_int(_ARENA_MAX), ctypes.c_int(1))


def trim() -> None:
    """Give back what is free, 3 MB after a model was loaded; and let go of onnxruntime's code, most of which registers
    operators once: 18 MB, of which the first candidate takes 6 MB back from the page cache."""
    _give_back()
    with contextlib.suppress(FileNotFoundError):
        for start, end in _CODE.findall(Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")):
            begin = int(start, 16)
            _call("madvise", ctypes.c_void_p(begin), ctypes.c_size_t(int(end, 16) - begin), ctypes.c_int(_DONT_NEED))


async def keep_small() -> None:
    """Give back what is free now and then, until cancelled: after hours 2 to 4 MB lie between what is used."""
    while True:
        await asyncio.sleep(EVERY_S)
        await asyncio.to_thread(_give_back)


def _give_back() -> None:
    _call("malloc_trim", ctypes.c_size_t(0))


def _call(name: str, *arguments: Any) -> None:
    """Of the C library; only glibc has the first two, and others need neither."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
