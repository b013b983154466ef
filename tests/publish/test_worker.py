from __future__ import annotations

import asyncio
import threading
import time

import pytest

from falld.publish.worker import Worker


async def test_runs_calls_in_order_on_one_thread() -> None:
    call = Worker("disk")
    order: list[int] = []

    def work(n: int, *, pause_s: float) -> str:
        time.sleep(pause_s)
        order.append(n)
        return threading.current_thread().name

    try:
        names = await asyncio.gather(*(call(work, n, pause_s=0.01 * (3 - n)) for n in range(3)))
    finally:
        call.close()
    assert order == [0, 1, 2]
    assert len(set(names)) == 1
    assert names[0].startswith("disk")
    assert not [thread for thread in threading.enumerate() if thread.name in names]


async def test_an_error_comes_back() -> None:
    call = Worker("disk")
    with pytest.raises(ZeroDivisionError):
        await call(divmod, 1, 0)
    call.close()
