"""The daemon as `falld run` runs it, which tells at SIGTERM how many samples of each wearable it has judged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from falld.config.load import load
from falld.daemon.heard import Heard
from falld.daemon.run import run

samples: dict[str, int] = {}
decisions: Counter[str] = Counter()


def hear(heard: Heard) -> None:
    """Keeps the count."""
    if heard.kind == "samples":
        samples[heard.data["source"]] = heard.data["samples"]
    elif heard.kind == "decision":
        decisions[heard.data["event"]] += 1


async def main() -> None:
    """Until SIGTERM."""
    work = asyncio.create_task(run(load(Path(sys.argv[1])), observer=hear))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    print(json.dumps({"samples": samples, "decisions": decisions}))


asyncio.run(main())
